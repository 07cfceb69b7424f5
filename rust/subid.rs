//! Which outside ids an ordinary user may hand out: the lines of /etc/subuid and /etc/subgid.
#![forbid(unsafe_code)]

use crate::error::{Cause, Error, Result};
use crate::idmap::{IdMap, IdRange};
use std::fs;

/// Users or groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ids {
    /// uid_map, /etc/subuid, newuidmap(1).
    Users,
    /// gid_map, /etc/subgid, newgidmap(1).
    Groups,
}

impl Ids {
    /// The map's file below `/proc/PID`.
    pub fn file(self) -> &'static str {
        match self {
            Ids::Users => "uid_map",
            Ids::Groups => "gid_map",
        }
    }

    /// The setuid program that writes it.
    pub fn helper(self) -> &'static str {
        match self {
            Ids::Users => "newuidmap",
            Ids::Groups => "newgidmap",
        }
    }

    /// The file of grants.
    pub fn grants(self) -> &'static str {
        match self {
            Ids::Users => "/etc/subuid",
            Ids::Groups => "/etc/subgid",
        }
    }
}

/// A line's range of outside ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// First id.
    pub first: u32,
    /// How many.
    pub count: u32,
}

impl Grant {
    fn end(self) -> u64 {
        u64::from(self.first) + u64::from(self.count)
    }
}

/// Every line that names this user, by number or by name.
pub fn grants(ids: Ids, uid: u32) -> Vec<Grant> {
    let text = fs::read_to_string(ids.grants()).unwrap_or_default();
    let name = user_name(uid);
    parse(&text, &uid.to_string(), name.as_deref())
}

/// Root inside is the caller, followed by all that is granted.
///
/// # Errors
///
/// EPERM: nothing is granted.
pub fn whole(ids: Ids, uid: u32, own: u32) -> Result<IdMap> {
    let grants = grants(ids, uid);
    if grants.is_empty() {
        return Err(not_granted(ids, uid, "map_auto", &grants));
    }
    let mut ranges = vec![IdRange { inside: 0, outside: own, count: 1 }];
    let mut inside = 1;
    for Grant { first, count } in grants {
        ranges.push(IdRange { inside, outside: first, count });
        inside += count;
    }
    IdMap::new(ranges)
}

/// The map with its ranges split where one grant ends and the next begins, as newuidmap(1) checks them.
///
/// # Errors
///
/// EPERM, naming range and lines: an outside id that is neither the caller's own nor granted.
pub fn granted(ids: Ids, map: &IdMap, uid: u32, own: u32) -> Result<Vec<IdRange>> {
    let grants = grants(ids, uid);
    let mut split = Vec::new();
    for range in map.ranges() {
        let mut rest = *range;
        while rest.count > 0 {
            let piece = if rest.outside == own {
                1
            } else {
                let holder =
                    |grant: &&Grant| (u64::from(grant.first)..grant.end()).contains(&u64::from(rest.outside));
                let grant = grants.iter().find(holder);
                let grant =
                    grant.ok_or_else(|| not_granted(ids, uid, &format!("line \"{range}\""), &grants))?;
                u64::from(rest.count).min(grant.end() - u64::from(rest.outside)) as u32
            };
            split.push(IdRange { count: piece, ..rest });
            rest = IdRange {
                inside: rest.inside.saturating_add(piece),
                outside: rest.outside.saturating_add(piece),
                count: rest.count - piece,
            };
        }
    }
    Ok(split)
}

fn not_granted(ids: Ids, uid: u32, what: &str, grants: &[Grant]) -> Error {
    let lines: Vec<_> = grants.iter().map(|Grant { first, count }| format!("{first}:{count}")).collect();
    let lines = if lines.is_empty() { "no line".to_owned() } else { lines.join(", ") };
    let object = format!("{what}: {} grants user {uid} {lines}", ids.grants());
    Error::new("id map", object, crate::sys::Errno(libc::EPERM), Cause::NotGranted)
}

/// The lines `OWNER:FIRST:COUNT` of one owner; others and broken ones say nothing.
fn parse(text: &str, number: &str, name: Option<&str>) -> Vec<Grant> {
    let line = |line: &str| {
        let mut fields = line.split(':');
        let owner = fields.next()?;
        let mut next = || fields.next()?.trim().parse::<u32>().ok();
        let grant = Grant { first: next()?, count: next()? };
        let fits = grant.count > 0 && u32::try_from(grant.end()).is_ok();
        (fits && (owner == number || Some(owner) == name)).then_some(grant)
    };
    text.lines().filter_map(line).collect()
}

/// From /etc/passwd alone: a library must not load the plug-ins of the name service into its host.
fn user_name(uid: u32) -> Option<String> {
    let passwd = fs::read_to_string("/etc/passwd").ok()?;
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_by_name_and_number() {
        let text =
            "alice:100000:65536\nbob:1:1\n1000:300000:10\nalice:x:1\nalice:4294967295:2\n\nalice:400000:0\n";
        let expected = [Grant { first: 100_000, count: 65_536 }, Grant { first: 300_000, count: 10 }];
        assert_eq!(parse(text, "1000", Some("alice")), expected);
        assert_eq!(parse(text, "1000", None), expected[1..]);
        assert_eq!(parse("", "0", Some("root")), []);
    }
}
