//! `huiyin health`: asks a service on this machine whether it can work. A container's health check, since the image
//! holds no other program that could ask.

use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::failure::Result;
use crate::text::on_one_line;

/// How long the answer may take.
const PATIENCE: Duration = Duration::from_secs(4);
/// Most that is read of the answer, in bytes.
const LONGEST_ANSWER: u64 = 4096;

/// What `health` is called with.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Host and port
    #[arg(default_value = "127.0.0.1:9000", value_name = "ADDRESS")]
    address: String,
    /// What to ask for
    #[arg(default_value = "/readyz", value_name = "PATH")]
    path: String,
}

/// Succeeds if the answer is 200.
pub(crate) async fn run(args: &Args) -> Result<()> {
    let answer = tokio::time::timeout(PATIENCE, ask(args)).await.context("no answer in time")??;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split_whitespace().nth(1).unwrap_or_default();
    if status != "200" {
        return Err(anyhow::anyhow!("{} {}", on_one_line(status), on_one_line(body)).into());
    }
    Ok(())
}

async fn ask(args: &Args) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(&args.address).await.context("nobody listens")?;
    let request =
        format!("GET {} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", args.path, args.address);
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(LONGEST_ANSWER).read_to_end(&mut answer).await?;
    if answer.is_empty() {
        bail!("an empty answer");
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
