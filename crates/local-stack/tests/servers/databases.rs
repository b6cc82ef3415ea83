//! Databases for tests.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::common::runs;
use local_stack::{Error, testing};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};

async fn run(options: &PgConnectOptions, statement: &'static str) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect_with(options).await?;
    sqlx::raw_sql(statement).execute(&mut connection).await?;
    connection.close().await
}

async fn count(options: &PgConnectOptions) -> i64 {
    let mut connection = PgConnection::connect_with(options).await.unwrap();
    sqlx::query_scalar("SELECT count(*) FROM echoes").fetch_one(&mut connection).await.unwrap()
}

#[tokio::test]
async fn every_test_gets_its_own_copy_of_a_template_made_once() {
    let servers = testing::servers().await.unwrap();
    let made = AtomicU32::new(0);
    let init = async |options: PgConnectOptions| {
        made.fetch_add(1, Ordering::Relaxed);
        run(&options, "CREATE TABLE echoes (word text); INSERT INTO echoes VALUES ('first')").await
    };
    let (one, two) =
        tokio::join!(servers.fresh_database("echoes", init), servers.fresh_database("echoes", init));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(made.into_inner(), 1);
    assert_ne!(one.name, two.name);
    run(&one.superuser, "INSERT INTO echoes VALUES ('second')").await.unwrap();
    assert_eq!((count(&one.superuser).await, count(&two.superuser).await), (2, 1));

    servers.postgres().drop_database(&one.name).await.unwrap();
    assert!(run(&one.superuser, "SELECT 1").await.is_err());
}

#[tokio::test]
async fn a_role_of_its_own_logs_in_with_its_own_password() {
    let servers = testing::servers().await.unwrap();
    let init = async |options: PgConnectOptions| {
        run(&options, "CREATE ROLE reader LOGIN PASSWORD 'only-for-this-test'").await
    };
    let database = servers.fresh_database("roles", init).await.unwrap();
    run(&database.connect_options("reader", "only-for-this-test"), "SELECT 1").await.unwrap();
    assert!(run(&database.connect_options("reader", "wrong"), "SELECT 1").await.is_err());
    let refused = run(&database.connect_options("reader", "only-for-this-test"), "CREATE ROLE more").await;
    assert!(refused.is_err());
}

#[tokio::test]
async fn a_failed_template_is_tried_again() {
    let servers = testing::servers().await.unwrap();
    let failed = servers.fresh_database("flaky", async |_| Err("the first time")).await;
    assert!(matches!(failed, Err(Error::Template { key, .. }) if key == "flaky"));
    servers.fresh_database("flaky", async |_| Ok::<_, Infallible>(())).await.unwrap();
}

#[tokio::test]
async fn a_test_may_have_a_bus_of_its_own() {
    let (shared, own) = (testing::servers().await.unwrap().nats(), testing::nats("").await.unwrap());
    assert_ne!(shared.address(), own.address());
    let pid = own.pid().await.unwrap();
    drop(own);
    assert!(!runs(pid));
    assert!(runs(shared.pid().await.unwrap()));
}
