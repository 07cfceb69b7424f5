//! In which order namespaces are joined, so that the caller's rights allow each; and what stands in the way of one.
#![forbid(unsafe_code)]

use super::open::{open, Found};
use super::{Join, Target};
use crate::error::{Cause, Error, Result};
use crate::kind::Kind;
use crate::namespace::Namespace;
use crate::power::Power;
use crate::sys::{fd, Errno};
use std::fs;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::MetadataExt;

/// What setns(2) is called with, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Joining {
    /// A namespace's descriptor or a pidfd, and `CLONE_NEW*` bits.
    pub calls: Vec<(RawFd, u32)>,
    /// Those among the numbers that are ours.
    pub opened: Vec<OwnedFd>,
}

/// Who joins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// The calling thread.
    Callers,
    /// A child of it.
    Childrens,
}

/// Opens what is to be joined, leaves out in what whoever joins is anyway, and finds an order.
///
/// A namespace is joined with power over the user namespace that owns it and over the one that the process is in by
/// then. So what belongs further out is joined before a user namespace and what belongs to that after it; and where
/// something belongs to one in between, that is joined on the way.
pub(crate) fn order(joins: &[Join], pid_1: Option<BorrowedFd<'_>>, whose: Whose) -> Result<Joining> {
    let mut joining = Joining::default();
    let mut found = Vec::with_capacity(joins.len());
    for join in joins {
        let opened = open(&join.target, join.kinds, pid_1, &mut joining.opened);
        found.push((join, opened.map_err(|errno| not_opened(join, errno))?));
    }
    if let [(Join { target: Target::Init, kinds }, Found::Pidfd(pidfd))] = found[..] {
        // All of it was made for this one process.
        joining.calls.push((pidfd, kinds.bits()));
        return Ok(joining);
    }
    let power = Power::here()?;
    if whose == Whose::Childrens && power.is_total() {
        joining.calls = as_they_come(&found)?;
        return Ok(joining);
    }
    let wanted = others(&found, whose)?;
    let opened = if let Some(pidfd) = at_once(&power, &wanted) {
        joining.calls.push((pidfd, wanted.iter().fold(0, |bits, one| bits | one.kind().flag())));
        Vec::new()
    } else {
        one_by_one(&power, &wanted, &mut joining.calls)?
    };
    let opened = opened.into_iter().chain(wanted.into_iter().map(|one| one.namespace));
    joining.opened.extend(opened.map(OwnedFd::from));
    Ok(joining)
}

/// A namespace to join, and by which join it was named.
struct Wanted<'a> {
    namespace: Namespace,
    join: &'a Join,
    /// Of its process.
    pidfd: Option<RawFd>,
}

impl Wanted<'_> {
    fn kind(&self) -> Kind {
        self.namespace.kind()
    }

    fn error(&self, cause: Cause, detail: &str) -> Error {
        Error::new("setns", format!("{}; {detail}", self.join), Errno(libc::EPERM), cause)
    }
}

/// What cannot be joined twice, and what brings a root and a working directory along.
const NEVER_AGAIN: [Kind; 2] = [Kind::User, Kind::Mnt];

/// With power over all of them any order is right in which the user namespace comes last. To be joined to most of those
/// in which a child is anyway changes nothing.
fn as_they_come(found: &[(&Join, Found)]) -> Result<Vec<(RawFd, u32)>> {
    let mut calls = Vec::with_capacity(found.len());
    for (join, found) in found {
        match found {
            Found::Pidfd(pidfd) => {
                let mut kinds = join.kinds;
                for kind in NEVER_AGAIN.into_iter().filter(|kind| join.kinds.contains(*kind)) {
                    if is_in(&of_process(join, *pidfd, kind)?, Whose::Childrens) {
                        kinds = kinds - kind;
                    }
                }
                calls.push((*pidfd, kinds.bits()));
            }
            Found::Namespaces(namespaces) => {
                for (kind, fd) in namespaces {
                    let is_named = NEVER_AGAIN.contains(kind);
                    if !is_named || !is_in(&Namespace::from_borrowed_fd(*fd)?, Whose::Childrens) {
                        calls.push((*fd, kind.flag()));
                    }
                }
            }
        }
    }
    calls.retain(|(_, bits)| *bits != 0);
    calls.sort_by_key(|(_, bits)| bits & Kind::User.flag());
    Ok(calls)
}

/// Those in which the caller, or a child of it, is not anyway.
fn others<'a>(found: &[(&'a Join, Found)], whose: Whose) -> Result<Vec<Wanted<'a>>> {
    let mut wanted: Vec<Wanted<'a>> = Vec::new();
    for (join, found) in found {
        let all = match found {
            Found::Pidfd(pidfd) => join
                .kinds
                .iter()
                .map(|kind| {
                    Ok(Wanted { namespace: of_process(join, *pidfd, kind)?, join, pidfd: Some(*pidfd) })
                })
                .collect::<Result<Vec<_>>>()?,
            Found::Namespaces(namespaces) => namespaces
                .iter()
                .map(|(_, fd)| Ok(Wanted { namespace: Namespace::from_borrowed_fd(*fd)?, join, pidfd: None }))
                .collect::<Result<Vec<_>>>()?,
        };
        wanted.extend(all.into_iter().filter(|one| !is_in(&one.namespace, whose)));
    }
    Ok(wanted)
}

/// Whether the mnt namespace of a descriptor, or of the process behind a pidfd, is to be joined and is the caller's.
pub(crate) fn shares_mounts(join: &Join, fd: RawFd) -> bool {
    let mounts = || of_process(join, fd, Kind::Mnt).or_else(|_| Namespace::from_borrowed_fd(fd));
    join.kinds.contains(Kind::Mnt) && mounts().is_ok_and(|mounts| is_in(&mounts, Whose::Callers))
}

/// Whether whoever joins is in it.
fn is_in(namespace: &Namespace, whose: Whose) -> bool {
    // Where the link leads nowhere there is no child yet.
    fs::metadata(link(namespace.kind(), whose))
        .is_ok_and(|own| (own.dev(), own.ino()) == (namespace.device(), namespace.inode()))
}

/// The link that leads to where the calling thread is, or a child of it will be. It never changes its own pid
/// namespace, so that for this kind both are the children's.
pub(crate) fn link(kind: Kind, whose: Whose) -> String {
    let name = match (kind, whose) {
        (Kind::Pid, _) => "pid_for_children",
        (Kind::Time, Whose::Childrens) => "time_for_children",
        _ => kind.name(),
    };
    format!("/proc/thread-self/ns/{name}")
}

/// The pidfd by which all can be joined with the power that the caller has now: the kernel asks for no other then.
fn at_once(power: &Power, wanted: &[Wanted<'_>]) -> Option<RawFd> {
    let pidfd = wanted.first()?.pidfd?;
    let is_allowed = |one: &Wanted<'_>| {
        let ruler =
            if one.kind() == Kind::User { one.namespace.try_clone() } else { one.namespace.user_ns() };
        one.pidfd == Some(pidfd) && ruler.is_ok_and(|ruler| power.over(&ruler))
    };
    let acts = power.is_at_home() || wanted.iter().any(|one| one.kind() == Kind::User);
    (acts && wanted.iter().all(is_allowed)).then_some(pidfd)
}

/// Each where there is power over its owner: at home, or on the way to the user namespace that is joined. Gives the user namespaces on that way.
fn one_by_one(power: &Power, wanted: &[Wanted<'_>], calls: &mut Vec<(RawFd, u32)>) -> Result<Vec<Namespace>> {
    let user = wanted.iter().find(|one| one.kind() == Kind::User);
    let way = user.map(|user| {
        let way = power.way_to(&user.namespace).ok_or_else(|| {
            user.error(Cause::ForeignOwner, &format!("{} is not below the caller's own", user.namespace))
        })?;
        if power.reaches(&way) {
            return Ok(way);
        }
        let uid = way[0].owner_uid().map_or_else(|_| String::new(), |uid| format!(" was made by user {uid}"));
        Err(user.error(Cause::NotOwner, &format!("{}{uid}", way[0])))
    });
    let way = way.transpose()?.unwrap_or_default();
    // After how many steps of the way each is joined.
    let mut places = Vec::with_capacity(wanted.len());
    for one in wanted.iter().filter(|one| one.kind() != Kind::User) {
        places.push((place(power, &way, one)?, one));
    }
    for steps in 0..=way.len() {
        let here = || places.iter().filter(|(place, _)| *place == steps).map(|(_, one)| one);
        if steps > 0 && (steps == way.len() || here().next().is_some()) {
            calls.push((way[steps - 1].as_raw_fd(), Kind::User.flag()));
        }
        calls.extend(here().map(|one| (one.namespace.as_raw_fd(), one.kind().flag())));
    }
    Ok(way)
}

/// After how many steps of the way there is power over its owner.
fn place(power: &Power, way: &[Namespace], one: &Wanted<'_>) -> Result<usize> {
    let owner = match one.namespace.user_ns() {
        Ok(owner) => owner,
        Err(error) if error.errno() == libc::EPERM => {
            let detail = format!("{} is owned by a user namespace outside the caller's", one.kind());
            return Err(one.error(Cause::ForeignOwner, &detail));
        }
        // Who cannot be asked may still allow it.
        Err(_) => return Ok(way.len()),
    };
    let to_owner = power.way_to(&owner);
    if power.is_at_home() && to_owner.is_some() {
        return Ok(0);
    }
    let together = to_owner.iter().flatten().zip(way).take_while(|(a, b)| a == b).count();
    if together > 0 {
        return Ok(together);
    }
    let is_within_reach = owner == *power.own() || to_owner.is_some_and(|to_owner| power.reaches(&to_owner));
    let cause = if is_within_reach { Cause::NotOwner } else { Cause::ForeignOwner };
    Err(one.error(cause, &ownership(one.kind(), &owner)))
}

/// Whose a namespace of this kind is.
pub(crate) fn ownership(kind: Kind, owner: &Namespace) -> String {
    let by = owner.owner_uid().map_or_else(|_| String::new(), |uid| format!(", made by user {uid}"));
    format!("{kind} is owned by {owner}{by}")
}

/// A namespace of the process behind a pidfd.
fn of_process(join: &Join, pidfd: RawFd, kind: Kind) -> Result<Namespace> {
    let copy = fd::duplicate_number(pidfd, 3).map_err(|errno| not_opened(join, errno))?;
    Namespace::of_pidfd(copy, kind).map_err(|error| not_opened(join, Errno(error.errno())))
}

/// Why what was named could not be opened.
fn not_opened(join: &Join, errno: Errno) -> Error {
    let cause = match errno.0 {
        libc::ESRCH => Cause::ProcessEnded,
        libc::EACCES => Cause::NotTraceable,
        libc::EBADF => Cause::BadDescriptor,
        // To a pidfd: a path is not refused so.
        libc::EPERM | libc::ENOSYS => Cause::NoPidfd,
        _ => Cause::Unknown,
    };
    Error::new("open", join.to_string(), errno, cause)
}
