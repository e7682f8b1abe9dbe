//! The `pressroom` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    pressroom::cli::main()
}
