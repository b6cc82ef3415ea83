//! The `ingest` service.

use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::main("ingest", store::role::Role::Ingest, ingest::run)
}
