//! Whether a process that a leftover file names still lives, and whether it is what the file says it was:
//! numbers of processes are used again, so that a number alone proves nothing.

use std::fs;
use std::path::Path;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

/// Whether any process has this number, be it ours or not.
pub(crate) fn alive(pid: u32) -> bool {
    let Some(pid) = to_pid(pid) else { return false };
    matches!(test_kill_process(pid), Ok(()) | Err(Errno::PERM))
}

/// Whether the process works in `folder`, as a postmaster does in its data folder. Where the system cannot
/// tell, a live process counts as working there: to refuse is safer than to start a second server on the same
/// data.
pub(crate) fn works_in(pid: u32, folder: &Path) -> bool {
    if !Path::new("/proc/self/cwd").exists() {
        return true;
    }
    let Ok(folder) = folder.canonicalize() else { return false };
    fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == folder)
}

/// Whether the process was started with this argument; the same caution as [`works_in`].
pub(crate) fn started_with(pid: u32, argument: &Path) -> bool {
    if !Path::new("/proc/self/cmdline").exists() {
        return true;
    }
    let Ok(line) = fs::read(format!("/proc/{pid}/cmdline")) else { return false };
    line.split(|byte| *byte == 0).any(|word| word == argument.as_os_str().as_encoded_bytes())
}

/// Whether the system calls the process so: by the name of its program, cut to 15 bytes.
pub(crate) fn is_called(pid: u32, name: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|found| found.trim_end() == name)
}

pub(crate) fn to_pid(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_itself_and_nobody() {
        let me = std::process::id();
        assert!(alive(me) && alive(1));
        assert!(!alive(0) && !alive(u32::MAX));
        assert!(works_in(me, &std::env::current_dir().unwrap()));
        assert!(!works_in(me, &std::env::temp_dir().join("nowhere")));
        assert!(!started_with(me, Path::new("/no/such/argument")));
    }
}
