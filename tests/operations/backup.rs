//! The drill: the database is lost and brought back.

use std::cell::Cell;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use anyhow::{Context as _, Result};
use domain::id::{CommandId, EntryId};
use events::command::{Command, CommandKind, Via};
use runtime::bus::Outgoing;
use testkit::company::{CHEN, LI, WANG, says};
use testkit::until;
use vika::tables::AllRooms;

use crate::company::{Company, Seen, room};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_database_is_brought_back_and_nothing_is_lost_or_twice() -> Result<()> {
    let mut company = Company::set_up().await?;
    company.open().await?;
    company.asks("r1", WANG, 360, "发票开好了吗？").await?;
    company.until_cards("oc_wang", 1).await?;
    alarm_once(&company).await?;
    until("the room's row is there", || async { Ok(!company.rows("all_rooms").await?.is_empty()) }).await?;
    company.edit("r1", [(AllRooms::CustomerGrade, vika::Cell::text("A"))]).await?;
    company.stack.clock.advance(SETTLES);
    until("the room is graded", || async { Ok(company.commands("mark").await? == 1) }).await?;
    let archive = company.file("backup.tar.gz").display().to_string();
    let made = company.huiyin(&["backup", &archive]).await?;
    assert_eq!(made.code, 0, "{}", made.err);
    assert_eq!(std::fs::metadata(&archive)?.permissions().mode() & 0o777, 0o600);
    let again = company.huiyin(&["backup", &archive]).await?;
    assert!(again.code == 1 && again.err.contains("is there already"), "{}", again.err);

    // What the backup does not know.
    company.asks("r2", LI, 390, "机器什么时候修好？").await?;
    company.asks("r3", WANG, 380, "合同寄出了吗？").await?;
    company
        .publish(&[says("r1", WANG, company.ago(20), "开好了"), says("r1", CHEN, company.ago(10), "好的")])
        .await?;
    company.until_cards("oc_li", 1).await?;
    company.until_cards("oc_wang", 2).await?;
    cancel(&company, "r3", &says("r3", CHEN, company.ago(380), "").key().to_string()).await?;
    company.until_handled().await?;
    until("the sheets show it", || async {
        let logged = company.rows("system_log").await?.len() == 2;
        let today = company.rows("today").await?;
        let state =
            |room: &str| today.iter().find(|row| row["群聊名"] == room).map(|row| row["等待状态"].clone());
        let as_it_is = [("r1", "已回复"), ("r2", "等待中"), ("r3", "已取消")];
        Ok(logged && as_it_is.iter().all(|(room, shown)| state(room).is_some_and(|state| state == *shown)))
    })
    .await?;
    let refused = company.huiyin(&["restore", &archive]).await?;
    assert!(refused.code == 1 && refused.err.contains("is not empty"), "{}", refused.err);
    company.close().await?;
    let before = company.seen().await?;

    company.lose_database().await?;
    if company.knows_go_live().await? {
        // Feishu has forgotten the uuids: what is sent again stands there twice.
        company.feishu_clock.advance(Duration::from_hours(2));
    }
    let restored = company.huiyin(&["restore", &archive]).await?;
    assert_eq!(restored.code, 0, "{}\n{}", restored.out, restored.err);
    assert!(!restored.out.contains("DOES NOT REACH BACK"), "{}", restored.out);
    let entries: i64 =
        sqlx::query_scalar("select count(*) from timeline").fetch_one(&company.stack.admin).await?;
    assert_eq!(entries, 3, "the state of the backup");

    company.open().await?;
    company.until_handled().await?;
    let last = Cell::new(None);
    until("waits and sheets are as they were", || async {
        let seen = company.seen().await?;
        let same = (&seen.waits, &seen.sheets) == (&before.waits, &before.sheets);
        last.set(Some(seen));
        Ok(same)
    })
    .await
    .with_context(|| format!("it was {before:#?}, it is {:#?}", last.take()))?;
    until_alerts_settled(&company).await?;
    assert_eq!(company.seen().await?, before);

    manager_hands_nothing_over(&company, &before).await?;

    // It goes on: a known card changes, and new rows count on behind the old ones.
    company.asks("r4", LI, 400, "还有人吗？").await?;
    company.until_handled().await?;
    assert_eq!(company.waits().await?.len(), 4);
    company.close().await
}

/// Rows of 群聊总表 are read once managers have left them alone for so long.
const SETTLES: Duration = Duration::from_secs(10);

/// Managers go on in rows from before the backup and from after it, and hand nothing over by that.
async fn manager_hands_nothing_over(company: &Company, before: &Seen) -> Result<()> {
    assert!(before.sheets["all_rooms"].iter().any(|row| row["客户等级"] == "A"), "{before:#?}");
    let (assigned, marked) = (company.commands("assign").await?, company.commands("mark").await?);
    for room in ["r1", "r2", "r3"] {
        company.edit(room, [(AllRooms::NotFollowedUp, vika::Cell::Tick(true))]).await?;
    }
    company.stack.clock.advance(SETTLES);
    until("the edits were read", || async { Ok(company.commands("mark").await? == marked + 3) }).await?;
    assert_eq!(company.commands("assign").await?, assigned);
    Ok(())
}

/// The watchdog once had something to say.
async fn alarm_once(company: &Company) -> Result<()> {
    sqlx::query(
        "with alarm as (
             insert into alert_watch_alarms (key, since, raised_at, kind, changed_at, over_at, next_repeat_at)
             values ('silent:room-state', $1, $1, '{}', $1, $1, $1) returning id)
         insert into notifications (subject_kind, subject, step, channel, address, follows, threshold_seconds, severity,
                                    due_at, created_at, state, next_attempt_at, wanted, next_change_at, alarm)
         select 'alarm', 'watch:alarm@0', '0', 'feishu', 'oc_public', 'watch:alarm@0', 0, 'red', $1, $1, 'superseded', $1,
                '{}', $1, id from alarm",
    )
    .bind(company.ago(3600))
    .execute(&company.stack.admin)
    .await?;
    Ok(())
}

/// Asks to cancel what was said in a room up to an entry.
async fn cancel(company: &Company, id: &str, seen_up_to: &str) -> Result<()> {
    let command = Command {
        id: CommandId(format!("cancel-{id}")),
        room: room(id),
        // Long enough ago that nobody takes it for a fresh one when it is decided once more.
        at: company.stack.clock.now() - chrono::TimeDelta::minutes(2),
        by: "周经理".into(),
        via: Via::Vika,
        kind: CommandKind::Cancel {
            wait: None,
            seen_up_to: EntryId(seen_up_to.into()),
            reason: "消除未回覆记录".into(),
        },
    };
    let outgoing = Outgoing {
        subject: events::subject::command(command.kind.name(), &command.room),
        id: command.id.to_string(),
        payload: events::encode(&command)?,
    };
    company.stack.bus.publish(&outgoing).await?;
    Ok(())
}

/// Waits until the alerter has taken everything in, nothing is due, and nothing is on its way.
async fn until_alerts_settled(company: &Company) -> Result<()> {
    until("the alerter is done", || async {
        let open: i64 = sqlx::query_scalar(
            "select (select count(*) from rooms left join alert_rooms seen using (room)
                     where rooms.version is distinct from seen.version)
                  + (select count(*) from alert_schedule where next_due_at <= $1)
                  + (select count(*) from notifications where state in ('pending', 'sending'))",
        )
        .bind(company.stack.clock.now())
        .fetch_one(&company.stack.admin)
        .await?;
        Ok(open == 0)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_archive_touches_nothing() -> Result<()> {
    let mut company = Company::set_up().await?;
    company.open().await?;
    company.asks("r1", WANG, 30, "在吗？").await?;
    company.until_handled().await?;
    let archive = company.file("backup.tar.gz");
    let words = archive.display().to_string();
    assert_eq!(company.huiyin(&["backup", &words]).await?.code, 0);
    let checked = company.huiyin(&["restore", "--verify", &words]).await?;
    assert!(checked.code == 0 && checked.out.contains("whole"), "{}{}", checked.out, checked.err);

    company.close().await?;
    company.lose_database().await?;
    let whole = std::fs::read(&archive)?;
    for (what, bytes) in [("cut off", whole[..whole.len() / 2].to_vec()), ("altered", altered(&whole)?)] {
        std::fs::write(&archive, bytes)?;
        let refused = company.huiyin(&["restore", &words]).await?;
        assert_eq!(refused.code, 1, "{what}: {}", refused.out);
        let mut connection = company.connect().await?;
        assert!(
            store::dump::is_empty(&mut connection).await?,
            "{what}: nothing was touched: {}",
            refused.err
        );
    }
    std::fs::write(&archive, &whole)?;
    let stranger = company.stack.connect_as(store::role::Role::Reader).await?;
    let refused = company.huiyin(&["restore", &words]).await?;
    assert!(refused.code == 1 && refused.err.contains("stop the services first"), "{}", refused.err);
    drop(stranger);
    until("the stranger is gone", || async {
        let mut connection = company.connect().await?;
        Ok(store::dump::others_connected(&mut connection).await?.is_empty())
    })
    .await?;
    let restored = company.huiyin(&["restore", &words]).await?;
    assert_eq!(restored.code, 0, "{}", restored.err);
    Ok(())
}

/// The same archive with one letter of a table changed.
fn altered(archive: &[u8]) -> Result<Vec<u8>> {
    use std::io::{Read as _, Write as _};
    let mut tar = Vec::new();
    flate2::read::GzDecoder::new(archive).read_to_end(&mut tar)?;
    let needle = "在吗".as_bytes();
    let at = tar.windows(needle.len()).position(|window| window == needle);
    let at = at.ok_or_else(|| anyhow::anyhow!("the text is not in the archive"))?;
    tar[at..at + needle.len()].copy_from_slice("不在".as_bytes());
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(&tar)?;
    Ok(packed.finish()?)
}
