//! How are a namespace's mounts asked for one by one, and told as mountinfo tells them?
//!
//! mountinfo looks for the nearest peer group that the process sees (`propagate_from`) at each mount anew, by a walk
//! through the whole group that the mount is a slave of. Here that is asked once a group, and only where the answer
//! can be another than "none": in most namespaces of slaves never.
//!
//! The kernel keeps one thing back: `mand` among a file system's options, which has meant nothing since Linux 5.15.
#![forbid(unsafe_code)]

use crate::sys::mount_table::{mask, Place, Stat};
use crate::sys::Errno;

const ASKED: u64 = mask::SB_BASIC
    | mask::MNT_BASIC
    | mask::MNT_ROOT
    | mask::MNT_POINT
    | mask::FS_TYPE
    | mask::MNT_OPTS
    | mask::FS_SUBTYPE
    | mask::SB_SOURCE
    | mask::OPT_SEC_ARRAY;

/// A mount's options in mountinfo's order, by their `MOUNT_ATTR_*` bits.
const OPTIONS: [(u64, &[u8]); 8] = [
    (0x2, b",nosuid"),
    (0x4, b",nodev"),
    (0x8, b",noexec"),
    (MOUNT_ATTR_NOATIME, b",noatime"),
    (0x80, b",nodiratime"),
    (MOUNT_ATTR_RELATIME, b",relatime"),
    (0x20_0000, b",nosymfollow"),
    (0x10_0000, b",idmapped"),
];
const MOUNT_ATTR_RDONLY: u64 = 1;
const MOUNT_ATTR_NOATIME: u64 = 0x10;
/// The bits of which none means `relatime`.
const MOUNT_ATTR_ATIME: u64 = 0x70;
/// No bit of the kernel's: stands for that.
const MOUNT_ATTR_RELATIME: u64 = 1 << 63;

const SB_RDONLY: u32 = 1;
/// A file system's options in mountinfo's order, by their `SB_*` bits.
const SUPER_OPTIONS: [(u32, &[u8]); 3] = [(0x10, b",sync"), (0x80, b",dirsync"), (0x200_0000, b",lazytime")];

/// The text that mountinfo has for these mounts of a mount namespace: 0 for the caller's own, and else of one where the
/// process has this root directory.
///
/// EXDEV: the process sees other mounts than one can ask for. EOPNOTSUPP: the kernel does not tell enough (before Linux
/// 6.15). ENOSYS, EPERM: not at all.
pub(super) fn text(namespace: u64, ids: &[u64], root: Option<Place>) -> Result<Vec<u8>, Errno> {
    let mut stat = Stat::new();
    stat.ask(namespace, ids.first().copied().unwrap_or_default(), mask::SUPPORTED)?;
    if stat.supported() & ASKED != ASKED {
        return Err(Errno(libc::EOPNOTSUPP));
    }
    if root.is_some_and(|root| !is_where_the_kernel_begins(namespace, root, &mut stat)) {
        return Err(Errno(libc::EXDEV));
    }
    let mut seen = Seen::default();
    seen.ask(namespace, ids, &[], &mut stat)?;
    let unclear = seen.unclear_masters();
    if namespace != 0 && !unclear.is_empty() {
        // The kernel looks from the caller's root directory, which sees none of them.
        return Err(Errno(libc::EXDEV));
    }
    let mut nearest = Vec::new();
    for (group, mount) in unclear {
        if tells(stat.ask(namespace, mount, mask::PROPAGATE_FROM))? {
            let [.., from] = stat.groups();
            if from != 0 && from != group {
                nearest.push((group, from));
            }
        }
    }
    if !nearest.is_empty() {
        seen = Seen::default();
        seen.ask(namespace, ids, &nearest, &mut stat)?;
    }
    Ok(seen.text)
}

/// Whether a mount told something: not one that is gone meanwhile, or that only others see.
fn tells(asked: Result<(), Errno>) -> Result<bool, Errno> {
    match asked {
        Ok(()) => Ok(true),
        Err(Errno(libc::ENOENT | libc::EPERM)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// In another namespace the kernel begins at the mount that covers its very first one. A process does too, unless it
/// has gone to another root directory (chroot) or a mount has come upon that one.
fn is_where_the_kernel_begins(namespace: u64, root: Place, stat: &mut Stat) -> bool {
    let basic = mask::MNT_BASIC | mask::MNT_POINT;
    if !root.is_root || stat.ask(namespace, root.mount, basic).is_err() || stat.point() != b"/" {
        return false;
    }
    let parent = stat.unique_parent();
    parent == root.mount || stat.ask(namespace, parent, basic).is_err() || stat.point().is_empty()
}

/// What was told so far.
#[derive(Default)]
struct Seen {
    text: Vec<u8>,
    /// Peer groups with a member here.
    groups: Vec<u64>,
    /// Peer groups with a slave here, and that mount.
    masters: Vec<(u64, u64)>,
}

impl Seen {
    /// Asks for all mounts; `nearest` has, sorted by masters that are not seen, the group that is.
    fn ask(
        &mut self,
        namespace: u64,
        ids: &[u64],
        nearest: &[(u64, u64)],
        stat: &mut Stat,
    ) -> Result<(), Errno> {
        self.text.reserve(ids.len() * 128);
        for id in ids {
            if !tells(stat.ask(namespace, *id, ASKED))? || stat.point().is_empty() {
                continue;
            }
            let [group, master, _] = stat.groups();
            if group != 0 {
                self.groups.push(group);
            }
            if master != 0 {
                self.masters.push((master, *id));
            }
            let found = nearest.binary_search_by_key(&master, |(group, _)| *group).ok();
            let from = found.and_then(|found| nearest.get(found)).map_or(0, |(_, from)| *from);
            line(stat, from, &mut self.text);
        }
        Ok(())
    }

    /// The masters that are not seen here, once each, if they could be slaves of groups that are.
    fn unclear_masters(&mut self) -> Vec<(u64, u64)> {
        if self.groups.is_empty() {
            return Vec::new();
        }
        self.groups.sort_unstable();
        self.masters.sort_unstable();
        self.masters.dedup_by_key(|(group, _)| *group);
        let unseen = |(group, _): &(u64, u64)| self.groups.binary_search(group).is_err();
        self.masters.iter().copied().filter(unseen).collect()
    }
}

/// Adds the line that mountinfo has for a mount.
fn line(stat: &Stat, from: u64, text: &mut Vec<u8>) {
    let ((id, parent), (major, minor)) = (stat.ids(), stat.device());
    number(u64::from(id), text);
    text.push(b' ');
    number(u64::from(parent), text);
    text.push(b' ');
    number(u64::from(major), text);
    text.push(b':');
    number(u64::from(minor), text);
    text.push(b' ');
    escaped(stat.root(), false, text);
    text.push(b' ');
    escaped(stat.point(), false, text);
    mount_options(stat.attributes(), text);
    let [group, master, _] = stat.groups();
    for (tag, group) in [(&b" shared:"[..], group), (b" master:", master), (b" propagate_from:", from)] {
        if group != 0 {
            text.extend_from_slice(tag);
            number(group, text);
        }
    }
    if stat.propagation() & libc::MS_UNBINDABLE != 0 {
        text.extend_from_slice(b" unbindable");
    }
    text.extend_from_slice(b" - ");
    escaped(stat.fstype(), true, text);
    if !stat.subtype().is_empty() {
        text.push(b'.');
        escaped(stat.subtype(), true, text);
    }
    text.push(b' ');
    escaped(stat.source(), true, text);
    super_options(stat, text);
    text.push(b'\n');
}

fn mount_options(attributes: u64, text: &mut Vec<u8>) {
    text.extend_from_slice(if attributes & MOUNT_ATTR_RDONLY == 0 { b" rw" } else { b" ro" });
    let relatime = if attributes & MOUNT_ATTR_ATIME == 0 { MOUNT_ATTR_RELATIME } else { 0 };
    let set = OPTIONS.iter().filter(|(bit, _)| (attributes | relatime) & bit != 0);
    set.for_each(|(_, word)| text.extend_from_slice(word));
}

fn super_options(stat: &Stat, text: &mut Vec<u8>) {
    let flags = stat.super_flags();
    text.extend_from_slice(if flags & SB_RDONLY == 0 { b" rw" } else { b" ro" });
    let set = SUPER_OPTIONS.iter().filter(|(bit, _)| flags & bit != 0);
    set.for_each(|(_, word)| text.extend_from_slice(word));
    let options = stat.options();
    if !options.is_empty() {
        text.push(b',');
        text.extend_from_slice(options);
        return;
    }
    // The kernel leaves a security module's out where the file system has none of its own; mountinfo does not.
    for option in stat.security_options() {
        text.push(b',');
        escaped(option, false, text);
    }
}

fn number(number: u64, text: &mut Vec<u8>) {
    let mut digits = [0_u8; 20];
    let (mut rest, mut length) = (number, 0);
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
        length += 1;
        if rest == 0 {
            break;
        }
    }
    text.extend_from_slice(digits.get(digits.len() - length..).unwrap_or_default());
}

/// A name as mountinfo writes it; in types and sources the kernel escapes `#` as well.
fn escaped(name: &[u8], also_hash: bool, text: &mut Vec<u8>) {
    let is_special = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\\') || (also_hash && *byte == b'#');
    if !name.iter().any(is_special) {
        return text.extend_from_slice(name);
    }
    for byte in name {
        if is_special(byte) {
            let digits = [byte >> 6, byte >> 3 & 7, byte & 7].map(|digit| b'0' + digit);
            text.push(b'\\');
            text.extend_from_slice(&digits);
        } else {
            text.push(*byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer with these numbers, at their places in `struct statmount`, and these strings, each by its place.
    fn answer(mask: u64, numbers: &[(usize, u64)], strings: &[(usize, &str)]) -> Stat {
        let mut bytes = vec![0; 512];
        let mut put = |at: usize, number: &[u8]| bytes[at..at + number.len()].copy_from_slice(number);
        put(8, &mask.to_ne_bytes());
        for (at, number) in numbers {
            put(*at, &(*number as u32).to_ne_bytes());
        }
        let mut behind = Vec::new();
        for (at, string) in strings {
            put(*at, &(behind.len() as u32).to_ne_bytes());
            behind.extend_from_slice(string.as_bytes());
            behind.push(0);
        }
        Stat::of([bytes, behind].concat())
    }

    fn told(stat: &Stat) -> String {
        let mut text = Vec::new();
        line(stat, 0, &mut text);
        String::from_utf8_lossy(&text).into_owned()
    }

    #[test]
    fn what_this_machine_may_not_have_is_told_as_mountinfo_would() {
        let names = [(104, "/"), (108, "/a b"), (36, "fuse"), (120, "x#y"), (124, "s\\")];
        let mask = ASKED & !mask::MNT_OPTS & !mask::OPT_SEC_ARRAY;
        let numbers = [(32, 0x91), (56, 7), (60, 4_294_967_295), (64, 0x30_0090)];
        let stat = answer(mask, &numbers, &names);
        let expected = "7 4294967295 0:0 / /a\\040b rw,noatime,nodiratime,nosymfollow,idmapped - fuse.x\\043y s\\134 ro,sync,dirsync\n";
        assert_eq!(told(&stat), expected);
        // A security module's options: from their own place only where there are no others.
        let names = [(104, "/"), (108, "/"), (36, "mqueue"), (140, "seclabel\0more"), (4, "size=1")];
        let mask = mask & !mask::FS_SUBTYPE & !mask::SB_SOURCE;
        let security = answer(mask | mask::OPT_SEC_ARRAY, &[(136, 2)], &names);
        assert!(told(&security).ends_with(" - mqueue  rw,seclabel,more\n"), "{}", told(&security));
        let both = answer(mask | mask::OPT_SEC_ARRAY | mask::MNT_OPTS, &[(136, 2)], &names);
        assert!(told(&both).ends_with(" rw,size=1\n"), "{}", told(&both));
    }
}
