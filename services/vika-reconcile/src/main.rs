//! The `vika-reconcile` service.

use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::main("vika-reconcile", store::role::Role::VikaReconcile, vika_reconcile::run)
}
