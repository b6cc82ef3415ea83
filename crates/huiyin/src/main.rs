//! `huiyin`, the operator's command.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use huiyin::demo;

#[derive(Parser)]
#[command(name = "huiyin", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the whole path on this machine, with an invented company and a page to play on.
    Demo {
        /// Where everything is kept.
        #[arg(long, default_value = ".huiyin")]
        home: PathBuf,
        /// Open nothing.
        #[arg(long)]
        headless: bool,
        /// Do without the Wechaty gateway: messages come by the webhook.
        #[arg(long)]
        without_gateway: bool,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let Command::Demo { home, headless, without_gateway } = Arguments::parse().command;
    runtime::telemetry::start_logs("warn", runtime::telemetry::LogFormat::Text);
    match demo::run(&demo::Options { home, tools: None, headless, without_gateway }).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("huiyin: {error:#}");
            ExitCode::FAILURE
        }
    }
}
