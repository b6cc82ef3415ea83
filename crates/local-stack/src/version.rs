//! Versions of the server programs, read from what `--version` prints.

use std::fmt;

/// Major and minor version of a server program; what comes after does not matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// 18 in 18.6.
    pub major: u32,
    /// 6 in 18.6.
    pub minor: u32,
}

impl Version {
    pub(crate) const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }

    /// Reads the first word that begins like a version, as in `postgres (PostgreSQL) 15.18 (Debian …)`,
    /// `postgres (PostgreSQL) 19beta1` or `nats-server: v2.15.1`.
    pub(crate) fn parse(output: &str) -> Option<Self> {
        output.split_whitespace().find_map(Self::parse_word)
    }

    fn parse_word(word: &str) -> Option<Self> {
        let mut parts = word.strip_prefix('v').unwrap_or(word).split('.');
        let major = leading_number(parts.next()?)?;
        let minor = parts.next().map_or(Some(0), leading_number)?;
        Some(Self { major, minor })
    }
}

fn leading_number(text: &str) -> Option<u32> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..digits].parse().ok()
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn reads_what_the_servers_print() {
        let cases = [
            ("postgres (PostgreSQL) 18.6", Some((18, 6))),
            ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", Some((15, 18))),
            ("postgres (PostgreSQL) 19beta1", Some((19, 0))),
            ("postgres (PostgreSQL) 9.6.24", Some((9, 6))),
            ("nats-server: v2.15.1", Some((2, 15))),
            ("nats-server: v2.12.0-RC.3", Some((2, 12))),
            ("nats-server: command not found", None),
            ("", None),
        ];
        for (output, expected) in cases {
            assert_eq!(Version::parse(output).map(|v| (v.major, v.minor)), expected, "{output:?}");
        }
    }

    #[test]
    fn orders_numerically() {
        assert!(Version::new(2, 9) < Version::new(2, 12));
        assert!(Version::new(2, 12) <= Version::new(2, 12));
        assert!(Version::new(15, 0) > Version::new(9, 6));
    }
}
