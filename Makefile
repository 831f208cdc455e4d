.PHONY: check test lint doc bench demo interop matrix fuzz soak compare

check:   ; cargo check --workspace --all-targets
test:    ; cargo test --workspace
lint:    ; cargo fmt --all --check && cargo clippy --workspace --all-targets -- -D warnings
doc:     ; RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --document-private-items
bench:   ; cargo bench
demo:    ; cargo run --release -- demo
interop: ; tests/interop/run
matrix:  ; tests/interop/run --matrix
fuzz:    ; fuzz/run
soak:    ; cargo run --release -p loadtest -- soak
compare: ; cargo run --release -p loadtest -- compare
