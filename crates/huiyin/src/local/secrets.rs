//! Secrets that a private stack makes up for itself, kept in its home for the next start.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use runtime::bus::User;
use runtime::random::token;
use store::role::Role;

const FILE: &str = "secrets.json";

/// Named secrets, made at first use.
#[derive(Clone)]
pub struct Secrets {
    known: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Secrets {
    /// From the home's file; every role's and user's password is in it from the first start on.
    pub fn load_or_make(home: &Path) -> Result<Self> {
        let path = home.join(FILE);
        let mut known: BTreeMap<String, String> = match fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text)
                .with_context(|| format!("{} is damaged: remove it", path.display()))?,
            Err(error) if error.kind() == ErrorKind::NotFound => BTreeMap::new(),
            // New ones in their place would open nothing that was made with the old.
            Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
        };
        let roles = Role::ALL.iter().map(|role| format!("postgres.{role}"));
        let users = User::ALL.iter().map(|user| format!("nats.{user}"));
        let names = roles.chain(users).chain(
            [
                "ingest",
                "gateway",
                "vika.sync",
                "vika.reconcile",
                "vika.manager",
                "feishu.secret",
                "feishu.encrypt",
                "feishu.verify",
            ]
            .map(ToOwned::to_owned),
        );
        for name in names {
            known.entry(name).or_insert_with(token);
        }
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("writing {}", path.display()))?;
        file.write_all(serde_json::to_string_pretty(&known)?.as_bytes())?;
        Ok(Self { known: Arc::new(Mutex::new(known)) })
    }

    /// The password of a role.
    pub fn password(&self, role: Role) -> String {
        self.get(&format!("postgres.{role}"))
    }

    /// The password of a user of the bus.
    pub fn bus_password(&self, user: User) -> String {
        self.get(&format!("nats.{user}"))
    }

    /// A secret by name, the same at every start of this home.
    pub fn get(&self, name: &str) -> String {
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(name.to_owned())
            .or_insert_with(token)
            .clone()
    }
}
