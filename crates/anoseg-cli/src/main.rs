//! The anoseg program.

use std::process::ExitCode;

/// Training allocates and frees large buffers at every step; `keep_freed_memory` keeps them for reuse.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    anoseg_cli::main_with(std::env::args_os().collect()).into()
}
