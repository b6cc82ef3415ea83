//! The files of the page, as they are in the binary: it needs nothing beside itself, and nothing from the network.

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::routing::get;

/// A file: where it is served, its type, its text.
struct File {
    path: &'static str,
    kind: &'static str,
    text: &'static str,
}

/// The page may load from itself alone and run no markup of a stranger's, whatever a name or a message says.
const POLICY: &str = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

macro_rules! files {
    ($($path:literal $name:literal $kind:literal,)*) => {
        &[$(File { path: $path, kind: $kind, text: include_str!(concat!("web/", $name)) }),*]
    };
}

const FILES: &[File] = files![
    "/" "index.html" "text/html; charset=utf-8",
    "/icon.svg" "icon.svg" "image/svg+xml",
    "/page.css" "page.css" "text/css; charset=utf-8",
    "/panels.css" "panels.css" "text/css; charset=utf-8",
    "/colours.css" "colours.css" "text/css; charset=utf-8",
    "/page.js" "page.js" "text/javascript; charset=utf-8",
    "/api.js" "api.js" "text/javascript; charset=utf-8",
    "/card.js" "card.js" "text/javascript; charset=utf-8",
    "/cards.js" "cards.js" "text/javascript; charset=utf-8",
    "/cells.js" "cells.js" "text/javascript; charset=utf-8",
    "/dom.js" "dom.js" "text/javascript; charset=utf-8",
    "/markdown.js" "markdown.js" "text/javascript; charset=utf-8",
    "/model.js" "model.js" "text/javascript; charset=utf-8",
    "/notice.js" "notice.js" "text/javascript; charset=utf-8",
    "/rooms.js" "rooms.js" "text/javascript; charset=utf-8",
    "/sheets.js" "sheets.js" "text/javascript; charset=utf-8",
    "/words.js" "words.js" "text/javascript; charset=utf-8",
];

/// All of them. They are never kept by the browser: another version may be served here tomorrow.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    FILES.iter().fold(Router::new(), |router, file| {
        let headers =
            [(CONTENT_TYPE, file.kind), (CACHE_CONTROL, "no-store"), (CONTENT_SECURITY_POLICY, POLICY)];
        router.route(file.path, get(async move || (headers, file.text)))
    })
}

#[cfg(test)]
mod tests {
    use super::FILES;

    /// What a file refers to: `href="…"`, `src="…"`, and `from './…'` of a module.
    fn references(text: &str) -> Vec<String> {
        let quoted = |opening: &str, closing: char| {
            text.split(opening)
                .skip(1)
                .filter_map(|rest| rest.split(closing).next().map(str::to_owned))
                .collect::<Vec<_>>()
        };
        let modules = quoted("from './", '\'').into_iter().map(|name| format!("/{name}"));
        [quoted("href=\"", '"'), quoted("src=\"", '"'), modules.collect()].concat()
    }

    #[test]
    fn everything_referred_to_is_served() {
        let mut seen = 0;
        for file in FILES {
            for reference in references(file.text) {
                assert!(
                    FILES.iter().any(|file| file.path == reference),
                    "{} refers to {reference}, which is not served",
                    file.path
                );
                seen += 1;
            }
        }
        assert!(seen > 10, "references were found");
    }

    #[test]
    fn every_file_is_used() {
        for file in FILES.iter().filter(|file| file.path != "/") {
            assert!(
                FILES.iter().any(|other| references(other.text).iter().any(|path| path == file.path)),
                "nothing refers to {}",
                file.path
            );
        }
    }

    #[test]
    fn nothing_is_asked_of_other_hosts() {
        for file in FILES {
            // A namespace is a name, and is not fetched.
            let text = file.text.replace("http://www.w3.org/2000/svg", "");
            for mark in ["http:", "https:", "\"//", "url(", "innerHTML", "insertAdjacentHTML"] {
                assert!(!text.contains(mark), "{mark} in {}", file.path);
            }
        }
    }
}
