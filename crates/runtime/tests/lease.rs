//! Who has a lease, and what the database takes from a process that does not run.

use std::time::Duration;

use anyhow::Result;
use local_stack::testing::{TestDatabase, servers};
use runtime::lease::Lease;
use runtime::main_wrapper::pool;

const NAME: &str = "test";
/// Short, for a test.
const IDLE: Duration = Duration::from_secs(2);

async fn database() -> Result<TestDatabase> {
    Ok(servers().await?.fresh_database("nothing", async |_| anyhow::Ok(())).await?)
}

/// Tries for longer than a stopped holder would keep it.
async fn taken_from_it(database: &TestDatabase) -> Result<bool> {
    let db = pool(database.superuser.clone(), "test");
    for _ in 0..30 {
        if Lease::try_acquire_for(&db, NAME, IDLE).await?.is_some() {
            return Ok(true);
        }
        tokio::time::sleep(IDLE / 8).await;
    }
    Ok(false)
}

/// Its process runs and does something else for long.
#[tokio::test]
async fn a_lease_that_nobody_asks_about_is_kept() -> Result<()> {
    let database = database().await?;
    let db = pool(database.superuser.clone(), "test");
    let mut lease = Lease::try_acquire_for(&db, NAME, IDLE).await?.unwrap();
    assert!(!taken_from_it(&database).await?);
    lease.check().await?;
    drop(lease);
    assert!(taken_from_it(&database).await?, "given back");
    Ok(())
}

/// A thread that does not come back to its runtime is as good as a process that is stopped: the connection stands, and
/// nothing is said on it.
#[tokio::test]
async fn a_process_that_is_stopped_loses_the_lease() -> Result<()> {
    let database = database().await?;
    let superuser = database.superuser.clone();
    let (held, when_held) = tokio::sync::oneshot::channel();
    let (wake, when_woken) = std::sync::mpsc::channel::<()>();
    let stopped = std::thread::spawn(move || -> Result<bool> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let db = pool(superuser, "test");
            let mut lease = Lease::try_acquire_for(&db, NAME, IDLE).await?.unwrap();
            held.send(()).ok();
            when_woken.recv()?;
            Ok(lease.check().await.is_err())
        })
    });
    when_held.await?;
    let taken = taken_from_it(&database).await?;
    wake.send(())?;
    let lost = stopped.join().unwrap()?;
    assert!(taken, "somebody else has it by now");
    assert!(lost, "and the one that wakes up learns of it");
    Ok(())
}

/// So are the locks of a transaction that it had begun.
#[tokio::test]
async fn a_transaction_that_nobody_goes_on_with_is_ended() -> Result<()> {
    let database = database().await?;
    let db = pool(database.superuser.clone(), "test");
    let after: String =
        store::sqlx::query_scalar("show idle_in_transaction_session_timeout").fetch_one(&db).await?;
    assert_eq!(after, "30s");
    Ok(())
}
