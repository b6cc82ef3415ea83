//! Carries out what the plan says fails.

use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::plan::{Fault, Link, Server};
use super::proxy::LinkState;
use super::world::World;

/// Rows that a sheet takes: more than any run has.
pub const ROW_LIMIT: u32 = 50_000;

/// Lets one thing fail, and repairs it. What cannot be done because something else has failed is left out.
pub async fn carry_out(world: Arc<World>, fault: Fault) {
    match fault {
        Fault::KillService { service, down } => {
            drop(world.services[service].kill());
            tokio::time::sleep(down).await;
            drop(world.services[service].start());
        }
        Fault::PauseService { service, for_ } => {
            world.services[service].pause(true);
            tokio::time::sleep(for_).await;
            world.services[service].pause(false);
        }
        Fault::RestartService { service } => {
            drop(world.services[service].stop().await);
            drop(world.services[service].start());
        }
        Fault::KillServer { server, down } => {
            kill_server(&world, server).await;
            tokio::time::sleep(down).await;
            boot_server(&world, server).await;
        }
        Fault::PauseServer { server, for_ } => {
            pause_server(&world, server, true).await;
            tokio::time::sleep(for_).await;
            pause_server(&world, server, false).await;
        }
        Fault::RestartServer { server } => {
            let servers = world.local.stack();
            pause_server(&world, server, false).await;
            match server {
                Server::Postgres => servers.postgres.stop().await,
                Server::Nats => servers.nats.stop().await,
            }
            boot_server(&world, server).await;
        }
        Fault::Link { service, link, state, for_ } => {
            if let Some(proxy) = world.links.get(&(service, link)) {
                proxy.set(state);
                tokio::time::sleep(for_).await;
                proxy.set(LinkState::Open);
            }
        }
        Fault::Vika(fault) => post(&world, &world.vika.url, "faults", fault).await,
        Fault::Feishu(fault) => post(&world, &world.feishu.url.clone(), "faults", fault).await,
        Fault::VikaQuota { for_ } => {
            vika_setting(&world, json!({ "monthly_quota": 1 })).await;
            tokio::time::sleep(for_).await;
            vika_setting(&world, json!({ "monthly_quota": 0 })).await;
        }
        Fault::VikaFull { for_ } => {
            vika_setting(&world, json!({ "row_limit": 0 })).await;
            tokio::time::sleep(for_).await;
            vika_setting(&world, json!({ "row_limit": ROW_LIMIT })).await;
        }
        Fault::FeishuTokens => post(&world, &world.feishu.url.clone(), "tokens/expire", json!({})).await,
        Fault::FeishuLimits => {
            post(&world, &world.feishu.url.clone(), "limits", json!({ "style": "business" })).await;
        }
        Fault::FeishuQuota { for_ } => {
            let url = format!("{}/_sim/switches", world.feishu.url);
            for (left, time) in [(json!(0), for_), (Value::Null, Duration::ZERO)] {
                drop(world.http.patch(&url).json(&json!({ "monthly_calls_left": left })).send().await);
                tokio::time::sleep(time).await;
            }
        }
    }
}

/// Cuts the alerters off from Feishu, or lets them through again. One that is paused in the middle of a call would go on
/// with it an hour later on its clock; it is killed instead.
pub async fn nothing_in_flight(world: &World, cut: bool) -> anyhow::Result<()> {
    for (index, service) in world.services.iter().enumerate().filter(|(_, s)| s.name == "feishu-alerter") {
        if let Some(link) = world.links.get(&(index, Link::Outside)) {
            link.set(if cut { LinkState::Cut } else { LinkState::Open });
        }
        if cut && service.is_paused() {
            service.kill()?;
            service.start()?;
        }
    }
    if cut {
        // What Feishu was to take late is taken now.
        post(world, &world.feishu.url.clone(), "release", json!({})).await;
    }
    Ok(())
}

/// Changes how the simulator of Vika behaves, until it is changed back.
pub async fn vika_setting(world: &World, settings: Value) {
    post(world, &world.vika.url, "settings", settings).await;
}

async fn post(world: &World, base: &str, route: &str, body: Value) {
    drop(world.http.post(format!("{base}/_sim/{route}")).json(&body).send().await);
}

async fn kill_server(world: &World, server: Server) {
    let servers = world.local.stack();
    // A stopped child of a killed Postgres would never notice its end.
    pause_server(world, server, false).await;
    match server {
        Server::Postgres => servers.postgres.kill().await,
        Server::Nats => servers.nats.kill().await,
    }
}

/// An error says that another fault has started it already.
async fn boot_server(world: &World, server: Server) {
    let servers = world.local.stack();
    drop(match server {
        Server::Postgres => servers.postgres.boot().await,
        Server::Nats => servers.nats.boot().await,
    });
}

/// Stops or continues a server with all its processes.
pub async fn pause_server(world: &World, server: Server, paused: bool) {
    let servers = world.local.stack();
    let pid = match server {
        Server::Postgres => servers.postgres.pid().await,
        Server::Nats => servers.nats.pid().await,
    };
    let Some(pid) = pid else { return };
    for process in children(pid).into_iter().chain([pid]) {
        if let Some(process) = Pid::from_raw(process.cast_signed()) {
            kill_process(process, if paused { Signal::STOP } else { Signal::CONT }).ok();
        }
    }
}

/// Every process whose parent this one is, as `/proc` tells.
fn children(of: u32) -> Vec<u32> {
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    let parent = |pid: u32| -> Option<u32> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in brackets may hold anything; state and parent come after it.
        stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
    };
    processes
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| parent(*pid) == Some(of))
        .collect()
}
