//! The board over HTTP and in a real Chromium, against a real Postgres.

#[path = "../../../../tests/page/browser.rs"]
#[expect(dead_code, reason = "the demo's page is played on with more of it")]
mod browser;

mod access;
mod chromium;
mod feishu;
mod live;
mod login;
mod pages;
mod speed;
mod support;
