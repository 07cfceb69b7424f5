//! How a child is placed in control groups, of version 1 and 2, and what their limits are called there.
#![forbid(unsafe_code)]

use crate::sys::Errno;
use std::fmt;
use std::fs;
use std::io::Write;
use std::path::Path;

/// What the processes of a control group may use together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    pub memory: Option<u64>,
    pub pids: Option<u64>,
    pub cpu: Option<(u64, u64)>,
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let memory = self.memory.map(|bytes| format!("{bytes} bytes of memory"));
        let pids = self.pids.map(|count| format!("{count} processes"));
        let cpu = self.cpu.map(|(quota, period)| format!("{quota} of {period} microseconds on a CPU"));
        let all: Vec<_> = memory.into_iter().chain(pids).chain(cpu).collect();
        f.write_str(&all.join(", "))
    }
}

/// Whether it is a group of version 2.
pub fn is_v2(directory: &Path) -> bool {
    directory.join("cgroup.controllers").exists()
}

/// Writes the child's number into the group. It waits meanwhile, and nobody reaps it.
pub fn place(directory: &Path, pid: i32) -> Result<(), Errno> {
    write(&directory.join("cgroup.procs"), &pid.to_string())
}

/// Sets each limit in the first of these groups that has a file for it: a group of version 1 belongs to some
/// controllers only. ENOENT for a limit that none of them has.
pub fn limit(directories: &[impl AsRef<Path>], limits: &Limits) -> Result<(), Errno> {
    for (names, text) in files(limits) {
        let file =
            |directory: &Path| names.iter().map(|name| directory.join(name)).find(|path| path.exists());
        let found = directories.iter().find_map(|directory| file(directory.as_ref()));
        let path = found.ok_or(Errno(libc::ENOENT))?;
        write(&path, &text(&path))?;
    }
    Ok(())
}

/// What to write, given the file: version 2 has both halves of a CPU limit in one.
type Text<'a> = Box<dyn Fn(&Path) -> String + 'a>;

/// The files of version 2 and 1 for each limit that is set.
fn files(limits: &Limits) -> Vec<(&'static [&'static str], Text<'_>)> {
    let mut files: Vec<(&'static [&'static str], Text<'_>)> = Vec::new();
    if let Some(bytes) = limits.memory {
        files.push((&["memory.max", "memory.limit_in_bytes"], Box::new(move |_| bytes.to_string())));
    }
    if let Some(count) = limits.pids {
        files.push((&["pids.max"], Box::new(move |_| count.to_string())));
    }
    if let Some((quota, period)) = limits.cpu {
        // The period first: version 1 measures a quota against it.
        files.push((
            &["cpu.max", "cpu.cfs_period_us"],
            Box::new(move |path| if is_v1(path) { period.to_string() } else { format!("{quota} {period}") }),
        ));
        files.push((
            &["cpu.max", "cpu.cfs_quota_us"],
            Box::new(move |path| if is_v1(path) { quota.to_string() } else { format!("{quota} {period}") }),
        ));
    }
    files
}

fn is_v1(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name != "cpu.max")
}

fn write(path: &Path, text: &str) -> Result<(), Errno> {
    let mut file = fs::OpenOptions::new().write(true).open(path)?;
    Ok(file.write_all(text.as_bytes())?)
}
