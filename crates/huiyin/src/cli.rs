//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use runtime::telemetry::{self, LogFormat};

use crate::failure::{Failure, Result};
use crate::installation::{DEMO_HOME, Target, UP_HOME};
use crate::{
    apply, away, backup, board_link, cards, check, closing, dead_letters, demo, focus, golive, health,
    import, init_huoban, init_vika, kubernetes, original, priority, recompute, report, roster, schema,
    secrets, simulate, tcp_proxy, up, waiting,
};

/// What a command logs besides what it prints; `up` logs as its configuration says.
const LOGS: &str = "warn";

/// 回音: every customer message gets an echo.
#[derive(Debug, Parser)]
#[command(
    name = "huiyin",
    version,
    after_help = "Which Huiyin a command is about: --home names the home of a running `up` or `demo`. A configuration that is \
                  named, by --config or HUIYIN_CONFIG, is the deployment that it describes, unless a home of this folder \
                  runs with that file. With neither it is what runs in .huiyin or .huiyin/up, else the deployment of \
                  config/huiyin.json.\n\n\
                  Exit codes: 0 done; 1 failed, try again later; 2 the command line or the configuration is wrong; \
                  3 done, but some of it was refused."
)]
struct Cli {
    /// The configuration file [default: the one that `HUIYIN_CONFIG` names, else config/huiyin.json]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The home of `up` (by default .huiyin/up) or of `demo` (by default .huiyin)
    #[arg(long, global = true, value_name = "FOLDER")]
    home: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the whole path on this machine, with an invented company and a page to play on
    Demo(DemoArgs),
    /// Run all services on this machine over private servers, with a company's own configuration: the one that is named, else
    /// the one that its home ran with last
    Up,
    /// Put the configuration in force: migrate the database, set up roles and streams, store the rules
    Apply(apply::Args),
    /// Make the secrets that a deployment needs, and say which ones only you can know
    Secrets(secrets::Args),
    /// Prove every login, token, chat, sheet and clock, and say what to do about each failure (in Chinese)
    Check(check::Args),
    /// Find out who works here, for the roster in the configuration
    #[command(subcommand)]
    Roster(roster::Command),
    /// Find closing words that the rules do not know yet
    #[command(subcommand)]
    Closing(closing::Command),
    /// Go live: from now on cards are sent; before, everything runs and they are only listed (in Chinese)
    Golive(golive::Args),
    /// List the cards that were sent and, before go-live, those that would have been (in Chinese)
    Cards(cards::Args),
    /// Say who is away, or who stands in for somebody and until when (in Chinese)
    Away(away::Args),
    /// Say who is not to be disturbed, or for whom private cards are to wait (in Chinese)
    Focus(focus::Args),
    /// Say who waits for somebody (in Chinese)
    Waiting(waiting::Args),
    /// Say which cards the ladders would have sent for the messages of the past days (in Chinese)
    Simulate(simulate::Args),
    /// Make a configuration from the default.json of the original sales-assistant, and say what could not be taken (in
    /// Chinese)
    ImportOriginal(original::Args),
    /// Create or complete the managers' sheets in the configured Vika space, and print their ids (in Chinese)
    InitVika,
    /// Find the figures' tables in Huoban (伙伴云), and say what of them is to be made by hand (in Chinese)
    InitHuoban,
    /// Bring in messages of the past; they count, but never alarm
    Import(import::Args),
    /// Say why a room goes before others
    #[command(subcommand)]
    Priority(priority::Command),
    /// Count closed waits anew, by the rules that are valid for their time now
    Recompute(recompute::Args),
    /// Show the figures of a day, a week or a month, or write them into a file (in Chinese)
    Report(report::Args),
    /// Make a link that logs somebody in to the web board, once (in Chinese)
    BoardLink(board_link::Args),
    /// Save database and configuration in one file, while everything runs
    Backup(backup::Args),
    /// Bring a backup back into an empty database
    Restore(backup::RestoreArgs),
    /// Look at what could not be handled, and have it handled again
    #[command(subcommand)]
    Dead(dead_letters::Command),
    /// Ask a service on this machine whether it can work: the health check of a container
    #[command(hide = true)]
    Health(health::Args),
    /// Forward connections to services by name: the one published container
    #[command(hide = true)]
    Front(tcp_proxy::Args),
    /// Play Vika and Feishu, and serve the demo's page, for services that run in containers
    #[command(hide = true)]
    Simulators(demo::stage::Args),
    /// Write the manifests of a deployment on Kubernetes
    Kubernetes(kubernetes::Args),
    /// Print the JSON Schema of the configuration file
    #[command(hide = true)]
    Schema,
}

#[derive(Debug, clap::Args)]
struct DemoArgs {
    /// Open nothing
    #[arg(long)]
    headless: bool,
    /// Do without the Wechaty gateway: messages come by the webhook
    #[arg(long)]
    without_gateway: bool,
    /// Begin with nothing said yet, instead of an invented month
    #[arg(long)]
    without_history: bool,
}

/// The command line, for whoever looks at what can be said on it.
pub fn command_line() -> clap::Command {
    Cli::command()
}

/// Runs the command that the process was called with.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    if !matches!(cli.command, Command::Up) {
        telemetry::start_logs(LOGS, LogFormat::Text);
    }
    let target = Target::named(cli.home, cli.config);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::Failed(error.into()).report(),
    };
    match runtime.block_on(run(cli.command, &target)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

async fn run(command: Command, target: &Target) -> Result<()> {
    match command {
        Command::Demo(DemoArgs { headless, without_gateway, without_history }) => {
            let home = target.home_or(DEMO_HOME);
            let options = demo::Options { home, tools: None, headless, without_gateway, without_history };
            Box::pin(demo::run(&options)).await
        }
        Command::Up => {
            let home = target.home_or(UP_HOME);
            let options = up::Options { config: target.config_for_up(&home), home };
            Box::pin(up::run(&options)).await
        }
        Command::Apply(args) => apply::run(&args, target).await,
        Command::Secrets(args) => secrets::run(&args),
        Command::Check(args) => check::run(&args, target).await,
        Command::Roster(command) => roster::run(&command, target).await,
        Command::Closing(command) => closing::run(&command, target).await,
        Command::Golive(args) => golive::run(&args, target).await,
        Command::Cards(args) => cards::run(&args, target).await,
        Command::Away(args) => away::run(&args, target).await,
        Command::Focus(args) => focus::run(&args, target).await,
        Command::Waiting(args) => waiting::run(&args, target).await,
        Command::Simulate(args) => simulate::run(&args, target).await,
        Command::ImportOriginal(args) => original::run(&args),
        Command::InitVika => init_vika::run(target).await,
        Command::InitHuoban => init_huoban::run(target).await,
        Command::Import(args) => import::run(&args, target).await,
        Command::Priority(command) => priority::run(&command, target).await,
        Command::Recompute(args) => recompute::run(&args, target).await,
        Command::Report(args) => report::run(&args, target).await,
        Command::BoardLink(args) => board_link::run(&args, target).await,
        Command::Backup(args) => backup::run(&args, target).await,
        Command::Restore(args) => backup::run_restore(&args, target).await,
        Command::Dead(command) => dead_letters::run(&command, target).await,
        Command::Health(args) => health::run(&args).await,
        Command::Front(args) => Ok(tcp_proxy::run(args).await?),
        Command::Simulators(args) => demo::stage::run(args, &target.source()).await,
        Command::Kubernetes(args) => kubernetes::run(&args, target),
        Command::Schema => schema::run(),
    }
}
