//! The few things that are taken from the process's environment, in one place. Configuration is not among
//! them: it is read once by the caller and arrives as [`crate::Settings`].

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

/// The search path for programs; the system's usual one when it is unset.
pub(crate) fn search_path() -> OsString {
    env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin".into())
}

/// Every place where the search path has a program of this name, in its order.
pub(crate) fn on_path(name: &str) -> Vec<PathBuf> {
    env::split_paths(&search_path()).map(|folder| folder.join(name)).filter(|path| path.is_file()).collect()
}

/// The user's cache folder for our tools, as the XDG base directory specification places it.
pub(crate) fn user_cache() -> Option<PathBuf> {
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    cache.or_else(|| env::home_dir().map(|home| home.join(".cache"))).map(|cache| cache.join("huiyin"))
}
