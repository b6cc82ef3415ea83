//! What heartbeats report about Vika.

use std::time::Duration;

use anyhow::Result;
use events::beat::{Beat, OutsideFailure};
use futures::StreamExt;
use runtime::beat::Beats;
use serde_json::json;
use store::role::Role;
use testkit::company::{CHEN, says};
use testkit::{Running, until};

use crate::support::World;

pub async fn beating(world: &World, role: Role) -> Result<Running> {
    let service = move |ctx: runtime::Context| async move {
        let beats = tokio::spawn(Beats::new(role.service(), &ctx).run());
        let ended = match role {
            Role::VikaSync => vika_sync::run(ctx).await,
            _ => vika_reconcile::run(ctx).await,
        };
        beats.abort();
        ended
    };
    world.stack.run(role, service).await
}

/// Waits until a service's beats report exactly these problems; the clock advances by `step` with each beat.
pub async fn until_reported(
    world: &World,
    role: Role,
    wanted: &[(OutsideFailure, Option<&str>)],
    step: Duration,
) -> Result<()> {
    let mut beats = world.stack.bus.client().subscribe(events::subject::beat(role.service())).await?;
    let reported = async {
        while let Some(beat) = beats.next().await {
            let beat: Beat = events::decode(&beat.payload)?;
            let found: Vec<_> = beat.vika.iter().map(|p| (p.what, p.sheet.as_deref())).collect();
            if found == wanted {
                return Ok(());
            }
            world.stack.clock.advance(step);
        }
        anyhow::bail!("no beats any more")
    };
    tokio::time::timeout(Duration::from_mins(1), reported)
        .await
        .unwrap_or_else(|_| panic!("never reported {wanted:?}"))
}

#[tokio::test]
async fn problems_with_vika_are_reported_and_so_is_their_end() -> Result<()> {
    let mut world = World::start().await?;
    world.stack.config.watchdog = Some(serde_json::from_value(
        json!({ "operators_chat": "oc_operators", "beat_every": "1s", "expected": [] }),
    )?);
    let (today, all) = (world.sheets.today.clone(), world.sheets.all_rooms.clone());
    let room_state = world.room_state().await?;
    let services = [Role::VikaSync, Role::VikaReconcile];
    let mut running = Vec::new();
    for role in services {
        running.push(beating(&world, role).await?);
    }
    let soon = Duration::from_secs(61);
    for (fault, what) in [
        (json!({"kind": "quota", "times": 100_000}), OutsideFailure::Quota),
        (json!({"kind": "status", "status": 401, "times": 100_000}), OutsideFailure::Access),
    ] {
        world.order("faults", fault).await?;
        for role in services {
            until_reported(&world, role, &[(what, None)], soon).await?;
        }
        world.clear_faults().await?;
        for role in services {
            until_reported(&world, role, &[], soon).await?;
        }
    }
    let column =
        |from: &str, to: &str| json!({"sheet": &today, "column": from, "action": "rename", "to": to});
    world.order("columns", column("经理修改时间", "改{于}")).await?;
    for role in services {
        until_reported(&world, role, &[(OutsideFailure::Columns, Some("今日群聊"))], soon).await?;
    }
    world.order("columns", column("改{于}", "经理修改时间")).await?;
    for role in services {
        until_reported(&world, role, &[], Duration::from_secs(15)).await?;
    }
    world.order("settings", json!({"row_limit": 0})).await?;
    world.publish(&[says("r1", CHEN, world.past(0), "在吗？")]).await?;
    let full = [(OutsideFailure::SheetFull, Some("今日群聊")), (OutsideFailure::SheetFull, Some("群聊总表"))];
    until_reported(&world, Role::VikaSync, &full, soon).await?;
    world.order("settings", json!({"row_limit": 50_000})).await?;
    until_reported(&world, Role::VikaSync, &[], soon).await?;
    let stalled = [(OutsideFailure::Stalled, Some("群聊总表"))];
    world.order("faults", json!({"kind": "status", "status": 400, "times": 100_000, "sheet": &all})).await?;
    world.publish(&[says("r2", CHEN, world.past(0), "在吗？")]).await?;
    for role in services {
        until_reported(&world, role, &stalled, soon).await?;
    }
    world.clear_faults().await?;
    for role in services {
        until_reported(&world, role, &[], soon).await?;
    }
    until("the row is there", || async { Ok(world.row(&today, "r1").await?.is_some()) }).await?;
    for service in running {
        service.stop().await?;
    }
    room_state.stop().await
}
