//! The stage: private servers, Feishu's simulator, one `room-state` and two alerters as processes.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use chrono::TimeDelta;
use huiyin::local::Local;
use runtime::bus::Bus;
use runtime::{Clock, Config};
use serde_json::{Value, json};
use simulators::feishu::{self, ChatSpec, PersonSpec};
use store::sqlx::PgPool;
use store::sqlx::postgres::PgPoolOptions;
use tempfile::TempDir;

use super::guard::Guard;
use super::plan::{self, Event, Plan};
use crate::chaos::{LinkState, Proxy, shorten_ack_wait};
use crate::company::{self, Addresses};
use crate::service::Service;
use local_stack::free_address;

const ALERTER: &str = "feishu-alerter";
/// What is said meanwhile is published at once.
const PUBLISH_EVERY: Duration = Duration::from_millis(50);

pub struct World {
    pub clock: Clock,
    /// The real moment at which its clock began.
    began: Instant,
    pub config: Config,
    local: Local,
    bus: Bus,
    /// As the superuser.
    pub admin: PgPool,
    feishu: feishu::Running,
    pub services: Vec<Service>,
    /// Between each alerter and Feishu.
    links: Vec<Proxy>,
    http: reqwest::Client,
    folder: TempDir,
}

impl World {
    /// Services are not started yet.
    pub async fn start(plan: &Plan, without: Option<Guard>) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("hyd-").tempdir()?;
        let home = folder.path().join("home");
        std::fs::create_dir(&home)?;
        let local = Local::start(&local_stack::testing::settings(home)?, &local_stack::silent).await?;
        let admin = PgPoolOptions::new().max_connections(2).connect_with(local.admin_options()).await?;
        let bus = Bus::connect(&local.bus_superuser(), "bench").await?;
        shorten_ack_wait(&bus, plan::RATE).await?;
        let began = Instant::now();
        let pace = plan.pace(Clock::system().now());
        let clock = Clock::paced(pace.clone());
        let callbacks = [free_address()?, free_address()?];
        let feishu = feishu::start(feishu_config(&local, &clock, callbacks[0])?).await?;
        let configuration = configuration(&local, &feishu.url.clone())?;
        let config = company::load(&configuration)?;
        let now = clock.now();
        local.apply_rules(&config.rules, now - TimeDelta::days(30), now).await?;
        local.go_live(now - TimeDelta::days(20)).await?;
        let service = |name: &'static str, number: usize, config: &Value| -> Result<Service> {
            let service = Service::new(name, format!("{name}-{number}"), folder.path(), &pace)?;
            std::fs::write(service.config(), config.to_string())?;
            Ok(service)
        };
        let mut services = vec![service("room-state", 1, &configuration)?];
        let mut links = Vec::new();
        for (number, callback) in (1..).zip(callbacks) {
            let (link, address) =
                Proxy::tcp(feishu.url.clone().trim_start_matches("http://").parse()?).await?;
            let mut mine = configuration.clone();
            mine["feishu"]["base_url"] = json!(format!("http://{address}"));
            mine["feishu"]["listen"] = json!(callback);
            services.push(service(ALERTER, number, &mine)?.without(without));
            links.push(link);
        }
        let http = runtime::http::client_within(Duration::from_mins(1))?;
        Ok(Self { clock, began, config, local, bus, admin, feishu, services, links, http, folder })
    }

    pub fn alerters(&self) -> impl Iterator<Item = &Service> {
        self.services.iter().filter(|service| service.name == ALERTER)
    }

    /// Waits until a real time after the beginning of the clock.
    pub async fn moment(&self, at: Duration) {
        tokio::time::sleep_until((self.began + at).into()).await;
    }

    /// Everything that is said, each at its moment.
    pub async fn publish(&self, said: &[(Duration, Event)]) -> Result<()> {
        let mut rest = said;
        while !rest.is_empty() {
            tokio::time::sleep(PUBLISH_EVERY).await;
            let due = rest.partition_point(|(at, _)| *at <= self.began.elapsed());
            let (now, later) = rest.split_at(due);
            let outgoing = now.iter().map(|(_, event)| event.outgoing()).collect::<Result<Vec<_>>>()?;
            for answer in self.bus.publish_all(&outgoing).await {
                answer?;
            }
            rest = later;
        }
        Ok(())
    }

    /// Cuts the alerters off from Feishu, or lets them through again. One that is paused in the middle of a call would go on
    /// with it hours later on its clock; it is killed instead.
    pub fn cut(&self, cut: bool) -> Result<()> {
        for (alerter, link) in self.alerters().zip(&self.links) {
            link.set(if cut { LinkState::Cut } else { LinkState::Open });
            if cut && alerter.is_paused() {
                alerter.kill()?;
                alerter.start()?;
            }
        }
        Ok(())
    }

    /// Orders a fault of Feishu.
    pub async fn order(&self, fault: &Value) {
        drop(self.control("faults", fault).await);
    }

    pub async fn forget_orders(&self) {
        drop(self.http.delete(self.control_url("faults")).send().await);
    }

    pub async fn repair(&self) -> Result<()> {
        self.cut(false)?;
        for service in &self.services {
            service.pause(false);
            service.start()?;
        }
        self.forget_orders().await;
        self.control("release", &json!({})).await
    }

    pub async fn control(&self, route: &str, body: &Value) -> Result<()> {
        self.http.post(self.control_url(route)).json(body).send().await?.error_for_status()?;
        Ok(())
    }

    fn control_url(&self, route: &str) -> String {
        format!("{}/_sim/{route}", self.feishu.url)
    }

    /// The messages that stand in a chat, or in all, oldest first.
    pub async fn messages(&self, chat: Option<&str>) -> Result<Vec<Value>> {
        let query: Vec<_> = chat.map(|chat| ("chat", chat)).into_iter().collect();
        let mut shown: Value =
            self.http.get(self.control_url("messages")).query(&query).send().await?.json().await?;
        match shown["messages"].take() {
            Value::Array(messages) => Ok(messages),
            _ => anyhow::bail!("no messages"),
        }
    }

    /// Ends everything; unless all went well, logs and configurations are kept.
    pub async fn stop(self, well: bool) -> Result<()> {
        let mut stopped = Ok(());
        for service in &self.services {
            service.pause(false);
            stopped = stopped.and(service.stop().await);
        }
        self.admin.close().await;
        self.local.stop().await;
        self.feishu.stop().await;
        if !well {
            println!("  logs are in {}", self.folder.keep().display());
        }
        stopped
    }
}

fn configuration(local: &Local, feishu: &str) -> Result<Value> {
    let nowhere = free_address()?;
    let addresses = Addresses {
        ingest: nowhere,
        callback: nowhere,
        vika: format!("http://{nowhere}"),
        feishu: feishu.to_owned(),
        sheets: json!({}),
    };
    let mut config = company::configuration(local, &addresses)?;
    let rules = config["rules"].as_object_mut().context("rules")?;
    rules.extend(plan::rules().as_object().cloned().unwrap_or_default());
    Ok(config)
}

/// A chat for each salesperson beside those of the sample company.
fn feishu_config(local: &Local, clock: &Clock, callback: SocketAddr) -> Result<feishu::FeishuConfig> {
    let mut config = company::feishu_config(local, clock, callback)?;
    let sample = config.chats.first().cloned().context("a chat of the sample")?;
    let own = |chat_id: String| ChatSpec { name: chat_id.clone(), chat_id, ..sample.clone() };
    config.chats.extend((0..plan::OWNERS).map(|owner| own(plan::chat(owner))));
    config.chats.push(own("oc_demo_operators".into()));
    config.people.push(PersonSpec {
        open_id: plan::MANAGER.into(),
        name: "样经理".into(),
        mobile: String::new(),
        email: String::new(),
        available: true,
        refuse: None,
    });
    for chat in &mut config.chats {
        chat.members.push(plan::MANAGER.into());
    }
    Ok(config)
}
