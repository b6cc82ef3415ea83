//! The `feishu-alerter` service.

use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::main("feishu-alerter", store::role::Role::FeishuAlerter, feishu_alerter::run)
}
