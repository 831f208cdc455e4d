//! The `spliceway` command.

/// The allocator: fast with many small, short-lived buffers on several threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    spliceway::cli::main()
}
