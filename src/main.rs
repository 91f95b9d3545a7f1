//! The `bookflow` binary: everything is in `cli`.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: bookflow::allocator::Allocator = bookflow::allocator::Allocator;

fn main() -> ExitCode {
    bookflow::allocator::keep_freed_memory();
    bookflow::cli::run()
}
