//! `huiyin kubernetes`: writes the manifests of a deployment, from the table of services and a configuration. Those in
//! `deploy/kubernetes` are of `config/default.json`.

mod holidays;
mod objects;
mod ports;
mod secrets;
mod yaml;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use data_encoding::HEXLOWER;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use self::holidays::Holidays;
use self::objects::Deployment;
use crate::failure::{Failure, Result};
use crate::installation::Target;

/// What stands at the head of every file.
const HEAD: &str =
    "# Written by `huiyin kubernetes` from the configuration and the table of services: do not edit.\n";
/// Digits of a digest that tell one configuration from another.
const DIGEST: usize = 10;

/// What `kubernetes` is called with.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder to write into
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// The image of all programs
    #[arg(long, default_value = "huiyin:local")]
    image: String,
    /// The image of the gateway
    #[arg(long, default_value = "huiyin-gateway:local")]
    gateway_image: String,
    /// The certificate authority (PEM) of the database, which pods find as /etc/huiyin/postgres-ca.pem
    #[arg(long, value_name = "FILE")]
    database_ca: Option<PathBuf>,
    /// The namespace
    #[arg(long, default_value = "huiyin")]
    namespace: String,
}

pub(crate) fn run(args: &Args, target: &Target) -> Result<()> {
    let installation = target.configured()?;
    let file = installation.file();
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let config: Value = serde_json::from_str(&text)
        .map_err(|error| Failure::Usage(format!("{}: {error}", file.display())))?;
    let written = secrets::by_value(&config);
    if !written.is_empty() {
        let places = written.join(", ");
        return Err(Failure::Usage(format!("a ConfigMap is no place for secrets: give a file for {places}")));
    }
    let holidays = Holidays::read(&config, file.parent().unwrap_or(Path::new(".")))?;
    let authority = args.database_ca.as_ref().map(fs::read_to_string).transpose().context("--database-ca")?;
    let deployment = Deployment {
        namespace: &args.namespace,
        image: &args.image,
        gateway_image: &args.gateway_image,
        digest: digest(&[&text, &args.image, authority.as_deref().unwrap_or_default()]),
        authority: authority.as_deref(),
        text: &text,
        config: &config,
        holidays: &holidays,
    };
    write(args, &deployment)
}

/// The order of the names is the order in which they are to be applied.
fn write(args: &Args, deployment: &Deployment<'_>) -> Result<()> {
    fs::create_dir_all(&args.folder).with_context(|| args.folder.display().to_string())?;
    let mut files = vec![
        ("1-base.yaml", deployment.base()),
        ("2-apply.yaml", vec![deployment.apply()]),
        ("3-services.yaml", deployment.services()),
    ];
    if deployment.has_gateway() {
        files.push(("4-gateway.yaml", deployment.gateway()));
    }
    for (name, objects) in files {
        let documents: Vec<String> = objects.iter().map(yaml::document).collect();
        save(args, name, &format!("{HEAD}{}", documents.join("---\n")))?;
    }
    let script = save(args, "secrets.sh", &secrets::script(deployment.namespace, deployment.has_gateway()))?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).context("secrets.sh")?;
    println!("wrote the manifests to {}", args.folder.display());
    Ok(())
}

fn save(args: &Args, name: &str, text: &str) -> Result<PathBuf> {
    let path = args.folder.join(name);
    fs::write(&path, text).with_context(|| path.display().to_string())?;
    Ok(path)
}

fn digest(parts: &[&str]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part.as_bytes());
    }
    HEXLOWER.encode(&digest.finalize())[..DIGEST].to_owned()
}
