//! How an operator gives commands where this process runs. Whatever a card or a message says to type works when it is
//! pasted there.

/// Who runs Huiyin here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Operated {
    /// Compose: each service in a container of its own, and `huiyin` in a one-shot.
    #[default]
    Containers,
    /// `huiyin up` or `huiyin demo`: all of it in one process.
    Home {
        /// Which of them: `up` or `demo`.
        verb: &'static str,
        /// What stands before a verb: `/opt/huiyin/huiyin --home /srv/huiyin/.huiyin/up`.
        huiyin: String,
    },
}

impl Operated {
    /// A verb of the operator's command: `huiyin dead list`.
    pub fn huiyin(&self, verb: &str) -> String {
        match self {
            Self::Containers => format!("docker compose run --rm apply huiyin {verb}"),
            Self::Home { huiyin, .. } => format!("{huiyin} {verb}"),
        }
    }

    /// Whether a service runs, and what it stands on.
    pub fn state(&self, services: &str) -> String {
        match self {
            Self::Containers => format!("docker compose ps {services}"),
            Self::Home { .. } => self.huiyin("check"),
        }
    }

    /// What a service said last.
    pub fn logs(&self, services: &str, lines: u32) -> String {
        match self {
            Self::Containers => format!("docker compose logs --tail {lines} {services}"),
            Self::Home { .. } => {
                format!("运行 huiyin up 的终端（用 systemd 时 journalctl -u huiyin-up -n {lines}）")
            }
        }
    }

    /// Starting a service anew.
    pub fn restart(&self, services: &str) -> String {
        match self {
            Self::Containers => format!("docker compose restart {services}"),
            Self::Home { verb, huiyin } => {
                format!(
                    "在运行它的终端按 Ctrl-C，再运行 {huiyin} {verb}（用 systemd 时 systemctl restart huiyin-up）"
                )
            }
        }
    }
}
