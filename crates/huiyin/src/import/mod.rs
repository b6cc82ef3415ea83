//! `huiyin import`: messages of the past, from a file in the webhook's format. They fold and count, but never alarm.
//!
//! Knows nothing of what a message must contain: `ingest` judges each row, so that there is one judge. Here rows are
//! only cut apart, marked as history and handed over.

mod post;
mod rows;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use runtime::config::Ingest;
use serde_json::value::RawValue;

use self::post::{Answer, Webhook};
use self::rows::{Row, Rows};
use crate::failure::{Failure, Result};
use crate::installation::Target;
use crate::text::{on_one_line, unreadable};

/// Most rows of one request; the webhook takes no more.
const CHUNK_ROWS: usize = 1_000;
/// Most bytes of one request; the webhook takes no more.
const CHUNK_BYTES: usize = 4 * 1024 * 1024;
/// A line of progress each time that so many more rows are through.
const PROGRESS_EVERY: u64 = 20_000;
/// The name of the webhook token that is preferred where the configuration has several.
const OWN_TOKEN: &str = "import";

/// What `import` is called with.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A JSON array or NDJSON (one message a line); `-` reads the standard input
    file: PathBuf,
    /// Where ingest is, like `http://127.0.0.1:8080` [default: ingest.listen of the configuration]
    #[arg(long)]
    url: Option<String>,
    /// The webhook token [default: the configuration's token named "import", else its first]
    #[arg(long, conflicts_with = "token_file")]
    token: Option<String>,
    /// A file that holds the webhook token
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// What became of the rows so far.
#[derive(Debug, Default)]
struct Totals {
    accepted: u64,
    duplicates: u64,
    refused: u64,
}

impl Totals {
    fn rows(&self) -> u64 {
        self.accepted + self.duplicates + self.refused
    }

    fn refuse(&mut self, row: u64, reason: &str) {
        self.refused += 1;
        eprintln!("row {row}: refused: {}", on_one_line(reason));
    }
}

/// Rows on their way.
#[derive(Default)]
struct Chunk {
    body: Vec<u8>,
    numbers: Vec<u64>,
}

pub(crate) async fn run(args: &Args, target: &Target) -> Result<()> {
    let webhook = webhook(args, target)?;
    let mut totals = Totals::default();
    let outcome = send_all(&webhook, open(args)?, &mut totals).await;
    println!("{} accepted, {} known already, {} refused", totals.accepted, totals.duplicates, totals.refused);
    outcome.map_err(|error| {
        error.context("stopped; running it again is safe, what has arrived is recognised")
    })?;
    match totals.refused {
        0 => Ok(()),
        refused => Err(Failure::Partly(format!("{refused} of {} rows were refused", totals.rows()))),
    }
}

fn open(args: &Args) -> Result<Box<dyn BufRead>> {
    if args.file.as_os_str() == "-" {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    let file = File::open(&args.file).map_err(|error| Failure::Usage(unreadable(&args.file, &error)))?;
    Ok(Box::new(BufReader::new(file)))
}

/// The configuration is read only for what the command line does not say.
fn webhook(args: &Args, target: &Target) -> Result<Webhook> {
    let given = given_token(args)?;
    let (url, token) = match (&args.url, given) {
        (Some(url), Some(token)) => (url.clone(), token),
        (url, token) => {
            let ingest = target.running()?.config(&["ingest.listen", "ingest.webhook_tokens"])?.ingest;
            let url = url.clone().unwrap_or_else(|| format!("http://{}", reachable(ingest.listen)));
            (url, token.or_else(|| configured_token(&ingest)).ok_or_else(no_token)?)
        }
    };
    Ok(Webhook::new(&url, token)?)
}

fn no_token() -> Failure {
    Failure::Usage("no token: expected --token, --token-file or one in ingest.webhook_tokens".to_owned())
}

fn given_token(args: &Args) -> Result<Option<String>> {
    let Some(file) = &args.token_file else { return Ok(args.token.clone()) };
    let text = std::fs::read_to_string(file).map_err(|error| Failure::Usage(unreadable(file, &error)))?;
    Ok(Some(text.trim().to_owned()))
}

fn configured_token(ingest: &Ingest) -> Option<String> {
    let tokens = &ingest.webhook_tokens;
    let own = tokens.iter().find(|sender| sender.name == OWN_TOKEN).or_else(|| tokens.first());
    own.map(|sender| sender.token.expose().to_owned())
}

/// Who listens everywhere is called at home.
fn reachable(mut listen: SocketAddr) -> SocketAddr {
    match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => listen.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => listen.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    listen
}

async fn send_all(webhook: &Webhook, input: Box<dyn BufRead>, totals: &mut Totals) -> anyhow::Result<()> {
    let mut chunk = Chunk::default();
    let mut reported = 0;
    for row in Rows::new(input) {
        let Row { number, content } = row.context("the file cannot be read any further")?;
        match content.and_then(prepared) {
            Ok(bytes) => {
                if chunk.numbers.len() >= CHUNK_ROWS || chunk.body.len() + bytes.len() >= CHUNK_BYTES {
                    flush(webhook, &mut chunk, totals).await?;
                }
                chunk.body.extend(bytes);
                chunk.body.push(b'\n');
                chunk.numbers.push(number);
            }
            Err(reason) => totals.refuse(number, reason),
        }
        if totals.rows() / PROGRESS_EVERY > reported {
            reported = totals.rows() / PROGRESS_EVERY;
            eprintln!("{} rows so far", totals.rows());
        }
    }
    flush(webhook, &mut chunk, totals).await
}

async fn flush(webhook: &Webhook, chunk: &mut Chunk, totals: &mut Totals) -> anyhow::Result<()> {
    let Chunk { body, numbers } = std::mem::take(chunk);
    let (Some(first), Some(last)) = (numbers.first(), numbers.last()) else { return Ok(()) };
    let Answer { accepted, duplicates, rejected } =
        webhook.send(body).await.with_context(|| format!("rows {first} to {last}"))?;
    totals.accepted += accepted;
    totals.duplicates += duplicates;
    for one in rejected {
        let number =
            numbers.get(one.index).ok_or_else(|| anyhow!("ingest refused a row that was not sent"))?;
        totals.refuse(*number, &one.reason);
    }
    Ok(())
}

/// A row on one line and marked as history. What is no JSON object goes out as it is, to be refused by the one judge.
/// Values are kept to the letter, broken escapes included.
fn prepared(bytes: Vec<u8>) -> std::result::Result<Vec<u8>, &'static str> {
    const NO_OBJECT: &str = "not a JSON object";
    let Ok(mut row) = serde_json::from_slice::<BTreeMap<String, Box<RawValue>>>(&bytes) else {
        let fits_on_a_line = !bytes.iter().any(|byte| matches!(byte, b'\n' | b'\r'));
        // At the beginning of a request it would make an array of everything behind it.
        let looks_like_an_array = bytes.starts_with(b"[");
        return if fits_on_a_line && !looks_like_an_array { Ok(bytes) } else { Err(NO_OBJECT) };
    };
    let history = RawValue::from_string("true".to_owned()).map_err(|_| NO_OBJECT)?;
    row.insert("history".to_owned(), history);
    let mut line = serde_json::to_vec(&row).map_err(|_| NO_OBJECT)?;
    // In valid JSON a line break can only stand between tokens.
    line.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> std::result::Result<String, &'static str> {
        prepared(text.as_bytes().to_vec()).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn rows_become_history_and_stay_what_they_are() {
        assert_eq!(
            line("{\"id\":\"m\",\"room\":{\n\"id\":1.50},\"history\":false}").as_deref(),
            Ok("{\"history\":true,\"id\":\"m\",\"room\":{ \"id\":1.50}}")
        );
        assert_eq!(line(r#"{"text":"\ud800"}"#).as_deref(), Ok(r#"{"history":true,"text":"\ud800"}"#));
        assert_eq!(line(r#"{"text": "#).as_deref(), Ok(r#"{"text": "#));
        assert_eq!(line("{\"text\":\"a\nb\"}"), Err("not a JSON object"));
    }

    #[test]
    fn a_row_that_looks_like_an_array_makes_none_of_the_rows_behind_it() {
        for row in ["[1]", "[", "[{\"id\":\"m\"}]"] {
            assert_eq!(line(row), Err("not a JSON object"), "{row}");
        }
    }

    #[test]
    fn who_listens_everywhere_is_called_at_home() {
        for (listen, called) in
            [("0.0.0.0:80", "127.0.0.1:80"), ("[::]:80", "[::1]:80"), ("10.0.0.1:80", "10.0.0.1:80")]
        {
            assert_eq!(reachable(listen.parse().unwrap()), called.parse().unwrap());
        }
    }
}
