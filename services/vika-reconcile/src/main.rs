//! The `vika-reconcile` service.

use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::main(store::role::Role::VikaReconcile, vika_reconcile::run)
}
