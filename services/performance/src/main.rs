//! The `performance` service.

use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::main(store::role::Role::Performance, performance::run)
}
