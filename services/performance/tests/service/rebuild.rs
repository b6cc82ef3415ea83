//! What is counted bit by bit, in whatever order things come, equals what is counted from nothing.

use anyhow::Result;
use chrono::TimeDelta;
use events::chat::ChatMessage;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use rand::{RngExt as _, SeedableRng as _};
use store::sqlx;
use testkit::company::{CHEN, LI, Person, WANG, says};

use crate::support::{World, assign, cancel};

const ROOMS: [&str; 3] = ["r1", "r2", "r3"];
const PEOPLE: [Person; 4] = [CHEN, WANG, CHEN, LI];
const LINES: [&str; 6] = ["在吗？", "价格多少？", "好的", "稍等，我查一下", "已经发货了", "谢谢"];
/// Messages of a run.
const MESSAGES: usize = 120;
/// Published before the next is waited for.
const CHUNK: usize = 20;

/// Two days of talk, some of it captured late or imported.
fn talk(world: &World, dice: &mut StdRng) -> Vec<ChatMessage> {
    let mut messages: Vec<ChatMessage> = (0..MESSAGES)
        .map(|number| {
            let at = world.past(0) - TimeDelta::hours(45)
                + TimeDelta::minutes(i64::try_from(number).unwrap_or_default() * 22)
                + TimeDelta::seconds(dice.random_range(0..900));
            let (room, person) = (ROOMS.choose(dice), PEOPLE.choose(dice));
            let line = LINES.choose(dice).copied().unwrap_or_default();
            let mut message = says(room.copied().unwrap_or_default(), *person.unwrap_or(&CHEN), at, line);
            message.history = dice.random_bool(0.05);
            message
        })
        .collect();
    // Some come hours late.
    for _ in 0..10 {
        let (from, to) = (dice.random_range(0..MESSAGES), dice.random_range(0..MESSAGES));
        let message = messages.remove(from);
        messages.insert(to.min(messages.len()), message);
    }
    messages[MESSAGES - CHUNK..].shuffle(dice);
    messages
}

/// How many silences were known at the end.
async fn run(seed: u64) -> Result<usize> {
    let world = World::start().await?;
    world.stack.never_live().await?;
    world.stack.go_live(true, world.past(0) - TimeDelta::hours(40)).await?;
    let (room_state, performance) = (world.room_state().await?, world.performance().await?);
    let mut dice = StdRng::seed_from_u64(seed);
    let messages = talk(&world, &mut dice);
    let mut commands = 0;
    for (number, chunk) in messages.chunks(CHUNK).enumerate() {
        world.publish(chunk).await?;
        let said = i64::try_from((number + 1) * CHUNK)?;
        world.settled(said, commands).await?;
        let last = &chunk[CHUNK - 1];
        let kind = if number % 2 == 0 { cancel(last) } else { assign("李小后", "after-sales") };
        commands += 1;
        world.ask(&format!("c{number}"), &last.room.id, last.sent_at, kind).await?;
        world.settled(said, commands).await?;
        let since = last.sent_at - TimeDelta::minutes(dice.random_range(0..300));
        world.stack.capture_gap("main", since, Some(since + TimeDelta::minutes(9))).await?;
    }
    // The last gap is seen with the next look.
    world.ask("last", "r1", world.stack.clock.now(), assign("王小售", "pre-sales")).await?;
    testkit::until("every gap is taken in", || async {
        let gaps: i32 =
            sqlx::query_scalar("select coalesce(max(jsonb_array_length(gaps)), 0) from performance_inputs")
                .fetch_one(&world.stack.admin)
                .await?;
        Ok(gaps == 6)
    })
    .await?;
    world.settled(i64::try_from(MESSAGES)?, commands + 1).await?;
    let bit_by_bit = world.counted().await?;
    performance.stop().await?;
    for table in ["rooms", "waits", "days", "replies", "messages", "silences"] {
        let query = format!("truncate performance_{table}");
        sqlx::query(sqlx::AssertSqlSafe(query)).execute(&world.stack.admin).await?;
    }
    let performance = world.performance().await?;
    world.settled(i64::try_from(MESSAGES)?, commands + 1).await?;
    let from_nothing = world.counted().await?;
    assert_eq!(bit_by_bit, from_nothing, "seed {seed}");
    let rows_of = |table: &str| bit_by_bit.iter().filter(|row| row.starts_with(table)).count();
    assert!(rows_of("performance_waits") > 10, "seed {seed}");
    performance.stop().await?;
    room_state.stop().await?;
    Ok(rows_of("performance_silences"))
}

#[tokio::test]
async fn counting_again_from_nothing_gives_the_same_rows() -> Result<()> {
    let mut silences = 0;
    for seed in [1, 2, 3] {
        silences += Box::pin(run(seed)).await?;
    }
    assert!(silences > 0, "somebody waited in every room at the end");
    Ok(())
}
