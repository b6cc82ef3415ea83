//! The stage of a run: private servers, simulators, a proxy on every link, and the services as processes.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::vika::setup::KnownSheets;
use anyhow::{Context as _, Result};
use chrono::TimeDelta;
use huiyin::local::Local;
use runtime::bus::Bus;
use runtime::clock::Pace;
use runtime::{Clock, Config};
use serde_json::{Value, json};
use simulators::{feishu, vika};
use store::role::Role;
use store::sqlx::PgPool;
use store::sqlx::postgres::PgPoolOptions;
use store::vika_sync::known_columns;
use tempfile::TempDir;

use super::faults::{ROW_LIMIT, vika_setting};
use super::plan::{Link, Plan, RATE, REPLICAS};
use super::proxy::{LinkState, Proxy};
use crate::company::{self, Addresses, VIKA_USERS, vika_token};
use crate::service::Service;
use local_stack::free_address;

/// Connections for what the run does itself.
const POOL_SIZE: u32 = 4;
/// Everything that ours log, and what the libraries under them log at their most talkative useful level.
const LOG_FILTER: &str = "debug,domain=trace,events=trace,store=trace,runtime=trace,vika=trace,ingest=trace,\
    room_state=trace,vika_sync=trace,vika_reconcile=trace,feishu_alerter=trace";
/// Everything of a run.
pub struct World {
    /// The time of services and simulators.
    pub clock: Clock,
    /// The real moment at which it began.
    pub began: Instant,
    pub local: Local,
    /// As the superuser, past the proxies.
    pub admin: PgPool,
    pub vika: vika::Running,
    pub feishu: feishu::Running,
    /// The configuration that all services share.
    pub config: Config,
    /// The replicas, as in [`REPLICAS`].
    pub services: Vec<Arc<Service>>,
    pub links: BTreeMap<(usize, Link), Proxy>,
    /// Where each alerter takes presses.
    pub callbacks: Vec<SocketAddr>,
    /// For what the run does itself.
    pub http: reqwest::Client,
    /// Configurations, logs, data. Kept if the run failed.
    pub folder: TempDir,
}

impl World {
    /// Sets the stage; services are not started yet.
    pub async fn start(plan: &Plan) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("hyc-").tempdir()?;
        let home = folder.path().join("home");
        std::fs::create_dir(&home)?;
        let settings = local_stack::testing::settings(home)?;
        let local = Local::start(&settings, &local_stack::silent).await?;
        let admin = PgPoolOptions::new().max_connections(POOL_SIZE).connect_lazy_with(local.admin_options());
        shorten_ack_wait(&Bus::connect(&local.bus_superuser(), "chaos").await?, RATE).await?;
        let began = Instant::now();
        let pace =
            Pace { began: Clock::system().now(), epoch: plan.epoch, rate: RATE, leaps: plan.leaps.clone() };
        let clock = Clock::paced(pace.clone());
        let (ingest, callbacks) = (free_address()?, vec![free_address()?, free_address()?]);
        let vika = vika::start(company::vika_config(&local, &clock, RATE)).await?;
        let feishu = feishu::start(company::feishu_config(&local, &clock, callbacks[0])?).await?;
        let sheets = company::create_sheets(&vika.url, &local, &clock).await?;
        let addresses = Addresses {
            ingest,
            callback: callbacks[0],
            vika: vika.url.clone(),
            feishu: feishu.url.clone(),
            sheets,
        };
        let config = company::load(&configuration(&local, &addresses)?)?;
        let now = clock.now();
        local.apply_rules(&config.rules, now - TimeDelta::days(30), now).await?;
        local.go_live(now - TimeDelta::days(20)).await?;
        let (mut services, mut links) = (Vec::new(), BTreeMap::new());
        for (index, (name, number)) in REPLICAS.iter().copied().enumerate() {
            let replica = format!("{name}-{number}");
            let service = Service::new(name, replica.clone(), folder.path(), &pace)?;
            let mine =
                proxies(index, &replica, &local, (&addresses, &callbacks), folder.path(), &mut links).await?;
            std::fs::write(service.config(), mine.to_string())?;
            services.push(Arc::new(service));
        }
        let http = runtime::http::client_within(Duration::from_secs(10))?;
        Ok(Self {
            clock,
            began,
            local,
            admin,
            vika,
            feishu,
            config,
            services,
            links,
            callbacks,
            http,
            folder,
        })
    }

    /// A connection to the bus of the run's own.
    pub async fn bus(&self) -> Result<Bus> {
        Ok(Bus::connect(&self.local.bus_superuser(), "chaos").await?)
    }

    /// Ends every fault: servers run, links are fair, simulators do as they should, services run.
    pub async fn repair(&self) -> Result<()> {
        for link in self.links.values() {
            link.set(LinkState::Open);
        }
        let servers = self.local.stack();
        super::faults::pause_server(self, super::plan::Server::Postgres, false).await;
        super::faults::pause_server(self, super::plan::Server::Nats, false).await;
        if servers.postgres.pid().await.is_none() {
            servers.postgres.boot().await?;
        }
        if servers.nats.pid().await.is_none() {
            servers.nats.boot().await?;
        }
        for service in &self.services {
            service.pause(false);
            service.start()?;
        }
        self.http.delete(format!("{}/_sim/faults", self.vika.url)).send().await?;
        let generous = json!({ "monthly_quota": 0, "row_limit": ROW_LIMIT });
        vika_setting(self, generous).await;
        self.http.delete(format!("{}/_sim/faults", self.feishu.url)).send().await?;
        let unlimited = json!({ "monthly_calls_left": null });
        self.http.patch(format!("{}/_sim/switches", self.feishu.url)).json(&unlimited).send().await?;
        self.http.post(format!("{}/_sim/release", self.feishu.url)).send().await?;
        Ok(())
    }

    /// As an operator does: `init-vika`, which knows what was renamed, adds what was deleted.
    pub async fn restore_columns(&self) -> Result<()> {
        let mut known = KnownSheets::default();
        let sheets = &self.config.vika.sheets;
        for sheet in [&sheets.today, &sheets.all_rooms, &sheets.system_log] {
            let stored = known_columns(&mut *self.admin.acquire().await?, sheet).await?;
            known.columns.insert(sheet.parse()?, ::vika::known_columns(stored));
        }
        company::prepare_sheets(&self.vika.url, &self.local, &self.clock, known).await?;
        Ok(())
    }

    pub async fn stop(self) -> Result<TempDir> {
        let mut stopped = Ok(());
        for service in &self.services {
            service.pause(false);
            stopped = stopped.and(service.stop().await);
        }
        self.admin.close().await;
        self.local.stop().await;
        self.vika.stop().await;
        self.feishu.stop().await;
        stopped.map(|()| self.folder)
    }

    /// Every secret that this run made up.
    pub fn secrets(&self) -> Vec<String> {
        let local = &self.local;
        let mut secrets: Vec<String> = Role::ALL.iter().map(|role| local.secrets().password(*role)).collect();
        let named = ["ingest", "feishu.secret", "feishu.encrypt", "feishu.verify"];
        secrets.extend(named.map(|name| local.secrets().get(name)));
        secrets.extend(VIKA_USERS.map(|(name, _)| vika_token(local, name)));
        secrets.extend(local.bus().passwords.values().map(|password| password.expose().to_owned()));
        secrets.push(local.stack().nats.password().to_owned());
        secrets
    }

    /// The webhook's address, past no proxy.
    pub fn webhook(&self) -> String {
        format!("http://{}/v1/messages", self.config.ingest.listen)
    }
}

/// The server's time is real, and so is its wait for acknowledgements: it is cut as the clock is quickened.
pub async fn shorten_ack_wait(bus: &Bus, rate: u32) -> Result<()> {
    for consumer in runtime::bus::Consumer::ALL {
        let stream = bus.jetstream().get_stream(consumer.stream()).await?;
        let info = stream.consumer_info(consumer.name()).await?;
        let mut config = info.config.clone();
        config.ack_wait /= rate;
        stream.create_consumer(config).await?;
    }
    Ok(())
}

fn configuration(local: &Local, addresses: &Addresses) -> Result<Value> {
    let mut config = company::configuration(local, addresses)?;
    config["vika"]["sync_every"] = json!("6s");
    config["vika"]["poll_every"] = json!("6s");
    config["vika"]["poll_all_rooms_every"] = json!("6s");
    // Whoever presses whichever card.
    config["rules"]["buttons"] = json!({ "no_reply_needed": ["anyone"] });
    config["logs"] = json!({ "filter": LOG_FILTER });
    Ok(config)
}

/// The configuration of one replica, whose links lead through proxies of its own.
async fn proxies(
    index: usize,
    replica: &str,
    local: &Local,
    (addresses, callbacks): (&Addresses, &[SocketAddr]),
    folder: &Path,
    links: &mut BTreeMap<(usize, Link), Proxy>,
) -> Result<Value> {
    let mut config = configuration(local, addresses)?;
    let socket = format!(".s.PGSQL.{}", local_stack::SOCKET_PORT);
    let mine: PathBuf = folder.join(format!("pg{index}"));
    std::fs::create_dir(&mine)?;
    let proxy = Proxy::unix(&mine.join(&socket), local.stack().postgres.socket_folder().join(&socket))
        .with_context(|| format!("a proxy for {replica}"))?;
    links.insert((index, Link::Postgres), proxy);
    config["database"]["host"] = json!(mine);
    let (proxy, address) = Proxy::tcp(local.stack().nats.address().parse()?).await?;
    links.insert((index, Link::Nats), proxy);
    config["bus"]["url"] = json!(format!("nats://{address}"));
    let outside = |url: &str| -> Result<SocketAddr> { Ok(url.trim_start_matches("http://").parse()?) };
    if replica.starts_with("vika") {
        let (proxy, address) = Proxy::tcp(outside(&addresses.vika)?).await?;
        links.insert((index, Link::Outside), proxy);
        config["vika"]["base_url"] = json!(format!("http://{address}"));
    }
    if replica.starts_with("feishu") {
        let (proxy, address) = Proxy::tcp(outside(&addresses.feishu)?).await?;
        links.insert((index, Link::Outside), proxy);
        config["feishu"]["base_url"] = json!(format!("http://{address}"));
        if replica.ends_with('2') {
            config["feishu"]["listen"] = json!(callbacks[1]);
        }
    }
    Ok(config)
}
