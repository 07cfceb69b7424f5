//! What else than kinds of namespace a process can be given, by the names of the spec's options or the kernel's words.
#![forbid(unsafe_code)]

use crate::kind::{Kind, Kinds};
use std::fmt;
use std::str::FromStr;

macro_rules! features {
    ($($(#[$doc:meta])* $variant:ident: $name:literal, $about:literal, needs $needs:expr;)*) => {
        /// Something beside a kind of namespace that a kernel, a user or a sandbox may refuse: an option of
        /// [`Spec`](crate::Spec), by its name, or a way to start a process, by the kernel's word.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Feature {
            $($(#[$doc])* $variant,)*
        }

        impl Feature {
            /// Every feature.
            pub const ALL: &'static [Feature] = &[$(Feature::$variant),*];

            /// The name, the same in Rust, C and Python: for instance `"map_root"`.
            pub const fn name(self) -> &'static str {
                match self { $(Feature::$variant => $name),* }
            }

            /// What one gets by it, in a few words.
            pub const fn about(self) -> &'static str {
                match self { $(Feature::$variant => $about),* }
            }

            /// The new namespaces without which it has no meaning.
            pub fn needs(self) -> Kinds {
                match self { $(Feature::$variant => $needs.into()),* }
            }
        }
    };
}

features! {
    /// [`Spec::map_root`](crate::Spec::map_root).
    MapRoot: "map_root", "the caller's user and group are root inside", needs Kind::User;
    /// [`Spec::map_current`](crate::Spec::map_current).
    MapCurrent: "map_current", "the caller's user and group keep their numbers inside", needs Kind::User;
    /// [`Spec::map_auto`](crate::Spec::map_auto).
    MapAuto: "map_auto", "root inside, and all ids that /etc/subuid and /etc/subgid grant", needs Kind::User;
    /// [`Spec::map_ids`](crate::Spec::map_ids) with another id beside the caller's own: the first that is granted, or
    /// else the first that there is.
    MapIds: "map_ids", "several users and groups inside", needs Kind::User;
    /// [`Spec::hostname`](crate::Spec::hostname).
    Hostname: "hostname", "a host name of its own", needs Kind::Uts;
    /// [`Spec::domainname`](crate::Spec::domainname).
    Domainname: "domainname", "a NIS domain name of its own", needs Kind::Uts;
    /// [`Spec::monotonic_offset`](crate::Spec::monotonic_offset) and [`Spec::boottime_offset`](crate::Spec::boottime_offset).
    TimeOffsets: "time_offsets", "clocks that are set forward", needs Kind::Time;
    /// [`Spec::proc`](crate::Spec::proc).
    Proc: "proc", "a /proc that shows the new pid namespace", needs Kind::Pid | Kind::Mnt;
    /// [`Spec::loopback_down`](crate::Spec::loopback_down): a new net namespace where lo cannot be set up.
    LoopbackDown: "loopback_down", "a net namespace whose lo stays down", needs Kind::Net;
    /// [`Spec::uid`](crate::Spec::uid) with another number than the caller's own, if there is any; together with a new
    /// user namespace one that is mapped there.
    Uid: "uid", "another user; with a new user namespace one of its map", needs Kinds::NONE;
    /// [`Spec::gid`](crate::Spec::gid) with another number than the caller's own, if there is any; together with a new
    /// user namespace one that is mapped there.
    Gid: "gid", "another group; with a new user namespace one of its map", needs Kinds::NONE;
    /// [`Spec::groups`](crate::Spec::groups); together with a new user namespace those of [`Feature::MapAuto`], for a map
    /// of the caller's own id alone leaves them as they are.
    Groups: "groups", "other supplementary groups; with a new user namespace those of map_auto", needs Kinds::NONE;
    /// [`Spec::capabilities`](crate::Spec::capabilities).
    Capabilities: "capabilities", "fewer capabilities, and no way to get them back", needs Kinds::NONE;
    /// [`Spec::no_new_privs`](crate::Spec::no_new_privs).
    NoNewPrivs: "no_new_privs", "no privilege by executing", needs Kinds::NONE;
    /// [`Spec::rlimit`](crate::Spec::rlimit) with a hard limit above the caller's own.
    Rlimit: "rlimit", "hard resource limits above the caller's own", needs Kinds::NONE;
    /// [`Spec::oom_score_adj`](crate::Spec::oom_score_adj) with the lowest score.
    OomScoreAdj: "oom_score_adj", "to be ended later than others when memory runs out", needs Kinds::NONE;
    /// [`Spec::cgroup`](crate::Spec::cgroup) with the caller's own group of any hierarchy, of version 2 or 1.
    Cgroup: "cgroup", "a place in a control group", needs Kinds::NONE;
    /// [`Spec::init`](crate::Spec::init).
    Init: "init", "a reaper as pid 1 of the new pid namespace", needs Kind::Pid;
    /// [`Spec::kill_with_parent`](crate::Spec::kill_with_parent).
    KillWithParent: "kill_with_parent", "to be killed when the caller's process ends", needs Kinds::NONE;
    /// [`Spec::cancel_by`](crate::Spec::cancel_by).
    CancelBy: "cancel_by", "a start that another thread can call off", needs Kinds::NONE;
    /// [`Spec::join_process`](crate::Spec::join_process): of the caller's own process, or of one in a new user namespace.
    JoinProcess: "join_process", "joining the namespaces of a process, by pidfd", needs Kinds::NONE;
    /// [`Spec::join_path`](crate::Spec::join_path): of the caller's own process, or of one in a new user namespace.
    JoinPath: "join_path", "joining a namespace by its path", needs Kinds::NONE;
    /// The way a command is started without [`Spec::own_memory`](crate::Spec::own_memory).
    CloneVm: "clone_vm", "starting at constant cost, in the caller's memory until it executes", needs Kinds::NONE;
    /// [`Spec::own_memory`](crate::Spec::own_memory).
    OwnMemory: "own_memory", "starting from a copy of the caller", needs Kinds::NONE;
    /// clone3(2). Commands start without it as well; the documented clone cannot do without it where `CLONE_NEWTIME` is
    /// to go with `CLONE_PARENT` or `CLONE_THREAD`.
    Clone3: "clone3", "the call of that name; without it commands start by clone", needs Kinds::NONE;
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Feature {
    type Err = UnknownFeature;

    fn from_str(text: &str) -> Result<Feature, UnknownFeature> {
        let named = Feature::ALL.iter().find(|feature| feature.name() == text);
        named.copied().ok_or_else(|| UnknownFeature(text.to_owned()))
    }
}

/// A word that names no feature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownFeature(pub String);

impl fmt::Display for UnknownFeature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no feature is called {:?}", self.0)
    }
}

impl std::error::Error for UnknownFeature {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_there_and_back() {
        for feature in Feature::ALL {
            assert_eq!(feature.name().parse(), Ok(*feature));
            assert!(!feature.about().is_empty());
        }
        assert_eq!("net".parse::<Feature>(), Err(UnknownFeature("net".to_owned())));
    }
}
