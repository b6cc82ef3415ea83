//! The `ingest` service.

use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::main(store::role::Role::Ingest, ingest::run)
}
