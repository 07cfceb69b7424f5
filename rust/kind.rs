//! Which kinds of namespace there are: their names, `CLONE_NEW*` values, first kernels and meaning.
#![forbid(unsafe_code)]

use std::fmt;
use std::ops::{BitAnd, BitOr, BitOrAssign, Sub};
use std::str::FromStr;

/// One kind of namespace, as `/proc/PID/ns` names it (see namespaces(7)).
///
/// The discriminant is the kernel's `CLONE_NEW*` value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
#[repr(u32)]
pub enum Kind {
    /// Mount points (mount_namespaces(7)).
    #[doc(alias = "CLONE_NEWNS")]
    Mnt = 0x0002_0000,
    /// Host name and NIS domain name (uts_namespaces(7)).
    #[doc(alias = "CLONE_NEWUTS")]
    Uts = 0x0400_0000,
    /// System V IPC objects and POSIX message queues (ipc_namespaces(7)).
    #[doc(alias = "CLONE_NEWIPC")]
    Ipc = 0x0800_0000,
    /// Process numbers (pid_namespaces(7)).
    #[doc(alias = "CLONE_NEWPID")]
    Pid = 0x2000_0000,
    /// Network devices, addresses, ports and routes (network_namespaces(7)).
    #[doc(alias = "CLONE_NEWNET")]
    Net = 0x4000_0000,
    /// User and group ids, and capabilities (user_namespaces(7)).
    #[doc(alias = "CLONE_NEWUSER")]
    User = 0x1000_0000,
    /// The root of the cgroup tree (cgroup_namespaces(7)).
    #[doc(alias = "CLONE_NEWCGROUP")]
    Cgroup = 0x0200_0000,
    /// Boot-time and monotonic clocks (time_namespaces(7)).
    #[doc(alias = "CLONE_NEWTIME")]
    Time = 0x0000_0080,
}

impl Kind {
    /// Every kind, in the order in which Linux got them.
    pub const ALL: [Kind; 8] =
        [Kind::Mnt, Kind::Uts, Kind::Ipc, Kind::Pid, Kind::Net, Kind::User, Kind::Cgroup, Kind::Time];

    /// Its place in [`Kind::ALL`].
    pub(crate) const fn index(self) -> usize {
        match self {
            Kind::Mnt => 0,
            Kind::Uts => 1,
            Kind::Ipc => 2,
            Kind::Pid => 3,
            Kind::Net => 4,
            Kind::User => 5,
            Kind::Cgroup => 6,
            Kind::Time => 7,
        }
    }

    /// The `CLONE_NEW*` value, one bit.
    pub const fn flag(self) -> u32 {
        self as u32
    }

    /// The kind with exactly this `CLONE_NEW*` value.
    pub fn from_flag(flag: u32) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.flag() == flag)
    }

    /// The name under `/proc/PID/ns`, for instance `"mnt"`.
    pub const fn name(self) -> &'static str {
        self.words().0
    }

    /// The name of the flag in clone(2), for instance `"CLONE_NEWNS"`.
    pub const fn flag_name(self) -> &'static str {
        self.words().1
    }

    /// The first Linux that could make one, for instance `"2.4.19"`.
    pub const fn first_kernel(self) -> &'static str {
        self.words().2
    }

    /// What a namespace of this kind isolates, in a few words.
    pub const fn isolates(self) -> &'static str {
        self.words().3
    }

    const fn words(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Kind::Mnt => ("mnt", "CLONE_NEWNS", "2.4.19", "mount points"),
            Kind::Uts => ("uts", "CLONE_NEWUTS", "2.6.19", "host name and NIS domain name"),
            Kind::Ipc => ("ipc", "CLONE_NEWIPC", "2.6.19", "System V IPC and POSIX message queues"),
            Kind::Pid => ("pid", "CLONE_NEWPID", "2.6.24", "process numbers"),
            Kind::Net => ("net", "CLONE_NEWNET", "2.6.29", "network devices, addresses, ports and routes"),
            Kind::User => ("user", "CLONE_NEWUSER", "3.8", "user and group ids, and capabilities"),
            Kind::Cgroup => ("cgroup", "CLONE_NEWCGROUP", "4.6", "cgroup root directory"),
            Kind::Time => ("time", "CLONE_NEWTIME", "5.6", "boot-time and monotonic clocks"),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Kind, UnknownKind> {
        Kind::ALL
            .into_iter()
            .find(|kind| kind.name() == text || kind.flag_name() == text)
            .ok_or_else(|| UnknownKind(text.to_owned()))
    }
}

/// A word that names no kind of namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownKind(pub String);

impl fmt::Display for UnknownKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no kind of namespace is called {:?}: it is one of ", self.0)?;
        f.write_str(&Kinds::ALL.to_string())
    }
}

impl std::error::Error for UnknownKind {}

/// A set of kinds: the `CLONE_NEW*` bits or-ed together.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Kinds(u32);

impl Kinds {
    /// No kind.
    pub const NONE: Kinds = Kinds(0);
    /// All eight kinds.
    pub const ALL: Kinds = {
        let mut bits = 0;
        let mut index = 0;
        while index < Kind::ALL.len() {
            bits |= Kind::ALL[index].flag();
            index += 1;
        }
        Kinds(bits)
    };

    /// The kinds of these `CLONE_NEW*` bits, or `None` if another bit is set.
    pub const fn from_bits(bits: u32) -> Option<Kinds> {
        if bits & !Kinds::ALL.0 == 0 {
            Some(Kinds(bits))
        } else {
            None
        }
    }

    /// The `CLONE_NEW*` bits.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether this kind is in the set.
    pub const fn contains(self, kind: Kind) -> bool {
        self.0 & kind.flag() != 0
    }

    /// Whether there is no kind in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The kinds of the set, in the order of [`Kind::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Kind> {
        Kind::ALL.into_iter().filter(move |kind| self.contains(*kind))
    }
}

impl From<Kind> for Kinds {
    fn from(kind: Kind) -> Kinds {
        Kinds(kind.flag())
    }
}

impl FromIterator<Kind> for Kinds {
    fn from_iter<I: IntoIterator<Item = Kind>>(kinds: I) -> Kinds {
        kinds.into_iter().fold(Kinds::NONE, |set, kind| set | kind)
    }
}

impl<K: Into<Kinds>> BitOr<K> for Kinds {
    type Output = Kinds;
    fn bitor(self, other: K) -> Kinds {
        Kinds(self.0 | other.into().0)
    }
}

impl<K: Into<Kinds>> BitOr<K> for Kind {
    type Output = Kinds;
    fn bitor(self, other: K) -> Kinds {
        Kinds::from(self) | other
    }
}

impl<K: Into<Kinds>> BitOrAssign<K> for Kinds {
    fn bitor_assign(&mut self, other: K) {
        *self = *self | other;
    }
}

impl<K: Into<Kinds>> BitAnd<K> for Kinds {
    type Output = Kinds;
    fn bitand(self, other: K) -> Kinds {
        Kinds(self.0 & other.into().0)
    }
}

impl<K: Into<Kinds>> Sub<K> for Kinds {
    type Output = Kinds;
    fn sub(self, other: K) -> Kinds {
        Kinds(self.0 & !other.into().0)
    }
}

/// Names with commas between them, `"mnt,uts"`; nothing for the empty set.
impl fmt::Display for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, kind) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            f.write_str(kind.name())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kinds({self})")
    }
}

/// Reads names (or names of flags) with commas between them; spaces around them are skipped.
impl FromStr for Kinds {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Kinds, UnknownKind> {
        if text.trim().is_empty() {
            return Ok(Kinds::NONE);
        }
        text.split(',').map(|word| word.trim().parse()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_libcs() {
        let of_libc = [
            (Kind::Mnt, libc::CLONE_NEWNS),
            (Kind::Uts, libc::CLONE_NEWUTS),
            (Kind::Ipc, libc::CLONE_NEWIPC),
            (Kind::Pid, libc::CLONE_NEWPID),
            (Kind::Net, libc::CLONE_NEWNET),
            (Kind::User, libc::CLONE_NEWUSER),
            (Kind::Cgroup, libc::CLONE_NEWCGROUP),
            (Kind::Time, libc::CLONE_NEWTIME),
        ];
        assert_eq!(of_libc.len(), Kind::ALL.len());
        for (kind, flag) in of_libc {
            assert_eq!(kind.flag(), flag as u32, "{kind}");
            assert_eq!(Kind::from_flag(kind.flag()), Some(kind));
        }
    }

    #[test]
    fn an_index_is_the_place_among_all() {
        for (place, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind.index(), place);
        }
    }

    #[test]
    fn text_goes_there_and_back() {
        for text in ["", "mnt", "mnt,uts,ipc,pid,net,user,cgroup,time"] {
            assert_eq!(text.parse::<Kinds>().map(|kinds| kinds.to_string()), Ok(text.to_owned()));
        }
        assert_eq!("CLONE_NEWNS, uts".parse(), Ok(Kind::Mnt | Kind::Uts));
        assert_eq!("mnt,".parse::<Kinds>(), Err(UnknownKind(String::new())));
        let complaint = "mount".parse::<Kinds>().map_err(|error| error.to_string());
        assert!(complaint.is_err_and(|text| text.contains("\"mount\"") && text.contains("mnt,uts")));
    }

    #[test]
    fn unknown_bits_are_refused() {
        assert_eq!(Kinds::from_bits(1), None);
        assert_eq!(Kinds::from_bits(Kinds::ALL.bits()), Some(Kinds::ALL));
    }

    #[test]
    fn sets_behave_as_sets() {
        let two = Kind::Mnt | Kind::Net;
        assert_eq!(two - Kind::Net, Kinds::from(Kind::Mnt));
        assert_eq!(two & Kind::Net, Kinds::from(Kind::Net));
        assert_eq!(two.iter().collect::<Vec<_>>(), [Kind::Mnt, Kind::Net]);
    }
}
