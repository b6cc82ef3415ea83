//! The `feishu-alerter` service.

use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::main(store::role::Role::FeishuAlerter, feishu_alerter::run)
}
