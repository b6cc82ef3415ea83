//! Puts the capture together from configuration and from what the last process left behind.

use std::sync::atomic::AtomicI64;
use std::sync::{Arc, RwLock};

use anyhow::Context as _;
use chrono::TimeDelta;
use runtime::{Context, Tasks, config};
use store::ingest::{gateways, inbox};
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::outbox::Outbox;
use super::people::People;
use super::rooms::Rooms;
use super::{Capture, arrivals, fetch, outbox, record, room_sync};
use crate::contacts::Contacts;
use crate::gateway::reader::{ARRIVAL_QUEUE, Now};
use crate::gateway::session::{Begin, NOTICE_QUEUE};
use crate::gateway::{ContactId, Outlets, Resume, Session, Settings, Status, Timings};
use crate::order::CaptureOrder;

/// Ids that were given up stay this long for people to look at; the bus keeps messages no longer either.
const KEEP_MISSING: TimeDelta = TimeDelta::days(14);

/// Starts all tasks of the capture.
///
/// # Errors
/// If the settings cannot be used, or the database does not answer.
pub async fn start(
    ctx: &Context,
    config: &config::Gateway,
    contacts: Contacts,
    order: Arc<CaptureOrder>,
    tasks: &mut Tasks,
) -> anyhow::Result<Arc<Capture>> {
    let settings = Settings::of(config)?;
    let (status, status_watch) = watch::channel(Status::initial());
    let (client, client_watch) = watch::channel(None);
    let (capture, epoch) = restore(ctx, &config.name, contacts, order, status_watch, client_watch).await?;

    let (arrivals, arrivals_in) = mpsc::channel(ARRIVAL_QUEUE);
    let (notices, notices_in) = mpsc::channel(NOTICE_QUEUE);
    let (changes, changes_in) = mpsc::unbounded_channel();
    let clock = ctx.clock.clone();
    let now: Now = Arc::new(move || clock.now());
    let seed = runtime::random::fraction().to_bits();
    let timings = Timings::default();
    let begin = Begin { settings, timings, resume: Resume::default(), epoch, seed, now };
    let outlets = Outlets { arrivals, notices, status, client };
    tasks.spawn("gateway", connected(ctx.clone(), begin, outlets));
    tasks.spawn("arrivals", arrivals::run(capture.clone(), arrivals_in, changes));
    tasks.spawn("fetch", fetch::run(capture.clone()));
    tasks.spawn("rooms", room_sync::run(capture.clone(), changes_in));
    tasks.spawn("outbox", outbox::run(capture.clone()));
    tasks.spawn("record", record::run(capture.clone(), notices_in));
    Ok(capture)
}

async fn restore(
    ctx: &Context,
    name: &str,
    contacts: Contacts,
    order: Arc<CaptureOrder>,
    status: watch::Receiver<Status>,
    client: watch::Receiver<Option<crate::gateway::GatewayClient>>,
) -> anyhow::Result<(Arc<Capture>, u64)> {
    let mut connection = ctx.db.acquire().await.context("reading what the last capture left")?;
    let gateway = gateways::get(&mut connection, name).await?;
    let rooms = store::ingest::rooms::list(&mut connection, name).await?;
    inbox::forget_missing(&mut connection, name, ctx.clock.now() - KEEP_MISSING).await?;
    let account = gateway.as_ref().and_then(|gateway| gateway.account.clone());
    let account = account.and_then(|account| ContactId::kept(account, None));
    let epoch = gateway.map_or(0, |gateway| u64::try_from(gateway.epoch).unwrap_or_default());
    let capture = Capture {
        ctx: ctx.clone(),
        name: name.to_owned(),
        account: RwLock::new(account),
        last_login_ms: AtomicI64::new(0),
        last_event_ms: AtomicI64::new(0),
        client,
        status,
        login_code: watch::channel(None).0,
        verification: watch::channel(None).0,
        arrived: Notify::new(),
        people: People::default(),
        contacts,
        rooms: Rooms::restore(rooms),
        outbox: Outbox::default(),
        order,
    };
    Ok((Arc::new(capture), epoch))
}

async fn connected(ctx: Context, begin: Begin, outlets: Outlets) {
    let stop = CancellationToken::new();
    let stopper = stop.clone();
    let shutdown = async {
        ctx.shutdown.wait().await;
        stopper.cancel();
    };
    tokio::join!(Session::run(begin, outlets, stop), shutdown);
}
