//! The archive: a gzipped tar of one member a table, the configuration file, and at its end a manifest with the sum of
//! every member. Whatever is cut off or altered is noticed before anything is touched.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Seek as _, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use chrono::{DateTime, Utc};
use data_encoding::HEXLOWER;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use runtime::bus::StreamEnd;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// How members are laid out; raised when a release can read an older one no more.
const FORMAT: u32 = 1;
const MANIFEST: &str = "manifest.json";
const CONFIG: &str = "config.json";
/// Only its owner reads an archive: it holds customers' words, and perhaps secrets.
const PRIVATE: u32 = 0o600;
/// The largest manifest that is read.
const LARGEST_MANIFEST: u64 = 16 * 1024 * 1024;

/// What an archive says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    format: u32,
    /// The release that made it.
    pub(crate) release: String,
    /// The moment whose state it holds.
    pub(crate) taken_at: DateTime<Utc>,
    /// The schema that the tables are of.
    pub(crate) schema_version: i64,
    /// The tables, in the order in which they are put back.
    pub(crate) tables: Vec<SavedTable>,
    /// How far the streams reached. Not in the archive: the bus keeps them itself.
    pub(crate) streams: Vec<StreamEnd>,
    /// Bytes and sum of each member but this one.
    members: BTreeMap<String, Sum>,
}

/// A table in an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SavedTable {
    pub(crate) name: String,
    /// Its columns, in the order of the lines.
    pub(crate) columns: Vec<String>,
    pub(crate) rows: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Sum {
    bytes: u64,
    sha256: String,
}

/// What the manifest begins with.
pub(crate) struct Origin {
    /// The moment whose state is saved.
    pub(crate) taken_at: DateTime<Utc>,
    /// The schema of the tables.
    pub(crate) schema_version: i64,
    /// How far the streams reach.
    pub(crate) streams: Vec<StreamEnd>,
}

/// An archive being written, under another name until it is whole.
pub(crate) struct Writer {
    tar: tar::Builder<GzEncoder<BufWriter<File>>>,
    manifest: Manifest,
    partial: PathBuf,
    target: PathBuf,
}

impl Writer {
    /// Begins one. `target` must not be there.
    pub(crate) fn create(target: &Path, origin: Origin) -> Result<Self> {
        ensure!(!target.exists(), "{} is there already: a backup overwrites nothing", target.display());
        let mut name = target.file_name().context("the name of a file is expected")?.to_owned();
        name.push(".partial");
        let partial = target.with_file_name(name);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(PRIVATE)
            .open(&partial)
            .with_context(|| format!("writing {}", partial.display()))?;
        let Origin { taken_at, schema_version, streams } = origin;
        Ok(Self {
            tar: tar::Builder::new(GzEncoder::new(BufWriter::new(file), Compression::default())),
            manifest: Manifest {
                format: FORMAT,
                release: env!("CARGO_PKG_VERSION").to_owned(),
                taken_at,
                schema_version,
                tables: Vec::new(),
                streams,
                members: BTreeMap::new(),
            },
            partial,
            target: target.to_owned(),
        })
    }

    /// A file to collect a table's lines in, gone by itself: a tar names a member's length before its bytes.
    pub(crate) fn spool(&self) -> Result<File> {
        let folder = self.partial.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        tempfile::tempfile_in(folder).with_context(|| format!("writing into {}", folder.display()))
    }

    /// Adds a table with its lines.
    pub(crate) fn table(&mut self, table: SavedTable, mut lines: File) -> Result<()> {
        lines.seek(SeekFrom::Start(0))?;
        let bytes = lines.metadata()?.len();
        self.member(&member_of(&table.name), bytes, BufReader::new(lines))?;
        self.manifest.tables.push(table);
        Ok(())
    }

    /// Adds the configuration file as it stands.
    pub(crate) fn config(&mut self, text: &[u8]) -> Result<()> {
        self.member(CONFIG, text.len() as u64, text)
    }

    fn member(&mut self, name: &str, bytes: u64, from: impl Read) -> Result<()> {
        let mut summed = Summed::new(from);
        self.tar.append_data(&mut header(bytes), name, &mut summed)?;
        self.manifest.members.insert(name.to_owned(), Sum { bytes, sha256: summed.finish() });
        Ok(())
    }

    /// Adds the manifest, makes sure that everything is on the disk, and gives the archive its name.
    pub(crate) fn finish(mut self) -> Result<Manifest> {
        let text = serde_json::to_vec_pretty(&self.manifest)?;
        self.tar.append_data(&mut header(text.len() as u64), MANIFEST, text.as_slice())?;
        let file = self.tar.into_inner()?.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        std::fs::rename(&self.partial, &self.target)
            .with_context(|| format!("naming {}", self.target.display()))?;
        Ok(self.manifest)
    }
}

fn header(bytes: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes);
    header.set_mode(PRIVATE);
    header.set_entry_type(tar::EntryType::Regular);
    header
}

fn member_of(table: &str) -> String {
    format!("tables/{table}.copy")
}

fn open(file: &Path) -> Result<tar::Archive<GzDecoder<BufReader<File>>>> {
    let file = File::open(file).with_context(|| format!("reading {}", file.display()))?;
    Ok(tar::Archive::new(GzDecoder::new(BufReader::new(file))))
}

/// Reads a whole archive and makes sure that it is what its manifest says. Nothing is unpacked.
pub(crate) fn verify(file: &Path) -> Result<Manifest> {
    let damaged = || format!("{} is damaged, or no backup of ours", file.display());
    let (mut manifest, mut found) = (None, BTreeMap::new());
    for entry in open(file)?.entries().with_context(damaged)? {
        let mut entry = entry.with_context(damaged)?;
        let name = entry.path().with_context(damaged)?.display().to_string();
        if name == MANIFEST {
            let mut text = String::new();
            (&mut entry).take(LARGEST_MANIFEST).read_to_string(&mut text).with_context(damaged)?;
            manifest = Some(serde_json::from_str::<Manifest>(&text).with_context(damaged)?);
        } else {
            let mut summed = Summed::new(entry);
            let bytes = io::copy(&mut summed, &mut io::sink()).with_context(damaged)?;
            found.insert(name, Sum { bytes, sha256: summed.finish() });
        }
    }
    let Some(manifest) = manifest else {
        bail!("{} has no end: it was cut off while it was written or copied", file.display());
    };
    ensure!(
        manifest.format == FORMAT,
        "{} has format {}, this release reads format {FORMAT}",
        file.display(),
        manifest.format
    );
    let wrong = manifest.members.iter().filter(|(name, sum)| found.get(*name) != Some(sum));
    let wrong: Vec<&str> = wrong.map(|(name, _)| name.as_str()).collect();
    ensure!(wrong.is_empty(), "{}: altered since it was made: {}", file.display(), wrong.join(", "));
    Ok(manifest)
}

/// Hands out the tables of a verified archive, in its order, each with its lines.
pub(crate) struct Tables(tar::Archive<GzDecoder<BufReader<File>>>);

pub(crate) type Lines<'a> = tar::Entry<'a, GzDecoder<BufReader<File>>>;

impl Tables {
    pub(crate) fn open(file: &Path) -> Result<Self> {
        Ok(Self(open(file)?))
    }

    /// Every member that is a table: its name and lines, to be read before the next is asked for.
    pub(crate) fn each(&mut self) -> Result<impl Iterator<Item = Result<(String, Lines<'_>)>>> {
        let tables = self.0.entries()?.filter_map(|entry| {
            let named = entry.map_err(anyhow::Error::from).and_then(|entry| {
                let name = entry.path()?.display().to_string();
                Ok((name, entry))
            });
            match named {
                Ok((name, entry)) => {
                    let table = name.strip_prefix("tables/")?.strip_suffix(".copy")?.to_owned();
                    Some(Ok((table, entry)))
                }
                Err(error) => Some(Err(error)),
            }
        });
        Ok(tables)
    }
}

/// The configuration file of an archive, if it has one.
pub(crate) fn config(file: &Path) -> Result<Option<Vec<u8>>> {
    for entry in open(file)?.entries()? {
        let mut entry = entry?;
        if entry.path()?.to_str() == Some(CONFIG) {
            let mut text = Vec::new();
            entry.read_to_end(&mut text)?;
            return Ok(Some(text));
        }
    }
    Ok(None)
}

/// Writes a private file that is not there yet.
pub(crate) fn write_private(file: &Path, text: &[u8]) -> Result<()> {
    let opened = OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(file);
    let mut opened = opened.with_context(|| format!("writing {}", file.display()))?;
    opened.write_all(text).with_context(|| format!("writing {}", file.display()))
}

/// Sums up what is read through it.
struct Summed<R> {
    from: R,
    sum: Sha256,
}

impl<R: Read> Summed<R> {
    fn new(from: R) -> Self {
        Self { from, sum: Sha256::new() }
    }

    fn finish(self) -> String {
        HEXLOWER.encode(&self.sum.finalize())
    }
}

impl<R: Read> Read for Summed<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.from.read(into)?;
        self.sum.update(&into[..length]);
        Ok(length)
    }
}
