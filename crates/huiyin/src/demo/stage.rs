//! `huiyin simulators`: the demo's outside world where the services run elsewhere, in containers of their own: the
//! simulators of Vika and Feishu and the page to play on.
//!
//! They have no authentication that deserves the name. They listen on loopback, or in a container on its private
//! network, of which nothing but the page may be published, and that on loopback.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use local_stack::gateway::SAMPLE_WORLD;
use runtime::config::{Source, VikaSheets, load_using};
use runtime::main_wrapper::connect_options;
use runtime::{Clock, Config, Shutdown};
use store::role::Role;

use super::outside::{self, Keys, Outside};
use super::page::{Addresses, Page, Sources};
use crate::failure::Result;

/// Where the simulator of Vika listens.
const VIKA_PORT: u16 = 8401;
/// Where the simulator of Feishu listens.
const FEISHU_PORT: u16 = 8402;

/// The secrets of the configuration that it needs.
const SECRETS: [&str; 5] = ["database.passwords.reader", "ingest.", "vika.", "feishu.", "watchdog.fallback."];

/// What `simulators` is called with.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where to listen; beyond loopback only in a container whose network is private
    #[arg(long, default_value = "127.0.0.1", value_name = "ADDRESS")]
    listen: IpAddr,
    /// A file with the Vika token that the page's manager works with
    #[arg(long, value_name = "FILE")]
    manager_token_file: PathBuf,
    /// Root of ingest, where the page's messages go if there is no control port
    #[arg(long, value_name = "URL")]
    ingest: String,
    /// Root of feishu-alerter, where the page's clicks go
    #[arg(long, value_name = "URL")]
    alerter: String,
    /// Control port of a gateway with a mock account, on which the page's people speak
    #[arg(long, value_name = "URL")]
    control: Option<String>,
}

/// Runs until it is asked to stop.
pub(crate) async fn run(args: Args, source: &Source) -> Result<()> {
    let shutdown = Shutdown::new();
    shutdown.on_signals().context("installing signal handlers")?;
    let config = load_using(source, &SECRETS.map(str::to_owned))?;
    let manager = std::fs::read_to_string(&args.manager_token_file).map_err(|error| {
        crate::failure::Failure::Usage(crate::text::unreadable(&args.manager_token_file, &error))
    })?;
    let keys = Keys::configured(&config, manager.trim().to_owned());
    let addresses = outside::Addresses {
        vika: SocketAddr::from((args.listen, VIKA_PORT)),
        feishu: SocketAddr::from((args.listen, FEISHU_PORT)),
        callbacks: format!("{}/feishu/callback", args.alerter),
    };
    let outside = Outside::start(&keys, addresses, &Clock::system()).await?;
    expect_sheets(&config.vika.sheets, &outside)?;
    let page = Page::on(sources(&args, &config, keys.manager)?, args.listen).await?;
    println!("· The page is on {}", page.address());
    shutdown.wait().await;
    page.stop().await;
    outside.stop().await;
    Ok(())
}

/// The simulator names its sheets alike at each start, so that the services' configuration can know them before.
fn expect_sheets(expected: &VikaSheets, outside: &Outside) -> anyhow::Result<()> {
    let sheets = &outside.sheets;
    let made = VikaSheets {
        today: sheets.today.as_str().to_owned(),
        all_rooms: sheets.all_rooms.as_str().to_owned(),
        system_log: sheets.system_log.as_str().to_owned(),
    };
    ensure!(made == *expected, "vika.sheets is not what the simulator made: expected {made:?}");
    Ok(())
}

fn sources(args: &Args, config: &Config, manager_token: String) -> anyhow::Result<Sources> {
    let token = config.ingest.webhook_tokens.first().context("ingest.webhook_tokens: expected one")?;
    let gateway = config.ingest.gateway.as_ref();
    let addresses = Addresses {
        vika: format!("http://127.0.0.1:{VIKA_PORT}"),
        manager_token,
        feishu: format!("http://127.0.0.1:{FEISHU_PORT}"),
        control: args.control.clone(),
        control_token: gateway.map(|gateway| gateway.token.expose().to_owned()),
        webhook: format!("{}/v1/messages", args.ingest),
        webhook_token: token.token.expose().to_owned(),
    };
    let people = serde_json::from_str(SAMPLE_WORLD).context("the sample world")?;
    Sources::elsewhere(addresses, people, config, connect_options(&config.database, Role::Reader)?)
}
