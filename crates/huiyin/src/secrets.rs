//! `huiyin secrets`: makes the secrets that a deployment needs and nobody has to choose, each in a file of its own, and
//! says which ones the operator has to put there.
//!
//! What is there stays as it is. Only the file of the bus's users is written anew: it follows from the passwords beside
//! it and from the rights that this release gives.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use runtime::bus::{User, rights};
use runtime::random::token;
use store::role::Role;

use crate::failure;

/// Only the folder's owner looks into it.
const FOLDER_MODE: u32 = 0o700;
/// A container's user, who is not the owner, reads a file that is mounted into it; the folder keeps all others out.
const FILE_MODE: u32 = 0o444;
/// The file that nats-server includes.
const BUS_USERS: &str = "nats_users";

/// Those that only the operator knows, and where he finds them.
const YOURS: [(&str, &str); 5] = [
    ("vika_sync_token", "the Vika token of the user that writes the sheets"),
    ("vika_reconcile_token", "the Vika token of another user, that reads them"),
    ("feishu_app_secret", "App Secret of the Feishu app"),
    ("feishu_encrypt_key", "Encrypt Key of the Feishu app's event subscription"),
    ("feishu_verification_token", "Verification Token of the Feishu app's event subscription"),
];
/// Those that a configuration may do without.
const OPTIONAL: [(&str, &str); 4] = [
    ("huoban_api_key", "the API key of Huoban (伙伴云), made in the company's console"),
    ("watchdog_fallback_url", "the webhook of a custom bot in another Feishu group"),
    ("watchdog_fallback_secret", "what that bot's messages are signed with"),
    ("watchdog_heartbeat_url", "an address outside that notices when nobody calls it any more"),
];
/// The prefix of a Vika token, which the demo's have too.
const VIKA_PREFIX: &str = "usk";
/// What a demo needs besides: its page plays a manager.
const DEMO_MANAGER: &str = "vika_manager_token";

/// What `secrets` is called with.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder, which is made if there is none
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// Make up those of Vika and Feishu as well, for the simulators
    #[arg(long)]
    demo: bool,
}

pub(crate) fn run(args: &Args) -> failure::Result<()> {
    let made = make(&args.folder, args.demo)?;
    println!("made {} secrets in {}, kept {}", made.new, args.folder.display(), made.kept);
    if !made.missing.is_empty() {
        println!(
            "to be put there by you, one in each file (an empty one is there already, which nobody may write into:"
        );
        println!("replace it in the folder with `install -m 444 /dev/stdin NAME`, paste, Enter, Ctrl-D):");
        print_names(&made.missing);
    }
    if !made.open.is_empty() {
        println!("for the watchdog, if you want them (the configuration has to name the file then):");
        print_names(&made.open);
    }
    Ok(())
}

fn print_names(names: &[(&str, &str)]) {
    for (name, what) in names {
        println!("  {name:<26}{what}");
    }
}

/// What became of a folder.
#[derive(Debug, Default, PartialEq, Eq)]
struct Made {
    new: usize,
    kept: usize,
    missing: Vec<(&'static str, &'static str)>,
    /// Optional ones that are empty.
    open: Vec<(&'static str, &'static str)>,
}

fn make(folder: &Path, demo: bool) -> Result<Made> {
    let folder = Folder::open(folder)?;
    let mut made = Made::default();
    for name in invented() {
        made.count(folder.fill(&name, &token())?);
    }
    // A gateway's clients take what stands before the last `_` for its name.
    made.count(folder.fill("gateway_token", &format!("huiyin_{}", token()))?);
    for (name, what) in YOURS {
        if demo {
            made.count(folder.fill(name, &demo_value(name))?);
        } else if folder.lacks(name)? {
            made.missing.push((name, what));
        } else {
            made.kept += 1;
        }
    }
    for (name, what) in OPTIONAL {
        if folder.lacks(name)? {
            made.open.push((name, what));
        } else {
            made.kept += 1;
        }
    }
    if demo {
        made.count(folder.fill(DEMO_MANAGER, &demo_value(DEMO_MANAGER))?);
    }
    folder.write_bus_users()?;
    Ok(made)
}

impl Made {
    fn count(&mut self, new: bool) {
        if new { self.new += 1 } else { self.kept += 1 }
    }
}

/// Those that nobody has to choose or to type.
fn invented() -> Vec<String> {
    let roles = Role::ALL.iter().map(|role| format!("postgres_{role}"));
    let users = User::ALL.iter().map(|user| bus_password(*user));
    let others =
        ["postgres_admin", "webhook_import", "board_session_key", "grafana_admin"].map(str::to_owned);
    roles.chain(users).chain(others).collect()
}

fn bus_password(user: User) -> String {
    format!("nats_{user}")
}

fn demo_value(name: &str) -> String {
    if name.starts_with("vika") { format!("{VIKA_PREFIX}{}", token()) } else { token() }
}

/// The folder, and whose it is.
struct Folder {
    path: PathBuf,
    owner: (u32, u32),
}

impl Folder {
    fn open(path: &Path) -> Result<Self> {
        let shown = path.display();
        fs::create_dir_all(path).with_context(|| format!("making the folder {shown}"))?;
        fs::set_permissions(path, Permissions::from_mode(FOLDER_MODE))
            .with_context(|| format!("closing the folder {shown} to others"))?;
        let metadata = fs::metadata(path).with_context(|| format!("looking at {shown}"))?;
        Ok(Self { path: path.to_owned(), owner: (metadata.uid(), metadata.gid()) })
    }

    /// Makes a file, or fills an empty one. `false`: something is in it already.
    fn fill(&self, name: &str, value: &str) -> Result<bool> {
        let there = match fs::metadata(self.path.join(name)) {
            Ok(metadata) => {
                ensure!(metadata.is_file(), "{} is no file", self.path.join(name).display());
                metadata.len() > 0 || value.is_empty()
            }
            Err(error) if error.kind() == ErrorKind::NotFound => false,
            Err(error) => return Err(error).with_context(|| format!("looking for {name}")),
        };
        if !there {
            self.write(name, value)?;
        }
        Ok(!there)
    }

    /// Whether the operator has still to write a file, which is made empty if there is none.
    fn lacks(&self, name: &str) -> Result<bool> {
        Ok(self.fill(name, "")? || self.read(name)?.is_empty())
    }

    fn read(&self, name: &str) -> Result<String> {
        let text = fs::read_to_string(self.path.join(name)).with_context(|| format!("reading {name}"))?;
        Ok(text.trim_end().to_owned())
    }

    /// Beside its place first, so that nobody ever reads half of it.
    fn write(&self, name: &str, value: &str) -> Result<()> {
        let (place, beside) = (self.path.join(name), self.path.join(format!(".{name}.new")));
        let written = || -> std::io::Result<()> {
            fs::remove_file(&beside).or_else(|error| match error.kind() {
                ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            })?;
            let mut file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(&beside)?;
            // Whatever the process's mask.
            file.set_permissions(Permissions::from_mode(FILE_MODE))?;
            file.write_all(value.as_bytes())?;
            if is_of_another(&beside, self.owner)? {
                chown(&beside, Some(self.owner.0), Some(self.owner.1))?;
            }
            file.sync_all()?;
            fs::rename(&beside, &place)
        };
        written().with_context(|| format!("writing {}", place.display()))
    }

    /// Mounted files are seen as they were when they were mounted, so that one that says the same is left alone.
    fn write_bus_users(&self) -> Result<()> {
        let mut passwords = std::collections::BTreeMap::new();
        for user in User::ALL {
            passwords.insert(user.name(), self.read(&bus_password(user))?);
        }
        let file = rights::users_file(|user| passwords.get(user.name()).cloned().unwrap_or_default());
        if self.read(BUS_USERS).is_ok_and(|there| there == file.trim_end()) {
            return Ok(());
        }
        self.write(BUS_USERS, &file)
    }
}

/// Whether a file is somebody else's than it should be, as when this runs as root for somebody.
fn is_of_another(file: &Path, owner: (u32, u32)) -> std::io::Result<bool> {
    let metadata = fs::metadata(file)?;
    Ok((metadata.uid(), metadata.gid()) != owner)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn contents(folder: &Path) -> BTreeMap<String, String> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries
            .map(|path| {
                (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(path).unwrap())
            })
            .collect()
    }

    #[test]
    fn what_is_there_stays_and_what_is_missing_is_told() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("secrets");
        let first = make(&folder, false).unwrap();
        assert_eq!((first.kept, first.missing.len(), first.open.len()), (0, YOURS.len(), OPTIONAL.len()));
        let before = contents(&folder);
        assert_eq!(before["postgres_ingest"].len(), 32);
        assert_ne!(before["postgres_ingest"], before["nats_ingest"]);
        assert_eq!(before["vika_sync_token"], "");
        assert!(before[BUS_USERS].contains(&before["nats_room_state"]));
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, FOLDER_MODE);
        assert_eq!(fs::metadata(folder.join("nats_ingest")).unwrap().mode() & 0o777, FILE_MODE);

        fs::remove_file(folder.join("vika_sync_token")).unwrap();
        fs::write(folder.join("vika_sync_token"), "uskMine\n").unwrap();
        fs::remove_file(folder.join("nats_reader")).unwrap();
        let second = make(&folder, false).unwrap();
        assert_eq!((second.new, second.missing.len()), (1, YOURS.len() - 1));
        let after = contents(&folder);
        assert_eq!(after["vika_sync_token"], "uskMine\n");
        assert!(after[BUS_USERS].contains(&after["nats_reader"]));
        let same = |name: &&String| ![BUS_USERS, "vika_sync_token", "nats_reader"].contains(&name.as_str());
        assert!(before.keys().filter(same).all(|name| before[name] == after[name]));
    }

    /// Every secret that a container is handed is one that is made or asked for, and the other way round.
    #[test]
    fn the_deployment_names_the_same_secrets() {
        let place = tempfile::tempdir().unwrap();
        make(place.path(), true).unwrap();
        let made = contents(place.path());
        let compose = include_str!("../../../docker-compose.yml");
        let (_, section) = compose.split_once("\nsecrets:\n").unwrap();
        let named: Vec<&str> =
            section.lines().filter_map(|line| Some(line.split_once(':')?.0.trim())).collect();
        let mut sorted = named.clone();
        sorted.sort_unstable();
        assert_eq!(made.keys().map(String::as_str).collect::<Vec<_>>(), sorted);
        let used = runtime::services::SERVICES.iter().flat_map(|service| service.secrets);
        used.flat_map(|secrets| secrets.files).for_each(|file| assert!(named.contains(file), "{file}"));
        for config in
            [include_str!("../../../config/default.json"), include_str!("../../../config/demo.json")]
        {
            // Those with a role in their name are those of every login.
            let files = config.split('"').filter_map(|text| text.strip_prefix("/run/secrets/"));
            let single = files.filter(|file| !file.contains("{role}"));
            single.for_each(|file| assert!(named.contains(&file), "{file}"));
        }
    }
}
