//! The `vika-sync` service.

use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::main(store::role::Role::VikaSync, vika_sync::run)
}
