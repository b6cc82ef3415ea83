//! feishu-alerter
