//! Whatever ids, names, topics and texts come in, by webhook and gateway: nothing stops, every room that was heard has its
//! row, everybody who waits has a card, and a room of ordinary people stays punctual in between.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use store::sqlx::{self, PgPool};
use testkit::until;

use crate::DAWN;
use crate::play::{PUBLIC, Play, Row};

/// Senders of each kind, in so many rounds; the witness speaks after each round. Of more waits in ten minutes their owner
/// would be told together.
const SENDERS: usize = 10;
const ROUNDS: usize = 3;
/// Of so many more get in each way; for the others an id is impossible.
const ENOUGH: usize = 8;
/// Row and card of the witness are there within this, on a busy machine and in real time.
const PUNCTUAL: Duration = Duration::from_secs(20);

/// What a stranger may put anywhere.
#[derive(Debug, Clone)]
struct Sender {
    id: String,
    name: String,
    topic: String,
    text: String,
}

/// Any text, with what has a meaning somewhere in it more often than chance would have it.
fn anything() -> impl Strategy<Value = String> {
    let meant = prop::sample::select(vec![
        "\n",
        "\r\n",
        "\0",
        "\t",
        "\u{2028}",
        "\u{202e}",
        "\u{200d}",
        "\u{feff}",
        "\u{301}",
        "\"",
        "'",
        "\\",
        "\\\"",
        "{",
        "}",
        "{群ID}",
        "|",
        ".",
        "*",
        ">",
        " ",
        "%",
        "%0A",
        "%~",
        "$(x)",
        "`x`",
        "</at>",
        "<at id=all></at>",
        "[文](x:y)",
        "<br/>",
        "&amp;",
        "${x}",
        "{{x}}",
        "'; drop table rooms --",
        "AND(1=1)",
        "\u{10ffff}",
        "😀",
        "字",
        "../../etc",
    ]);
    let piece = prop_oneof![meant.prop_map(str::to_owned), any::<String>(), "[a-z0-9:/@-]{1,12}"];
    prop_oneof![
        prop::collection::vec(piece.clone(), 1..6).prop_map(|pieces| pieces.concat()),
        (piece, 1_usize..200).prop_map(|(piece, times)| piece.repeat(times)),
    ]
}

fn senders(runner: &mut TestRunner) -> Result<Vec<Sender>> {
    let one = (anything(), anything(), anything(), anything()).prop_map(|(id, name, topic, text)| Sender {
        id,
        name,
        topic,
        text,
    });
    let tree = prop::collection::vec(one, SENDERS).new_tree(runner);
    Ok(tree.map_err(|why| anyhow::anyhow!("{why}"))?.current())
}

/// By the gateway. What its mock world refuses to hold never was a message.
async fn through_the_gateway(play: &Play, sender: &Sender, unique: &str) -> Result<bool> {
    let (person, room) = (format!("{}p{unique}", sender.id), format!("{}r{unique}", sender.id));
    let contact = json!({ "id": person, "name": sender.name, "type": "individual" });
    let members = json!([person, play.own_account().await?]);
    let group = json!({ "id": room, "topic": sender.topic, "member_ids": members });
    let said = json!({ "id": format!("{}m{unique}", sender.id), "room": room, "talker": person, "text": sender.text });
    for (path, body) in [("/contact", contact), ("/room", group), ("/say", said)] {
        if !play.control(path, &body).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// By the webhook: each row is accepted, or refused by its index with a reason.
async fn through_the_webhook(play: &Play, senders: &[Sender]) -> Result<usize> {
    let now = chrono_now(play);
    let rows: Vec<Value> = senders
        .iter()
        .enumerate()
        .map(|(n, sender)| {
            // Half of them with ids that are none, half with ids that are fine and everything else as it comes.
            let id = if n % 2 == 0 { sender.id.clone() } else { format!("{n}-{now}") };
            json!({
                "source": "webhook", "account": "main", "id": format!("m{id}"),
                "room": { "id": format!("r{id}"), "topic": sender.topic },
                "sender": { "id": format!("p{id}"), "name": sender.name, "corporation": sender.topic },
                "sent_at": now, "kind": "text", "text": sender.text
            })
        })
        .collect();
    let answer = play.post_rows(&json!(rows)).await?;
    let (accepted, rejected) =
        (&answer["accepted"], answer["rejected"].as_array().context("no list of refusals")?);
    let duplicates = answer["duplicates"].as_u64().unwrap_or_default();
    let known = accepted.as_u64().context("no count")? + duplicates + rejected.len() as u64;
    ensure!(known == rows.len() as u64, "a row without an answer: {answer}");
    ensure!(
        rejected.iter().all(|row| row["reason"].as_str().is_some_and(|reason| !reason.is_empty())),
        "{answer}"
    );
    Ok(usize::try_from(accepted.as_u64().unwrap_or_default())?)
}

fn chrono_now(play: &Play) -> i64 {
    play.now().timestamp_millis()
}

/// Rooms in which somebody was heard.
async fn captured_rooms(database: &PgPool) -> Result<BTreeSet<String>> {
    let rooms: Vec<String> = sqlx::query_scalar("select room from rooms where last_active_at is not null")
        .fetch_all(database)
        .await?;
    Ok(rooms.into_iter().collect())
}

async fn witness_is_punctual(play: &Play, round: usize) -> Result<()> {
    let asked = Instant::now();
    let question = format!("第{round}次请问什么时候发货？");
    play.say(DAWN, "蓝先生", &question).await?;
    play.row(Row::Today, DAWN, |row| row["最后一句话"] == question.as_str()).await?;
    play.advance(Duration::from_secs(11));
    play.card("林小样", "", |card| card.contains(&question)).await?;
    let took = asked.elapsed();
    ensure!(took < PUNCTUAL, "row and card took {took:?} while strangers talked");
    play.say(DAWN, "林小样", "已经发出了，单号在群文件里").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_may_be_called_anything_and_say_anything() -> Result<()> {
    let play = Play::start(false).await?;
    let database = PgPool::connect(play.postgres()).await?;
    let mut runner = TestRunner::deterministic();
    let (mut by_gateway, mut by_webhook) = (0, 0);
    for round in 0..ROUNDS {
        let strangers = senders(&mut runner)?;
        for (n, sender) in strangers.iter().enumerate() {
            by_gateway += usize::from(through_the_gateway(&play, sender, &format!("{round}x{n}")).await?);
        }
        by_webhook += through_the_webhook(&play, &strangers).await?;
        witness_is_punctual(&play, round).await?;
    }
    ensure!(by_gateway > ENOUGH && by_webhook > ENOUGH, "too few got in: {by_gateway}, {by_webhook}");
    until("every message is in the timeline", || async {
        let stored: i64 = sqlx::query_scalar(
            "select count(distinct room) from timeline where kind = 'message' and sender not like 'wechaty:16%'",
        )
        .fetch_one(&database)
        .await?;
        Ok(usize::try_from(stored)? > by_gateway + by_webhook)
    })
    .await?;
    until("every room that was heard has its row", || async {
        let Some(rows) = play.rows(Row::Today).await? else { return Ok(false) };
        let shown: BTreeSet<String> =
            rows.iter().filter_map(|row| Some(row["群ID"].as_str()?.to_owned())).collect();
        Ok(captured_rooms(&database).await?.is_subset(&shown))
    })
    .await?;
    play.advance(Duration::from_mins(1));
    let waiting: i64 =
        sqlx::query_scalar("select count(*) from waits where state = 'open' and replaced_by is null")
            .fetch_one(&database)
            .await?;
    until("everybody who waits has a card in the public chat", || async {
        Ok(play.cards(PUBLIC).await?.len() >= usize::try_from(waiting)?)
    })
    .await?;
    play.stop().await;
    Ok(())
}
