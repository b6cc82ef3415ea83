//! What pages load besides themselves, built into the program. A release's address of each is its own, so that browsers keep
//! it for good.

use axum::extract::{Path, RawQuery};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use super::failure::Failure;

const FOREVER: &str = "public, max-age=31536000, immutable";
const SCRIPT: &str = "text/javascript; charset=utf-8";
/// Bytes of a digest that make an address one release's.
const DIGEST: usize = 8;

/// Each file: its name, of what kind it is, and what it holds.
const FILES: [(&str, &str, &[u8]); 6] = [
    ("board.css", "text/css; charset=utf-8", include_bytes!("assets/board.css")),
    ("board.js", SCRIPT, include_bytes!("assets/board.js")),
    ("charts.js", SCRIPT, include_bytes!("assets/charts.js")),
    // Chart.js 4.6.1 as its package has it, with its licence.
    ("chart.umd.min.js", SCRIPT, include_bytes!("assets/chart.umd.min.js")),
    ("chart.LICENSE.md", "text/plain; charset=utf-8", include_bytes!("assets/chart.LICENSE.md")),
    ("icon.svg", "image/svg+xml", include_bytes!("assets/icon.svg")),
];

/// Where the files of this release are.
pub struct Assets {
    /// Of all of them together: they change together.
    version: String,
}

impl Assets {
    pub fn new() -> Self {
        let mut digest = Sha256::new();
        for (_, _, bytes) in FILES {
            digest.update(bytes);
        }
        Self { version: HEXLOWER.encode(&digest.finalize()[..DIGEST]) }
    }

    /// A file's address.
    pub fn address(&self, name: &str) -> String {
        format!("/assets/{name}?v={}", self.version)
    }
}

pub async fn get(Path(name): Path<String>, RawQuery(version): RawQuery) -> Response {
    let kept = if version.is_some() { FOREVER } else { "no-cache" };
    match FILES.iter().find(|(known, _, _)| *known == name) {
        Some((_, kind, bytes)) => {
            ([(header::CONTENT_TYPE, *kind), (header::CACHE_CONTROL, kept)], *bytes).into_response()
        }
        None => Failure::NotFound.into_response(),
    }
}
