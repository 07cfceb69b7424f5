//! What each step needs: privileges, other programs, a kernel that has it.
#![forbid(unsafe_code)]

use super::op::{MapWriter, Op, Plan};
use crate::join::is_about;
use crate::kind::{Kind, Kinds};
use crate::subid::Ids;

/// Why nothing more is needed than the user namespace that was made before.
const INSIDE: &str = " in the new user namespace";

impl Plan {
    /// In words; empty where anybody can do it.
    pub(super) fn needs(&self, op: &Op) -> String {
        let before = self.ops.iter().take_while(|other| !std::ptr::eq(*other, op));
        // In a user namespace that is new or joined the process has every capability.
        let mut users = before.filter(|op| match op {
            Op::Clone { kinds, .. } | Op::Unshare(kinds) => kinds.contains(Kind::User),
            Op::Join(joins) => is_about(joins, Kind::User),
            _ => false,
        });
        let place = match users.next() {
            Some(Op::Join(_)) => " in the user namespace that is joined",
            Some(_) => INSIDE,
            None => "",
        };
        let capability = |name: &str| format!("{name}{place}");
        match op {
            Op::Companion(_) => "pidfds (Linux 5.3)".to_owned(),
            Op::Limit { .. } | Op::Place(_) => "the right to write to the group".to_owned(),
            Op::Clone { kinds, group } => {
                let group = group.as_ref().map(|_| "the right to write to the group".to_owned());
                let all: Vec<_> = group.into_iter().chain(making(*kinds, place)).collect();
                all.join("; ")
            }
            Op::Unshare(kinds) | Op::Fork(kinds) => making(*kinds, place).unwrap_or_default(),
            Op::Join(joins) if is_about(joins, Kind::User) => {
                "CAP_SYS_ADMIN in the user namespace to join, and over the owner of each other".to_owned()
            }
            Op::Join(_) => "CAP_SYS_ADMIN, also over the owner of each".to_owned(),
            Op::WriteMap { writer: MapWriter::Parent, ids, .. } => match ids {
                Ids::Users => "CAP_SETUID of the caller".to_owned(),
                Ids::Groups => "CAP_SETGID of the caller".to_owned(),
            },
            Op::WriteMap { writer: MapWriter::Helper(_), ids, .. } => {
                format!("{}(1) setuid root, and {}", ids.helper(), ids.grants())
            }
            Op::Write { path, .. } if path.to_bytes().ends_with(b"timens_offsets") => {
                capability("CAP_SYS_TIME")
            }
            Op::Write { path, .. } if path.to_bytes().ends_with(b"oom_score_adj") => {
                "CAP_SYS_RESOURCE to lower it".to_owned()
            }
            Op::Keep(_) => "the right to trace the child".to_owned(),
            Op::PrivateMounts | Op::MountProc | Op::Sethostname(_) | Op::Setdomainname(_) => {
                capability("CAP_SYS_ADMIN")
            }
            Op::LoopbackUp => capability("CAP_NET_ADMIN"),
            Op::ChangeRoot(_) => capability("CAP_SYS_CHROOT"),
            Op::Rlimit { .. } => "CAP_SYS_RESOURCE to raise a hard limit".to_owned(),
            Op::Setgroups(_) | Op::Setgid(_) => capability("CAP_SETGID"),
            Op::Setuid(_) => capability("CAP_SETUID"),
            Op::KeepCapabilities(_) => capability("CAP_SETPCAP"),
            Op::ForbidTyping => capability("CAP_SYS_ADMIN"),
            Op::OwnTerminal => "TIOCGPTPEER (Linux 4.13)".to_owned(),
            Op::ControllingTerminal(_) => "a terminal that no other session has".to_owned(),
            Op::Write { .. }
            | Op::Undumpable
            | Op::Await
            | Op::Umask(_)
            | Op::Setsid
            | Op::Setpgid(_)
            | Op::NoNewPrivs
            | Op::Chdir(_)
            | Op::ChangeDirectory(_)
            | Op::Descriptors
            | Op::CloseOnExec
            | Op::Introduce
            | Op::Hold
            | Op::Exec { .. }
            | Op::Call(_)
            | Op::ExecFile { .. } => String::new(),
        }
    }
}

/// New namespaces: a user namespace is anybody's and brings what the others need.
fn making(kinds: Kinds, place: &str) -> Option<String> {
    let number = |kind: &Kind| -> Vec<u32> {
        kind.first_kernel().split('.').map(|part| part.parse().unwrap_or_default()).collect()
    };
    let kernel = kinds.iter().max_by_key(number)?.first_kernel();
    Some(if kinds.contains(Kind::User) {
        format!("user namespaces to be allowed (Linux {kernel})")
    } else {
        format!("CAP_SYS_ADMIN{place} (Linux {kernel})")
    })
}
