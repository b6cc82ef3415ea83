//! A database of several servers, of which one takes writes: which one it is, and how a service moves to another.
//!
//! Postgres moves nobody by itself: whoever promotes a standby changes nothing for those who are connected, and sqlx
//! knows one address. So each service looks at all servers and aims its pool at the primary. With one server nothing of
//! this happens.
//!
//! After a promotion there may be two that take writes, if the former primary was cut off or comes back unchanged. The
//! later timeline is right: only a promotion begins one.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use futures::future::join_all;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection, PgPool};

use crate::Context;
use crate::config::{Database, Server};
use crate::health::Health;
use crate::telemetry::chain;

/// How often the servers are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long one may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// A part of the service that has been silent for so long since the primary moved waits for a server that will never
/// answer: its machine vanished with the connections open, and sqlx sets no limit. Longer than [`Health::silent`] takes to
/// call a part silent.
const STUCK_AFTER: Duration = Duration::from_secs(35);

/// The timeline that a server writes; null: it takes no writes.
const TIMELINE: &str = "select case when not pg_is_in_recovery() then
        ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::bigint
    end";
/// Ends what the service still has open on a server.
const END_SESSIONS: &str = "select count(pg_terminate_backend(pid)) from pg_stat_activity
    where usename = current_user and application_name = $1 and pid <> pg_backend_pid()";

/// The same login at a server.
pub(crate) fn reached(server: &Server, options: &PgConnectOptions) -> PgConnectOptions {
    let options = options.clone().port(server.port);
    if server.host.starts_with('/') { options.socket(&server.host) } else { options.host(&server.host) }
}

/// This login at each of several servers; empty: there is but one.
fn candidates(database: &Database, options: &PgConnectOptions) -> Vec<PgConnectOptions> {
    let servers = database.servers().unwrap_or_default();
    let several = if servers.len() > 1 { servers } else { Vec::new() };
    several.iter().map(|server| reached(server, options)).collect()
}

/// Connects to the server that takes writes.
///
/// # Errors
/// If none does, or none can be reached.
pub async fn connect(database: &Database, options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    let candidates = candidates(database, options);
    if candidates.is_empty() {
        return PgConnection::connect_with(options).await;
    }
    PgConnection::connect_with(&primary(&candidates).await?).await
}

/// Aims a pool at the server that takes writes.
pub(crate) async fn aim(pool: &PgPool, database: &Database) -> Result<(), sqlx::Error> {
    let candidates = candidates(database, &pool.connect_options());
    if !candidates.is_empty() {
        pool.set_connect_options(primary(&candidates).await?);
    }
    Ok(())
}

async fn primary(candidates: &[PgConnectOptions]) -> Result<PgConnectOptions, sqlx::Error> {
    let mut seen: Vec<Seen> = candidates.iter().cloned().map(Seen::new).collect();
    let mut looks = join_all(seen.iter_mut().map(Seen::look)).await;
    match newest(&looks, 0) {
        Some((index, _)) => Ok(candidates[index].clone()),
        // Why, if all say so; else they are standbys.
        None if looks.iter().all(Result::is_err) => {
            Err(looks.remove(0).err().unwrap_or(sqlx::Error::PoolTimedOut))
        }
        None => Err(sqlx::Error::Configuration("none of the database's servers takes writes".into())),
    }
}

/// The server that writes the latest timeline, and that timeline, if it is no earlier than `known`. Of several that write
/// the same one the first named, so that nobody goes back and forth.
fn newest(looks: &[Result<Option<i64>, sqlx::Error>], known: i64) -> Option<(usize, i64)> {
    let writing = looks
        .iter()
        .enumerate()
        .filter_map(|(index, look)| Some((index, (*look).as_ref().ok()?.as_ref().copied()?)));
    writing
        .filter(|(_, timeline)| *timeline >= known)
        .max_by_key(|(index, timeline)| (*timeline, Reverse(*index)))
}

/// A server that is looked at again and again.
struct Seen {
    options: PgConnectOptions,
    connection: Option<PgConnection>,
}

impl Seen {
    const fn new(options: PgConnectOptions) -> Self {
        Self { options, connection: None }
    }

    /// Which timeline it writes; `None`: it follows another.
    async fn look(&mut self) -> Result<Option<i64>, sqlx::Error> {
        self.ask(TIMELINE, None).await
    }

    /// Ends the sessions of a service here. Best effort: it is tried again with the next look.
    async fn end_sessions(&mut self, service: &str) {
        if let Ok(Some(ended @ 1..)) = self.ask(END_SESSIONS, Some(service)).await {
            tracing::info!(ended, "sessions on a server that is not the primary ended");
        }
    }

    /// The connection is kept as long as it answers in time.
    async fn ask(&mut self, query: &'static str, argument: Option<&str>) -> Result<Option<i64>, sqlx::Error> {
        let kept = self.connection.take();
        let asked = tokio::time::timeout(ANSWER_TIMEOUT, async {
            let mut connection = match kept {
                Some(connection) => connection,
                None => PgConnection::connect_with(&self.options).await?,
            };
            let query = sqlx::query_scalar(query);
            let query = if let Some(argument) = argument { query.bind(argument) } else { query };
            let answer = query.fetch_one(&mut connection).await?;
            Ok((answer, connection))
        });
        let late = |_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()));
        let (answer, connection) = asked.await.unwrap_or_else(late)?;
        self.connection = Some(connection);
        Ok(answer)
    }
}

/// Keeps a service's pool aimed at the primary of its database. Ends, with the names of these parts, only if parts of the
/// service keep waiting for a server that is not the primary any more and does not answer: the service is to be started
/// again then.
pub(crate) fn follow(service: &'static str, context: &Context) -> impl Future<Output = String> + use<> {
    let (pool, health) = (context.db.clone(), context.health.clone());
    let candidates = candidates(&context.config.database, &pool.connect_options());
    async move {
        if candidates.is_empty() {
            return std::future::pending().await;
        }
        Following::new(service, pool, candidates).until_stuck(&health).await
    }
}

struct Following {
    service: &'static str,
    pool: PgPool,
    /// The pool's options at each server.
    candidates: Vec<PgConnectOptions>,
    seen: Vec<Seen>,
    at: Option<usize>,
    timeline: i64,
    moved: Option<Instant>,
}

impl Following {
    fn new(service: &'static str, pool: PgPool, candidates: Vec<PgConnectOptions>) -> Self {
        // Under another name, so that they are not taken for sessions of the service.
        let looking = format!("{service} looking for the primary");
        let seen = candidates.iter().cloned().map(|options| Seen::new(options.application_name(&looking)));
        let at = candidates.iter().position(|one| same_server(one, &pool.connect_options()));
        Self { service, pool, seen: seen.collect(), candidates, at, timeline: 0, moved: None }
    }

    async fn until_stuck(mut self, health: &Health) -> String {
        loop {
            self.look().await;
            if let Some(moved) = self.moved
                && moved.elapsed() > STUCK_AFTER
            {
                let since = moved.elapsed().as_secs();
                let stuck =
                    health.silent().into_iter().filter(|(_, silent)| *silent + LOOK_EVERY.as_secs() >= since);
                let stuck: Vec<&str> = stuck.map(|(part, _)| part).collect();
                if !stuck.is_empty() {
                    return stuck.join(", ");
                }
                self.moved = None;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn look(&mut self) {
        let looks = join_all(self.seen.iter_mut().map(Seen::look)).await;
        for (options, look) in self.candidates.iter().zip(&looks) {
            if let Err(error) = look {
                tracing::debug!(server = %host_of(options), error = chain(error), "a server of the database does not answer");
            }
        }
        let Some((primary, timeline)) = newest(&looks, self.timeline) else { return };
        self.timeline = timeline;
        if self.at != Some(primary) {
            self.move_to(primary);
        }
        // One of the same timeline is the primary under another name.
        let left = |look: &Result<Option<i64>, _>| matches!(look, Ok(writes) if *writes != Some(timeline));
        for (seen, _) in self.seen.iter_mut().zip(&looks).filter(|(_, look)| left(look)) {
            seen.end_sessions(self.service).await;
        }
    }

    fn move_to(&mut self, primary: usize) {
        let options = &self.candidates[primary];
        tracing::warn!(server = %host_of(options), timeline = self.timeline, "the database's primary is another server now");
        metrics::counter!("database_primary_moves_total").increment(1);
        self.pool.set_connect_options(options.clone());
        self.at = Some(primary);
        self.moved = Some(Instant::now());
        // Taken and not given back: one that leads to a server that is gone would be asked in vain whether it lives.
        while let Some(idle) = self.pool.try_acquire() {
            drop(idle.detach());
        }
    }
}

fn host_of(options: &PgConnectOptions) -> String {
    let host = options
        .get_socket()
        .map_or_else(|| options.get_host().to_owned(), |socket| socket.display().to_string());
    format!("{host}:{}", options.get_port())
}

fn same_server(one: &PgConnectOptions, other: &PgConnectOptions) -> bool {
    host_of(one) == host_of(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(host: &str) -> Database {
        let name = "huiyin".to_owned();
        Database {
            tls_ca: None,
            host: host.to_owned(),
            port: 5432,
            name,
            passwords: [].into(),
            password_files: None,
            admin: String::new(),
        }
    }

    #[test]
    fn several_servers_are_read_from_one_text() {
        let read = |host: &str| {
            let servers = database(host).servers()?;
            Some(servers.into_iter().map(|server| (server.host, server.port)).collect::<Vec<_>>())
        };
        let is = |servers: &[(&str, u16)]| {
            Some(servers.iter().map(|(host, port)| ((*host).to_owned(), *port)).collect())
        };
        assert_eq!(read("db"), is(&[("db", 5432)]));
        assert_eq!(read("db-1, db-2:5433"), is(&[("db-1", 5432), ("db-2", 5433)]));
        assert_eq!(read("/run/a:b,/run/c"), is(&[("/run/a:b", 5432), ("/run/c", 5432)]));
        assert_eq!(read("::1"), is(&[("::1", 5432)]));
        for wrong in ["", "db,", "db:many", ":5432"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_latest_timeline_is_right_and_none_earlier_than_known() {
        let looks = [Ok(Some(1)), Ok(None), Ok(Some(2)), Err(sqlx::Error::PoolTimedOut)];
        assert_eq!(newest(&looks, 0), Some((2, 2)));
        assert_eq!(newest(&looks, 2), Some((2, 2)));
        assert_eq!(newest(&looks, 3), None, "the former primary came back");
        assert_eq!(newest(&[Ok(Some(2)), Ok(Some(2))], 2), Some((0, 2)), "nobody goes back and forth");
    }
}
