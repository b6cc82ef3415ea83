//! A panic is reported before the process ends: where it happened, to the log and on the bus, in bounded time.
//!
//! Never its message: that may hold somebody's words or a secret. The bus is reached over a connection of the report's
//! own, since the panicked thread may be the one that works the service's.

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::{Location, PanicHookInfo};
use std::sync::mpsc;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::{Duration, Instant};

use events::beat::{Beat, BeatKind, Panic};
use events::subject;

use crate::bus::{Bus, Login};
use crate::{Clock, Context};

/// How long a report may hold the process up.
const REPORT_WITHIN: Duration = Duration::from_secs(2);
/// A second panic so soon is not reported by itself: it goes with the next beat, if there is one.
const QUIET: Duration = Duration::from_secs(5);
/// How long the report's connection stands after the report.
const SETTLE: Duration = Duration::from_millis(50);
/// Of a dependency's absolute path so much is told: package, folder, file.
const PATH_PARTS: usize = 4;

static INSTALL: Once = Once::new();
static REPORTERS: Mutex<BTreeMap<&'static str, Reporter>> = Mutex::new(BTreeMap::new());

tokio::task_local! {
    static SERVICE: &'static str;
}

/// Who reports a service's panics.
struct Reporter {
    login: Login,
    clock: Clock,
    last: Option<Panic>,
    reported: Option<Instant>,
}

fn reporters() -> MutexGuard<'static, BTreeMap<&'static str, Reporter>> {
    REPORTERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on this process's panics are reported, in the name of the service whose task panics. A service that is
/// started again keeps its last panic.
pub fn report(service: &'static str, ctx: &Context) {
    INSTALL.call_once(|| std::panic::set_hook(Box::new(hook)));
    let (login, clock) = (ctx.bus.login().clone(), ctx.clock.clone());
    let mut reporters = reporters();
    let last = reporters.remove(service).and_then(|earlier| earlier.last);
    reporters.insert(service, Reporter { login, clock, last, reported: None });
}

/// A service's last panic in this process.
pub fn last(service: &str) -> Option<Panic> {
    reporters().get(service).and_then(|reporter| reporter.last.clone())
}

/// Runs a part of a service, so that its panics are told in the service's name.
pub async fn within<F: Future>(service: &'static str, part: F) -> F::Output {
    SERVICE.scope(service, part).await
}

/// The service that this task belongs to.
pub fn service() -> Option<&'static str> {
    SERVICE.try_with(|service| *service).ok()
}

fn hook(info: &PanicHookInfo<'_>) {
    let location = info.location().map_or_else(|| "?".to_owned(), short_location);
    let Some((service, report)) = record(&location) else {
        eprintln!("panicked at {location}");
        return;
    };
    tracing::error!(service, location, "PANICKED");
    if let Some((login, beat)) = report {
        send_within(service, login, &beat, REPORT_WITHIN);
    }
}

fn short_location(location: &Location<'_>) -> String {
    let file = location.file();
    let parts: Vec<&str> = file.split('/').collect();
    let shown = if file.starts_with('/') {
        parts[parts.len().saturating_sub(PATH_PARTS)..].join("/")
    } else {
        file.to_owned()
    };
    format!("{shown}:{}", location.line())
}

/// Remembers the panic. `None`: nobody reports here. The inner `None`: one was reported a moment ago.
fn record(location: &str) -> Option<(&'static str, Option<(Login, Beat)>)> {
    let mut reporters = reporters();
    let service = service().or_else(|| reporters.keys().next().copied())?;
    let reporter = reporters.get_mut(service)?;
    let at = reporter.clock.now();
    let panic = Panic { at, location: location.to_owned() };
    reporter.last = Some(panic.clone());
    if reporter.reported.is_some_and(|reported| reported.elapsed() < QUIET) {
        return Some((service, None));
    }
    reporter.reported = Some(Instant::now());
    let beat = Beat { panicked: Some(panic), ..Beat::new(service, "", BeatKind::Panicked, at, at) };
    Some((service, Some((reporter.login.clone(), beat))))
}

/// On a thread of its own: the panicked one may be a worker that must not block on its own runtime.
fn send_within(service: &'static str, login: Login, beat: &Beat, limit: Duration) {
    let Ok(payload) = events::encode(beat) else { return };
    let (done, wait) = mpsc::channel();
    let sender = move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        let sent =
            runtime.block_on(async { tokio::time::timeout(limit, send(service, &login, payload)).await });
        done.send(matches!(sent, Ok(Ok(())))).ok();
    };
    let started = std::thread::Builder::new().name("panic-report".to_owned()).spawn(sender);
    if started.is_err() || wait.recv_timeout(limit) != Ok(true) {
        eprintln!("{service}: the panic could not be reported on the bus");
    }
}

async fn send(service: &str, login: &Login, payload: Vec<u8>) -> anyhow::Result<()> {
    let bus = Bus::connect(login, service).await?;
    let client = bus.client();
    client.publish(subject::beat(service), payload.into()).await?;
    client.flush().await?;
    // Flushed bytes are the kernel's, which delivers them whatever becomes of the process. A connection closed while
    // something unread lies in it would be reset, so what the server says meanwhile is read.
    client.drain().await?;
    tokio::time::sleep(SETTLE).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_file_and_a_line() {
        let here = short_location(Location::caller());
        assert!(here.starts_with("crates/runtime/src/panics.rs:"), "{here}");
    }
}
