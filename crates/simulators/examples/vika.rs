//! A simulator of Vika on a free port of loopback, for whoever judges it from outside: `tests/vika-sdk/judge.py`.
//!
//! Prints its address, and ends when its standard input does.

use std::io;
use std::sync::Arc;

use runtime::Clock;
use simulators::vika::{VikaConfig, VikaMember, start};

#[tokio::main]
async fn main() -> io::Result<()> {
    let clock = Clock::system();
    let mut config = VikaConfig::sample(Arc::new(move || clock.now()));
    // An id that the service takes and then forgets.
    config.spaces[0].members.push(VikaMember { name: "短号".into(), unit_id: "123456789".into() });
    let simulator = start(config).await?;
    println!("{}", simulator.url);
    tokio::task::spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink())).await??;
    simulator.stop().await;
    Ok(())
}
