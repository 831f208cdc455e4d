.PHONY: check test lint doc bench demo interop fuzz

check:   ; cargo check --all-targets
test:    ; cargo test
lint:    ; cargo fmt --check && cargo clippy --all-targets -- -D warnings
doc:     ; RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --document-private-items
bench:   ; cargo bench
demo:    ; cargo run --release -- demo
interop: ; tests/interop/run
fuzz:    ; fuzz/run
