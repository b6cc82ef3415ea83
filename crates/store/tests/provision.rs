//! Setting up databases beside each other on one server, which shares its roles among them.

use std::convert::Infallible;

use anyhow::Result;
use local_stack::testing::{TestDatabase, servers};
use store::role::Role;
use store::sqlx::{Connection as _, PgConnection};

/// Set-ups at the same time.
const DATABASES: usize = 6;

async fn provision(database: TestDatabase) -> Result<()> {
    let mut connection = PgConnection::connect_with(&database.superuser).await?;
    // Twice: roles are first made and then changed, and either can meet another set-up.
    for _ in 0..2 {
        store::migrate::provision(&mut connection, |role| format!("test-{role}")).await?;
    }
    connection.close().await?;
    let options = database.connect_options(Role::Reader.name(), "test-reader");
    let mut reader = PgConnection::connect_with(&options).await?;
    store::migrate::check(&mut reader).await?;
    reader.close().await?;
    Ok(())
}

#[tokio::test]
async fn databases_of_one_server_are_set_up_beside_each_other() -> Result<()> {
    let local = tokio::task::LocalSet::new();
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..DATABASES {
        let database = servers().await?.fresh_database("empty", async |_| Ok::<(), Infallible>(())).await?;
        running.spawn_local_on(provision(database), &local);
    }
    let finished = async {
        while let Some(done) = running.join_next().await {
            done??;
        }
        Ok(())
    };
    local.run_until(finished).await
}
