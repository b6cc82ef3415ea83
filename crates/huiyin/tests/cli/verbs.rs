//! Every verb of the help, on a running `huiyin up` and on a deployment, pasted as programs and cards print it. A verb that
//! is new fails here until somebody has said how it is tried.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use local_stack::free_address;
use serde_json::{Value, json};
use store::role::Role;
use store::sqlx::{self, Connection as _, PgConnection};
use tempfile::TempDir;
use testkit::until;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::command::{Ran, huiyin_in, text};
use crate::installed::Installed;

/// The first start makes a database, which takes a while on a busy machine.
const UP_WITHIN: Duration = Duration::from_mins(2);
/// A row for the webhook.
const ROW: &str = r#"{"source":"webhook","account":"main","id":"ID","room":{"id":"r-1","topic":"示例公司-晨光"},"sender":{"id":"u-1","name":"陈小样"},"sent_at":"2026-03-02T09:30:00+08:00","kind":"text","text":"什么时候发货？"}"#;

/// A `huiyin up` in a folder of its own, with the simulators of a new installation in the place of Vika and Feishu.
struct Up {
    site: Installed,
    folder: TempDir,
    elsewhere: TempDir,
    child: Child,
}

/// A folder that the account of Postgres can enter, so that the data need not lie elsewhere.
fn open_folder() -> Result<TempDir> {
    let folder = tempfile::tempdir()?;
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
    Ok(folder)
}

/// The programs that were fetched for all tests, in a home.
fn with_tools(home: &Path) -> Result<()> {
    fs::create_dir_all(home)?;
    std::os::unix::fs::symlink(local_stack::testing::shared_tools()?, home.join("tools"))?;
    Ok(())
}

async fn start(folder: &Path, words: &[&str]) -> Result<Child> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_huiyin"));
    command.args(words);
    until_it_runs(folder, command).await
}

/// A line that was printed, as a person pastes it into a shell.
async fn pasted(folder: &Path, line: &str) -> Result<Child> {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &format!("exec {line}")]);
    until_it_runs(folder, command).await
}

async fn until_it_runs(folder: &Path, mut command: Command) -> Result<Child> {
    let mut child = command
        .current_dir(folder)
        .env_clear()
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let mut lines = BufReader::new(child.stdout.take().context("its words")?).lines();
    let running = async {
        while let Some(line) = lines.next_line().await? {
            if line.contains("Running") {
                return Ok(());
            }
        }
        anyhow::bail!("it ended before it ran")
    };
    tokio::time::timeout(UP_WITHIN, running).await.context("it did not start")??;
    // A full pipe would stop it.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Ok(child)
}

async fn stop(child: &mut Child) -> Result<()> {
    let pid = child.id().context("it runs")?.to_string();
    Command::new("/bin/kill").args(["-TERM", &pid]).status().await?;
    let ended = tokio::time::timeout(UP_WITHIN, child.wait()).await.context("it did not stop")??;
    ensure!(ended.success(), "{ended}");
    Ok(())
}

impl Up {
    async fn start() -> Result<Self> {
        let site = Installed::start().await?;
        let folder = open_folder()?;
        let mut config = site.config.clone();
        let sections = config.as_object_mut().context("a configuration")?;
        sections.retain(|section, _| !["database", "bus"].contains(&section.as_str()));
        config["ingest"]["listen"] = json!(free_address()?);
        config["feishu"]["listen"] = json!(free_address()?);
        fs::create_dir(folder.path().join("config"))?;
        fs::write(folder.path().join("config/huiyin.json"), config.to_string())?;
        with_tools(&folder.path().join(".huiyin/up"))?;
        let child = start(folder.path(), &["up"]).await?;
        Ok(Self { site, folder, elsewhere: open_folder()?, child })
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join(".huiyin/up")
    }

    fn path(&self, name: &str) -> String {
        text(&self.folder.path().join(name))
    }

    async fn here(&self, words: &[&str]) -> Result<Ran> {
        huiyin_in(self.folder.path(), words).await
    }

    async fn stop(mut self) -> Result<TempDir> {
        stop(&mut self.child).await?;
        Ok(self.folder)
    }
}

/// A verb of the help with what is behind it, and what comes of it.
struct Trial {
    verb: &'static str,
    words: Vec<String>,
    code: i32,
    says: &'static str,
}

fn trial(verb: &'static str, words: &[&str], code: i32, says: &'static str) -> Trial {
    Trial { verb, words: words.iter().map(|word| (*word).to_owned()).collect(), code, says }
}

/// Those that are alike wherever they are tried. `file` names a file of the trial's own.
fn trials(file: impl Fn(&str) -> String) -> Vec<Trial> {
    let (rows, archive) = (file("rows.ndjson"), file("backup.tar.gz"));
    vec![
        trial("apply", &[], 0, "rules: unchanged"),
        trial("secrets", &[&file("secrets")], 0, "made "),
        // These installations hold their secrets in the configuration itself.
        trial("kubernetes", &[&file("manifests")], 2, "a ConfigMap is no place for secrets"),
        trial("check", &[], 0, "未通过 0 项"),
        trial("roster discover", &[], 0, "不在名单中的同事"),
        trial("roster show", &[], 0, "无负责人："),
        trial("roster apply", &[], 0, "规则"),
        trial("roster diff", &[], 0, "和正在生效的一样"),
        trial("roster handover", &["王小售", "没有这个人"], 2, "没有「没有这个人」"),
        trial("closing suggest", &[], 0, "以来没有反复被取消的话"),
        trial("priority explain", &["webhook:nobody"], 2, "no room has the key"),
        trial("golive", &["--status"], 0, "卡片"),
        trial("cards", &[], 0, "以来的卡片"),
        trial("away", &["王小售", "--deputy", "李小后", "--until", "2100-01-01"], 0, "由 李小后 代"),
        trial("away", &["李小后", "--deputy", "王小售", "--until", "2100-01-01"], 2, "王小售 is away too"),
        trial("away", &["王小售", "--deputy", "王小售", "--until", "2100-01-01"], 2, "nobody stands in"),
        trial("away", &["王小售", "--deputy", "李小后", "--until", "2020-01-01"], 2, "已经过去"),
        trial("away", &["王小售"], 2, "expected --deputy"),
        trial("away", &["王小售", "--end"], 0, "没有人在休假"),
        trial("report", &["--week", "--xlsx", &file("week.xlsx")], 0, "week.xlsx"),
        trial("report", &["--by", "sheet"], 0, "："),
        trial("waiting", &["王小售"], 0, "0 位客户在等 王小售 回复"),
        trial("waiting", &["没有这个人"], 2, "nobody in the roster has this name"),
        trial("focus", &["王小售", "--for", "30m"], 0, "王小售：专注至"),
        trial("focus", &["没有这个人", "--end"], 2, "nobody in the roster has this name"),
        trial("focus", &["王小售"], 2, "expected --for 30m"),
        trial("focus", &["王小售", "--end"], 0, "没有人在专注"),
        trial("simulate", &["--days", "3"], 0, "【calm】共"),
        trial("simulate", &["--model", "--preset", "calm"], 0, "林忙  48 张"),
        trial("init-vika", &[], 0, "三张表已就绪"),
        trial("import-original", &[&rows], 2, "这不是 sales-assistant 的 default.json"),
        // Off unless the configuration says otherwise; `huoban.rs` tries it.
        trial("init-huoban", &[], 2, "huoban.enabled 是 false"),
        trial("import", &[&rows], 0, "1 accepted"),
        trial("recompute", &["--from", "2026-11-01", "--dry-run"], 0, "0 waits differ"),
        trial("board-link", &["王小售"], 0, "https://board.example.com/login?t="),
        trial("board-link", &["吴人事"], 0, "只能用一次"),
        trial("board-link", &["没有这个人"], 2, "neither in the roster nor among performance.board.hr"),
        trial("backup", &[&archive], 0, "database: as it was"),
        trial("restore", &["--verify", &archive], 0, "archive: whole"),
        trial("dead list", &[], 0, "no dead letters"),
        trial("dead show", &["7"], 2, "there is no dead letter 7"),
        trial("dead replay", &["--all"], 0, "no dead letters"),
    ]
}

/// Every verb that the help shows, with those below it.
fn verbs() -> Vec<String> {
    fn below(command: &clap::Command, before: &str, found: &mut Vec<String>) {
        let shown = |command: &&clap::Command| !command.is_hide_set() && command.get_name() != "help";
        for verb in command.get_subcommands().filter(shown) {
            let name = format!("{before}{}", verb.get_name());
            if verb.has_subcommands() { below(verb, &format!("{name} "), found) } else { found.push(name) }
        }
    }
    let mut found = Vec::new();
    below(&huiyin::command_line(), "", &mut found);
    found
}

/// Tries each verb of the help, after `before`, in a folder.
async fn try_all(folder: &Path, before: &[&str], trials: &[Trial]) -> Result<()> {
    for verb in verbs() {
        let tried: Vec<&Trial> = trials.iter().filter(|trial| trial.verb == verb).collect();
        ensure!(!tried.is_empty(), "nobody has said how `huiyin {verb}` is tried");
    }
    for Trial { verb, words, code, says } in trials {
        let words = before.iter().copied().chain(verb.split(' ')).chain(words.iter().map(String::as_str));
        let ran = huiyin_in(folder, &words.collect::<Vec<_>>()).await?;
        let said = format!("{}{}", ran.out, ran.err);
        ensure!(ran.code == *code && said.contains(says), "`huiyin {verb}` ended with {}: {said}", ran.code);
    }
    Ok(())
}

fn row(id: &str) -> String {
    ROW.replace("ID", id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_verb_works_on_an_up() -> Result<()> {
    let up = Up::start().await?;
    let home = text(&up.home());
    let record = up.home().join("home.json");
    assert_eq!(fs::metadata(&record)?.permissions().mode() & 0o777, 0o600, "it holds every password");

    // Found by itself in the folder in which it was started.
    fs::write(up.path("rows.ndjson"), row("m-1"))?;
    let own = |name: &str| up.path(name);
    let taken = || trial("up", &[], 1, "another huiyin is running here");
    let mut here = trials(own);
    here.push(taken());
    here.push(trial("demo", &["--headless", "--home", &home], 1, "another huiyin is running here"));
    try_all(up.folder.path(), &[], &here).await?;
    let written = up.path("restored.json");
    let ran = up.here(&["restore", &up.path("backup.tar.gz"), "--verify", "--config-to", &written]).await?;
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(fs::read(written)?, fs::read(up.path("config/huiyin.json"))?, "with its configuration");
    let refused = up.here(&["restore", &up.path("backup.tar.gz")]).await?;
    assert!(refused.code == 1 && refused.err.contains("stop what runs there first"), "{}", refused.err);

    // Named, from anywhere else; the configuration is the one that it runs with.
    let elsewhere = |name: &str| text(&up.elsewhere.path().join(name));
    fs::write(elsewhere("rows.ndjson"), row("m-2"))?;
    let mut there = trials(elsewhere);
    there.push(trial(
        "up",
        &["--config", &up.path("config/huiyin.json")],
        1,
        "another huiyin is running here",
    ));
    there.push(trial("demo", &["--headless"], 1, "another huiyin is running here"));
    try_all(up.elsewhere.path(), &["--home", &home], &there).await?;
    // The same by the configuration that it runs with.
    let named = up.here(&["--config", &up.path("config/huiyin.json"), "dead", "list"]).await?;
    assert!(named.code == 0 && named.out.contains("no dead letters"), "{}", named.err);

    let elsewhere = open_folder()?;
    let folder = up.stop().await?;
    for words in [vec!["dead", "list"], vec!["--home", &home, "cards"], vec!["check"]] {
        let stopped = huiyin_in(folder.path(), &words).await?;
        assert!(stopped.code == 1 && stopped.err.contains("needs it running"), "{words:?}: {}", stopped.err);
        assert_eq!(stopped.err.lines().count(), 1, "{}", stopped.err);
    }
    // The command that is printed starts it anew wherever it is pasted, with the configuration that it had.
    let told = huiyin_in(elsewhere.path(), &["--home", &home, "cards"]).await?.err;
    let line = told.split('`').nth(1).with_context(|| told.clone())?;
    let mut again = pasted(elsewhere.path(), line).await?;
    stop(&mut again).await?;

    // A demo deletes what it finds.
    let words = ["--home", &home, "demo", "--headless", "--without-gateway"];
    let demo =
        tokio::time::timeout(UP_WITHIN, huiyin_in(folder.path(), &words)).await.context("it began")??;
    assert!(demo.code == 2 && demo.err.contains("keeps a company's data there"), "{}", demo.err);
    Ok(())
}

/// Rows of a home's timeline, by what the home says of its database.
async fn timeline(home: &Path) -> Result<i64> {
    let record: Value = serde_json::from_str(&fs::read_to_string(home.join("home.json"))?)?;
    let options = sqlx::postgres::PgConnectOptions::new_without_pgpass()
        .socket(record["database"]["host"].as_str().context("a socket")?)
        .username(Role::Reader.name())
        .password(record["database"]["passwords"]["reader"].as_str().context("a password")?)
        .database(record["database"]["name"].as_str().context("a name")?);
    let mut reader = PgConnection::connect_with(&options).await?;
    let rows = sqlx::query_scalar("select count(*) from timeline").fetch_one(&mut reader).await?;
    reader.close().await?;
    Ok(rows)
}

fn raise(number: &mut Value) {
    *number = json!(number.as_i64().unwrap_or_default() + 1_000_000);
}

/// A copy of an archive whose manifest says something else.
fn with_manifest(from: &str, to: &str, change: impl Fn(&mut Value)) -> Result<()> {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(fs::File::open(from)?));
    let packed = flate2::write::GzEncoder::new(fs::File::create(to)?, flate2::Compression::fast());
    let mut copy = tar::Builder::new(packed);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let (mut header, mut bytes) = (entry.header().clone(), Vec::new());
        std::io::Read::read_to_end(&mut entry, &mut bytes)?;
        if entry.path()?.ends_with("manifest.json") {
            let mut manifest = serde_json::from_slice(&bytes)?;
            change(&mut manifest);
            bytes = serde_json::to_vec(&manifest)?;
        }
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        copy.append(&header, bytes.as_slice())?;
    }
    copy.into_inner()?.finish()?;
    Ok(())
}

/// A backup of an `up` comes back into a home that is new, and into one that has a database already only when asked to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_home_is_brought_back_into_another() -> Result<()> {
    let up = Up::start().await?;
    fs::write(up.path("rows.ndjson"), row("m-1"))?;
    let imported = up.here(&["import", &up.path("rows.ndjson")]).await?;
    assert_eq!(imported.code, 0, "{}", imported.err);
    let home = up.home();
    until("it is in the timeline", || async { Ok(timeline(&home).await? == 1) }).await?;
    let archive = up.path("backup.tar.gz");
    let made = up.here(&["backup", &archive]).await?;
    assert_eq!(made.code, 0, "{}", made.err);
    let (config, new) = (up.path("config/huiyin.json"), up.path("new"));
    let day_is_kept = up.site.stack.started;
    let folder = up.stop().await?;
    with_tools(Path::new(&new))?;

    let restored = huiyin_in(folder.path(), &["restore", "--home", &new, &archive]).await?;
    assert_eq!(restored.code, 0, "{}{}", restored.out, restored.err);
    assert!(restored.out.contains(&format!(" --home {new} up")), "{}", restored.out);
    let again = huiyin_in(folder.path(), &["restore", "--home", &new, &archive]).await?;
    assert!(again.code == 1 && again.err.contains("--set-aside"), "{}", again.err);
    assert_eq!(again.err.lines().count(), 1, "{}", again.err);
    let aside = huiyin_in(folder.path(), &["--home", &new, "restore", "--set-aside", &archive]).await?;
    assert_eq!(aside.code, 0, "{}{}", aside.out, aside.err);
    assert!(aside.out.contains("is kept under the name huiyin_until_"), "{}", aside.out);

    // One that fails changes nothing.
    for (what, says) in [("schema_version", "of a newer release"), ("rows", "came in instead of")] {
        let wrong = text(&folder.path().join(format!("{what}.tar.gz")));
        let change = |manifest: &mut Value| match what {
            "rows" => raise(&mut manifest["tables"][0]["rows"]),
            _ => raise(&mut manifest[what]),
        };
        with_manifest(&archive, &wrong, change)?;
        let failed = huiyin_in(folder.path(), &["--home", &new, "restore", "--set-aside", &wrong]).await?;
        assert!(failed.code == 1 && failed.err.contains(says), "{}{}", failed.out, failed.err);
    }

    let mut child = start(folder.path(), &["up", "--home", &new, "--config", &config]).await?;
    assert_eq!(timeline(Path::new(&new)).await?, 1, "restored after {day_is_kept}");
    stop(&mut child).await
}

/// A deployment: services that run for themselves, and a configuration file that says where everything is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_verb_works_on_a_deployment() -> Result<()> {
    let mut site = Installed::start().await?;
    site.stack.config.ingest.listen = free_address()?;
    let mut config = site.changed(&[("/ingest/listen", json!(site.stack.config.ingest.listen))])?;
    config["database"] = site.stack.database_section();
    let folder = tempfile::tempdir()?;
    let file = |name: &str| text(&folder.path().join(name));
    fs::create_dir(folder.path().join("config"))?;
    fs::write(file("config/huiyin.json"), config.to_string())?;
    let ingest = site.stack.run(Role::Ingest, ingest::run).await?;
    let room_state = site.stack.run(Role::RoomState, room_state::run).await?;
    let listen = site.stack.config.ingest.listen;
    until("the webhook listens", || async { Ok(tokio::net::TcpStream::connect(listen).await.is_ok()) })
        .await?;

    let applied = huiyin_in(folder.path(), &["apply"]).await?;
    assert_eq!(applied.code, 0, "{}", applied.err);
    // By the usual file, and by one that is named. What runs services itself is no verb of a deployment.
    let runs = |verb: &'static str| trial(verb, &["--help"], 0, "Usage:");
    for (number, before) in [vec![], vec!["--config", "config/huiyin.json"]].iter().enumerate() {
        let own = |name: &str| file(&format!("{number}-{name}"));
        fs::write(own("rows.ndjson"), row(&format!("m-{number}")))?;
        let mut trials = trials(own);
        trials.extend([runs("up"), runs("demo")]);
        // A row must have been said to by `vika-sync`, or the check of its name is not made: either way nothing fails.
        try_all(folder.path(), before, &trials).await?;
    }
    let refused = huiyin_in(folder.path(), &["restore", &file("0-backup.tar.gz")]).await?;
    assert!(refused.code == 1 && refused.err.contains("is not empty"), "{}", refused.err);
    let aside = huiyin_in(folder.path(), &["restore", "--set-aside", &file("0-backup.tar.gz")]).await?;
    assert!(aside.code == 2 && aside.err.contains("is for a home"), "{}", aside.err);
    room_state.stop().await?;
    ingest.stop().await
}

#[tokio::test]
async fn no_verb_asks_for_what_it_does_not_use() -> Result<()> {
    let site = Installed::start().await?;
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("huiyin.json");
    let named = text(&config);
    let only = |sections: &[&str]| -> Result<()> {
        let mut kept = json!({});
        for section in sections {
            kept[*section] = site.config[*section].clone();
        }
        Ok(fs::write(&config, kept.to_string())?)
    };
    let archive = text(&folder.path().join("backup.tar.gz"));
    for (sections, words, says) in [
        (vec!["bus"], vec!["dead", "list"], "no dead letters"),
        (vec!["vika"], vec!["init-vika"], "三张表已就绪"),
        (vec!["database", "bus"], vec!["backup", &archive], "database: as it was"),
        (vec!["database", "bus", "rules"], vec!["golive", "--status"], "卡片"),
        (vec!["database", "bus", "rules", "feishu"], vec!["cards"], "以来的卡片"),
        (vec!["database", "bus", "rules"], vec!["roster", "discover"], "同事"),
        (vec!["database", "bus", "rules"], vec!["recompute", "--from", "2026-11-01", "--dry-run"], "0 waits"),
    ] {
        only(&sections)?;
        let ran =
            huiyin_in(folder.path(), &[&["--config", named.as_str()], words.as_slice()].concat()).await?;
        assert!(ran.code == 0 && ran.out.contains(says), "{words:?}: {}{}", ran.out, ran.err);
    }
    // Nor for another's password, nor for one that cannot be read.
    only(&["bus"])?;
    let mut bus = json!({ "bus": site.config["bus"] });
    let passwords = bus["bus"]["passwords"].as_object_mut().context("passwords")?;
    passwords.retain(|user, _| user == "operator");
    passwords.insert("admin_file".to_owned(), json!("nowhere"));
    fs::write(&config, bus.to_string())?;
    let ran = huiyin_in(folder.path(), &["--config", &named, "dead", "list"]).await?;
    assert_eq!(ran.code, 0, "{}", ran.err);
    // What it does use is asked for, and named.
    only(&["database"])?;
    let refused = huiyin_in(folder.path(), &["--config", &named, "init-vika"]).await?;
    assert!(refused.code == 2 && refused.err.contains("vika.sync_token"), "{}", refused.err);
    Ok(())
}
