//! What holds for the calling thread: its capabilities, its root directory, its ids; read from /proc.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Numbers of capabilities, which are bits in a set (capabilities(7)).
pub const CAP_SETGID: u32 = 6;
/// See [`CAP_SETGID`].
pub const CAP_SETUID: u32 = 7;
/// See [`CAP_SETGID`].
pub const CAP_SYS_ADMIN: u32 = 21;
/// See [`CAP_SETGID`].
pub const CAP_SYS_RESOURCE: u32 = 24;
/// See [`CAP_SETGID`].
pub const CAP_SETFCAP: u32 = 31;

/// The link of the initial user namespace, which has this number on every kernel.
const INITIAL_USER_NAMESPACE: &str = "user:[4026531837]";
/// Directories of proc that can never have entries: what is mounted on them hides nothing.
const EMPTY_IN_PROC: [&str; 3] = ["/sys/fs/binfmt_misc", "/fs/nfsd", "/openprom"];

/// Whether a capability is effective in the caller's user namespace.
pub fn has_capability(number: u32) -> bool {
    Machine::here().has_capability(number)
}

/// The machine and the calling thread as a proc file system tells of them.
#[derive(Clone, Debug)]
pub struct Machine {
    proc: PathBuf,
}

impl Machine {
    /// This one.
    pub fn here() -> Machine {
        Machine::at("/proc")
    }

    /// One whose proc is this directory, mounted or made up.
    pub fn at(proc: impl Into<PathBuf>) -> Machine {
        Machine { proc: proc.into() }
    }

    /// Where a file of proc is; the caller's own are below `thread-self`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.proc.join(name)
    }

    /// A file's text; `None` when it cannot be read, for whatever reason.
    pub fn read(&self, name: &str) -> Option<String> {
        fs::read(self.path(name)).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Whether a capability is effective in the caller's user namespace. What cannot be read counts as no.
    pub fn has_capability(&self, number: u32) -> bool {
        self.status("CapEff:")
            .and_then(|set| u64::from_str_radix(&set, 16).ok())
            .is_some_and(|set| set & (1 << number) != 0)
    }

    /// Whether the caller is root of the whole machine, whom no switch about ordinary users concerns.
    pub fn is_privileged(&self) -> bool {
        self.is_in_initial_user_namespace() && self.has_capability(CAP_SYS_ADMIN)
    }

    /// Whether programs that the caller starts gain nothing from being setuid.
    pub fn has_no_new_privs(&self) -> bool {
        self.status("NoNewPrivs:").is_some_and(|value| value == "1")
    }

    /// Whether a seccomp filter looks at the caller's system calls, or a security module has put it into a profile.
    pub fn is_confined(&self) -> bool {
        let has_filter = self.status("Seccomp:").is_some_and(|mode| mode != "0");
        let label = self.read("thread-self/attr/current").unwrap_or_default();
        let label = label.trim_matches(['\0', '\n']);
        has_filter || !(label.is_empty() || label == "unconfined")
    }

    /// Whether the caller is in the user namespace that the machine started with.
    pub fn is_in_initial_user_namespace(&self) -> bool {
        fs::read_link(self.path("thread-self/ns/user"))
            .is_ok_and(|link| link.to_str() == Some(INITIAL_USER_NAMESPACE))
    }

    /// Whether the root directory is no mount point: then no line of mountinfo is for `/`, and it is not the
    /// mount namespace's either.
    pub fn root_is_no_mount(&self) -> bool {
        self.mounts().is_some_and(|mounts| mounts.iter().all(|mount| mount.point != "/"))
    }

    /// How many mounts the caller sees below its root directory.
    pub fn visible_mounts(&self) -> Option<usize> {
        self.mounts().map(|mounts| mounts.len())
    }

    /// Whether what is mounted below this mount is seen in others too, or the other way round.
    pub fn mount_is_shared(&self, id: &str) -> bool {
        let is_shared = |mount: &Mount| {
            mount.propagation.iter().any(|word| word.starts_with("shared:") || word.starts_with("master:"))
        };
        self.mounts().is_some_and(|mounts| mounts.iter().any(|mount| mount.id == id && is_shared(mount)))
    }

    /// Whether this mount shows what is underneath as it is: somebody has mounted a directory on itself.
    pub fn mount_is_on_itself(&self, id: &str) -> bool {
        let Some(mounts) = self.mounts() else { return false };
        let by_id = |id: &str| mounts.iter().find(|mount| mount.id == id);
        let Some((mount, outer)) = by_id(id).and_then(|mount| Some((mount, by_id(&mount.parent)?))) else {
            return false;
        };
        let below = Path::new(&mount.point).strip_prefix(&outer.point);
        mount.device == outer.device
            && below.is_ok_and(|below| Path::new(&outer.root).join(below) == Path::new(&mount.root))
    }

    /// Whether the caller's ids stand for nobody in its own user namespace: nobody in it may then make another one.
    pub fn is_unmapped(&self) -> bool {
        let has_none = |id: Option<u64>, file: &str| {
            id.zip(self.map(file)).is_some_and(|(id, map)| {
                !map.iter().any(|[inside, _, count]| (*inside..inside + count).contains(&id))
            })
        };
        has_none(self.effective("Uid:"), "thread-self/uid_map")
            || has_none(self.effective("Gid:"), "thread-self/gid_map")
    }

    /// Whether the caller's effective user is 0 in its user namespace.
    pub fn is_user_0(&self) -> bool {
        self.effective("Uid:") == Some(0)
    }

    /// The lines of a map, `[inside, outside, count]`; empty until it is written.
    pub fn map(&self, file: &str) -> Option<Vec<[u64; 3]>> {
        let line = |line: &str| {
            let mut numbers = line.split_whitespace().map(|number| number.parse().ok());
            Some([numbers.next()??, numbers.next()??, numbers.next()??])
        };
        self.read(file)?.lines().map(line).collect()
    }

    /// Whether setgroups(2) is switched off in a process's user namespace, and so in all below it.
    pub fn denies_setgroups(&self, process: &str) -> bool {
        self.read(&format!("{process}/setgroups")).is_some_and(|word| word.trim() == "deny")
    }

    /// Whether the caller's own files in proc are root's, because its memory may not be dumped.
    pub fn is_undumpable(&self) -> bool {
        // The directory is the caller's in any case, the files in it are not.
        let owner = |name: &str| fs::metadata(self.path(name)).map(|file| file.uid()).ok();
        let (own, files) = (owner("thread-self"), owner("thread-self/environ"));
        own.is_some() && files.is_some() && own != files
    }

    /// Debian's and Ubuntu's own switch; elsewhere the file is not there.
    pub fn sysctl_forbids_users(&self) -> bool {
        self.read("sys/kernel/unprivileged_userns_clone").is_some_and(|value| value.trim() == "0")
    }

    /// Ubuntu's own switch (23.10): a user namespace of an ordinary user is refused, or gives no power.
    pub fn apparmor_restricts_users(&self) -> bool {
        self.read("sys/kernel/apparmor_restrict_unprivileged_userns").is_some_and(|value| value.trim() == "1")
    }

    /// `user.max_KIND_namespaces` of the caller's own user namespace.
    pub fn limit(&self, kind: &str) -> Option<u64> {
        self.read(&format!("sys/user/max_{kind}_namespaces"))?.trim().parse().ok()
    }

    /// In how many pid namespaces the caller has a number, as far out as this proc looks.
    pub fn pid_levels(&self) -> usize {
        self.status("NSpid:").map_or(0, |numbers| numbers.split_whitespace().count())
    }

    /// What stands between the caller and a proc of its own in a new user namespace: the kernel gives one only to
    /// those who see another in full. `None` when one is seen so.
    pub fn proc_is_masked(&self) -> Option<String> {
        let Some(mounts) = self.mounts() else { return Some("/proc is not mounted".to_owned()) };
        let mut obstacle = None;
        for proc in mounts.iter().filter(|mount| mount.fstype == "proc" && mount.root == "/") {
            match proc.is_masked(&mounts) {
                None => return None,
                // Of several on the same point the last is on top.
                Some(found) if obstacle.is_none() || proc.point == "/proc" => obstacle = Some(found),
                Some(_) => {}
            }
        }
        Some(obstacle.unwrap_or_else(|| "proc is nowhere mounted as a whole".to_owned()))
    }

    /// The directories of the control groups that the caller is in, version 2 first; those that it sees mounted.
    pub fn own_cgroups(&self) -> Vec<PathBuf> {
        self.cgroups_of("thread-self")
    }

    /// The same of a process.
    pub fn cgroups_of(&self, process: &str) -> Vec<PathBuf> {
        let groups = self.read(&format!("{process}/cgroup"));
        let (Some(groups), Some(mounts)) = (groups, self.mounts()) else {
            return Vec::new();
        };
        let directory = |line: &str| {
            let mut fields = line.splitn(3, ':').skip(1);
            let (controllers, group) = (fields.next()?, fields.next()?);
            mounts.iter().find_map(|mount| mount.cgroup(controllers, group))
        };
        let mut lines: Vec<&str> = groups.lines().collect();
        lines.sort_by_key(|line| !line.starts_with("0::"));
        lines.into_iter().filter_map(directory).collect()
    }

    /// The second number of four is the effective id, and 65534 for whoever has none.
    fn effective(&self, name: &str) -> Option<u64> {
        self.status(name)?.split_whitespace().nth(1)?.parse().ok()
    }

    /// A field of the caller's status.
    fn status(&self, name: &str) -> Option<String> {
        let status = self.read("thread-self/status")?;
        status.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned())
    }

    fn mounts(&self) -> Option<Vec<Mount>> {
        Some(self.read("thread-self/mountinfo")?.lines().filter_map(Mount::parse).collect())
    }
}

/// A line of mountinfo, its names as the file has them.
struct Mount {
    id: String,
    parent: String,
    device: String,
    root: String,
    point: String,
    options: String,
    propagation: Vec<String>,
    fstype: String,
    superblock: String,
}

impl Mount {
    fn parse(line: &str) -> Option<Mount> {
        let (before, after) = line.split_once(" - ")?;
        let (mut before, mut after) = (before.split(' '), after.split(' '));
        let mut next = || before.next().map(str::to_owned);
        Some(Mount {
            id: next()?,
            parent: next()?,
            device: next()?,
            root: next()?,
            point: next()?,
            options: next()?,
            propagation: before.map(str::to_owned).collect(),
            fstype: after.next()?.to_owned(),
            superblock: after.nth(1)?.to_owned(),
        })
    }

    /// Where this mount shows a group of the hierarchy with these controllers; the one with none is version 2's.
    fn cgroup(&self, controllers: &str, group: &str) -> Option<PathBuf> {
        let is_its = match controllers {
            "" => self.fstype == "cgroup2",
            names => {
                let has = |name| self.superblock.split(',').any(|option| option == name);
                self.fstype == "cgroup" && names.split(',').all(has)
            }
        };
        let below = Path::new(group)
            .strip_prefix(OsString::from_vec(unescaped(self.root.as_bytes())))
            .ok()
            .filter(|_| is_its)?;
        let root = PathBuf::from(OsString::from_vec(unescaped(self.point.as_bytes())));
        // Joining nothing would leave a slash.
        Some(if below.as_os_str().is_empty() { root } else { root.join(below) })
    }

    /// What hides a part of this proc, or forbids what a new one would allow (mount_too_revealing in the kernel).
    fn is_masked(&self, mounts: &[Mount]) -> Option<String> {
        let has = |options: &str, word: &str| options.split(',').any(|option| option == word);
        if has(&self.options, "ro") || has(&self.superblock, "ro") {
            return Some(format!("{} is read-only", self.point));
        }
        // In a less privileged namespace no mount may update times more often than the one seen, nor less.
        if !has(&self.options, "relatime") || has(&self.options, "nodiratime") {
            return Some(format!("{} is mounted without relatime", self.point));
        }
        let is_empty = |point: &str| {
            point.strip_prefix(self.point.as_str()).is_some_and(|below| EMPTY_IN_PROC.contains(&below))
        };
        let cover = mounts.iter().find(|mount| mount.parent == self.id && !is_empty(&mount.point))?;
        Some(format!("{} is covered", cover.point))
    }
}

/// A name of mountinfo, in which blanks and backslashes are written by their numbers.
fn unescaped(name: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name;
    while let [first, after @ ..] = rest {
        let number = after.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        match number.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) if *first == b'\\' => {
                bytes.push(byte);
                rest = &after[3..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_control_groups_are_found_where_they_are_mounted() {
        let proc = std::env::temp_dir().join(format!("nsiso-caller-{}", std::process::id()));
        fs::create_dir_all(proc.join("thread-self")).unwrap();
        let groups = "4:cpuset:/\n3:cpu,cpuacct:/a\n2:name=systemd:/user.slice\n1:pids:/\n0::/b/c\n";
        fs::write(proc.join("thread-self/cgroup"), groups).unwrap();
        let mounts = "30 1 0:30 / /cg/my\\040cpu rw - cgroup cgroup rw,cpu,cpuacct\n\
            29 1 0:29 / /cg/set rw - cgroup cgroup rw,cpuset\n\
            31 1 0:31 /docker /cg/systemd rw - cgroup cgroup rw,name=systemd\n\
            32 1 0:32 /b /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        fs::write(proc.join("thread-self/mountinfo"), mounts).unwrap();
        let found = Machine::at(&proc).own_cgroups();
        fs::remove_dir_all(&proc).unwrap();
        // What is mounted of systemd's hierarchy does not show the caller's group, and pids is not mounted.
        let expected = ["/sys/fs/cgroup/c", "/cg/set", "/cg/my cpu/a"];
        assert_eq!(found.iter().map(|path| path.as_os_str()).collect::<Vec<_>>(), expected);
    }
}
