//! `huiyin`, the operator's command.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use huiyin::{demo, up};

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
    /// Runs all services on this machine over private servers, with a company's own configuration.
    Up {
        /// Where database and streams are kept.
        #[arg(long, default_value = ".huiyin/up")]
        home: PathBuf,
        /// The configuration file; its sections `database` and `bus` are not used.
        #[arg(long, default_value = "config/huiyin.json")]
        config: PathBuf,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    runtime::telemetry::start_logs("warn", runtime::telemetry::LogFormat::Text);
    let done = match Arguments::parse().command {
        Command::Demo { home, headless, without_gateway } => {
            demo::run(&demo::Options { home, tools: None, headless, without_gateway }).await
        }
        Command::Up { home, config } => up::run(&up::Options { home, config }).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("huiyin: {error:#}");
            ExitCode::FAILURE
        }
    }
}
