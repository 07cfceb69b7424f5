//! What a namespace is like inside: its maps, host name, clocks, interfaces, mounts.
#![forbid(unsafe_code)]

use crate::error::Result;
use crate::idmap::IdRange;
use crate::kind::Kind;
use crate::namespace::Namespace;
use crate::spec::Offset;
use crate::sys::directory::Directory;
use crate::sys::{fd, netlink, ns, nsfs};
use std::ffi::CString;
use std::os::fd::AsFd;

/// What the caller may read of a namespace's inside; `None` for what it may not, and for what other kinds have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Particulars {
    /// user: who is who, the outside numbers being those of the caller's own user namespace, 4294967295 for who
    /// has none there; without ranges until it is written. Read by way of a process in it.
    pub uid_map: Option<Vec<IdRange>>,
    /// user: as `uid_map`, for groups.
    pub gid_map: Option<Vec<IdRange>>,
    /// user: whether setgroups(2) is allowed there.
    pub setgroups: Option<bool>,
    /// uts: the host name.
    pub host_name: Option<Vec<u8>>,
    /// uts: the NIS domain name.
    pub domain_name: Option<Vec<u8>>,
    /// time: how far the monotonic clock is set forward. Read by way of a process in it.
    pub monotonic: Option<Offset>,
    /// time: as `monotonic`, of the clock that counts from the machine's start.
    pub boottime: Option<Offset>,
    /// net: the names of its interfaces.
    pub interfaces: Option<Vec<Vec<u8>>>,
    /// net: its number as the caller's own net namespace gives it (`ip netns list-id`), if it gives one.
    pub nsid: Option<i32>,
    /// mnt: how many mounts it has, seen from any root (Linux 6.12).
    pub mounts: Option<u32>,
}

impl Particulars {
    /// Reads what there is now. `processes` are numbers of processes that may be in it: the first that is serves.
    ///
    /// For uts and net the calling thread may visit the namespace, where that is allowed; see [`Namespace::visit`].
    ///
    /// # Errors
    ///
    /// ENOENT: /proc is not mounted.
    pub fn of(namespace: &Namespace, processes: impl IntoIterator<Item = i32>) -> Result<Particulars> {
        let error = |errno| {
            crate::Error::new("read particulars", namespace.to_string(), errno, crate::Cause::Unknown)
        };
        let proc = Directory::open(c"/proc").map_err(error)?;
        let member = Member::of(&proc, namespace, processes);
        let mut found = Particulars::default();
        match namespace.kind() {
            Kind::User => {
                found.uid_map = member.as_ref().and_then(|member| map(&member.read("uid_map")?));
                found.gid_map = member.as_ref().and_then(|member| map(&member.read("gid_map")?));
                let setgroups = member.as_ref().and_then(|member| member.read("setgroups"));
                found.setgroups = setgroups.map(|text| text.starts_with(b"allow"));
            }
            Kind::Uts => {
                // Nobody need be able to come back to where it is.
                let is_own = Namespace::current(Kind::Uts).is_ok_and(|own| own == *namespace);
                let there = if is_own { None } else { namespace.visit().ok() };
                let names = ns::names().ok().filter(|_| is_own || there.is_some());
                (found.host_name, found.domain_name) = names.unzip();
            }
            Kind::Time => {
                let text = member.as_ref().and_then(|member| member.read("timens_offsets"));
                [found.monotonic, found.boottime] =
                    ["monotonic", "boottime"].map(|clock| text.as_ref().and_then(|text| offset(text, clock)));
            }
            Kind::Net => {
                let text = match &member {
                    Some(member) => member.read("net/dev"),
                    None => namespace
                        .visit()
                        .ok()
                        .and_then(|_there| std::fs::read("/proc/thread-self/net/dev").ok()),
                };
                found.interfaces = text.map(|text| interfaces(&text));
                found.nsid = netlink::nsid(namespace.as_fd()).ok();
            }
            Kind::Mnt => found.mounts = nsfs::mounts(namespace.as_fd()).ok(),
            Kind::Ipc | Kind::Pid | Kind::Cgroup => (),
        }
        Ok(found)
    }
}

/// A process in the namespace: its directory stays its own, whoever gets the number.
struct Member<'a> {
    namespace: &'a Namespace,
    directory: Directory,
}

impl<'a> Member<'a> {
    fn of(
        proc: &Directory,
        namespace: &'a Namespace,
        processes: impl IntoIterator<Item = i32>,
    ) -> Option<Member<'a>> {
        let open = |pid: i32| proc.handle_below(&CString::new(pid.to_string()).ok()?).ok();
        let members =
            processes.into_iter().filter_map(|pid| Some(Member { namespace, directory: open(pid)? }));
        members.into_iter().find(Member::is_in)
    }

    /// What is read of a process is its namespace's only while it is in there, and so are its children of what
    /// concerns those.
    fn is_in(&self) -> bool {
        let inode = |link: &str| {
            let link = CString::new(format!("ns/{link}")).ok()?;
            nsfs::inode_in(self.directory.link(&link, &mut [0; 48]).ok()?)
        };
        let kind = self.namespace.kind();
        let children = if kind == Kind::Time { "time_for_children" } else { kind.name() };
        let own = Some(self.namespace.inode());
        inode(kind.name()) == own && inode(children) == own
    }

    fn read(&self, name: &str) -> Option<Vec<u8>> {
        let file = self.directory.file(&CString::new(name).ok()?).ok()?;
        let text = fd::read_all(file.as_fd()).ok()?;
        self.is_in().then_some(text)
    }
}

/// Lines of `inside outside count`.
pub(super) fn map(text: &[u8]) -> Option<Vec<IdRange>> {
    let range = |line: &str| {
        let mut numbers = line.split_ascii_whitespace().map(str::parse);
        let mut next = || numbers.next()?.ok();
        Some(IdRange { inside: next()?, outside: next()?, count: next()? })
    };
    std::str::from_utf8(text).ok()?.lines().map(range).collect()
}

/// A line of `clock seconds nanoseconds`.
pub(super) fn offset(text: &[u8], clock: &str) -> Option<Offset> {
    let mut words = std::str::from_utf8(text)
        .ok()?
        .lines()
        .find_map(|line| line.strip_prefix(clock).map(str::split_ascii_whitespace))?;
    Some(Offset { seconds: words.next()?.parse().ok()?, nanoseconds: words.next()?.parse().ok()? })
}

/// Two lines of headings, then one for each interface: `name: numbers`.
pub(super) fn interfaces(text: &[u8]) -> Vec<Vec<u8>> {
    let lines = text.split(|byte| *byte == b'\n').skip(2);
    let names = lines.filter_map(|line| {
        let end = line.iter().rposition(|byte| *byte == b':')?;
        Some(line.get(..end)?.trim_ascii_start().to_vec())
    });
    names.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_offsets_and_interfaces_are_read() {
        let read = map(b"         0      12345          1\n         1     100000      65536\n").unwrap();
        assert_eq!(read.iter().map(IdRange::to_string).collect::<Vec<_>>(), ["0 12345 1", "1 100000 65536"]);
        assert_eq!(map(b""), Some(Vec::new()));
        assert_eq!((map(b"0 1\n"), map(b"0 a 1\n"), map(b"0 4294967296 1\n")), (None, None, None));
        let offsets = b"monotonic           -5         3\nboottime             7         0\n";
        assert_eq!(offset(offsets, "monotonic"), Some(Offset { seconds: -5, nanoseconds: 3 }));
        assert_eq!(offset(offsets, "boottime"), Some(Offset { seconds: 7, nanoseconds: 0 }));
        assert_eq!((offset(b"monotonic 1", "monotonic"), offset(b"", "boottime")), (None, None));
        let dev = b"Inter-|   Receive\n face |bytes\n    lo:  1 2\n  a:b: 3\n";
        assert_eq!(interfaces(dev), [b"lo".to_vec(), b"a:b".to_vec()]);
        assert_eq!(interfaces(b""), Vec::<Vec<u8>>::new());
    }
}
