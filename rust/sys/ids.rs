//! Who the calling thread is to the kernel: ids, capabilities, and whether it is the same after it executes a program.
//!
//! # Safety
//!
//! Calls with numbers and pointers to locals.
#![allow(unsafe_code)]

use super::{Errno, Result};
use libc::{c_int, c_long, c_ulong};

/// `struct __user_cap_header_struct` and two of `struct __user_cap_data_struct` (capget(2), version 3).
const CAPABILITY_VERSION_3: u32 = 0x2008_0522;
/// More capabilities than a set has bits for there cannot be.
const CAPABILITIES: c_ulong = 64;

/// The sets of capget(2), a bit a capability.
struct Capabilities {
    effective: u64,
    permitted: u64,
    inheritable: u64,
}

/// capget(2): the calling thread's effective set.
pub fn effective_capabilities() -> Result<u64> {
    capabilities().map(|sets| sets.effective)
}

/// Whether the caller has the same ids and capabilities after it executes a program that gives it none. What
/// cannot be asked counts as no.
pub fn stays_itself_over_exec() -> bool {
    let (Ok(users), Ok(groups)) = (ids(libc::SYS_getresuid), ids(libc::SYS_getresgid)) else { return false };
    let (Ok(securebits), Ok(sets)) = (securebits(), capabilities()) else { return false };
    let all_are_one = |ids: [u32; 3], fs: c_long| ids.iter().all(|id| *id == ids[0]) && fs_id(fs) == ids[0];
    let is_root = users[0] == 0;
    let afterwards =
        if is_root { sets.inheritable | bounding_capabilities() } else { ambient_capabilities() };
    securebits == 0
        && all_are_one(users, libc::SYS_setfsuid)
        && all_are_one(groups, libc::SYS_setfsgid)
        && sets.effective == sets.permitted
        && sets.permitted == afterwards
}

fn capabilities() -> Result<Capabilities> {
    let mut header = [CAPABILITY_VERSION_3, 0];
    let mut sets = [[0_u32; 3]; 2];
    // SAFETY: a header of this version, and room for the two parts that it has.
    let read = unsafe { libc::syscall(libc::SYS_capget, header.as_mut_ptr(), sets.as_mut_ptr()) };
    Errno::check(read)?;
    let set = |which: usize| u64::from(sets[0][which]) | u64::from(sets[1][which]) << 32;
    Ok(Capabilities { effective: set(0), permitted: set(1), inheritable: set(2) })
}

/// prctl(2) `PR_CAPBSET_READ`: what the caller may still gain.
fn bounding_capabilities() -> u64 {
    // SAFETY: numbers only.
    set_of(|capability| unsafe { libc::prctl(libc::PR_CAPBSET_READ, capability) })
}

/// prctl(2) `PR_CAP_AMBIENT_IS_SET`: what programs get that give nothing.
fn ambient_capabilities() -> u64 {
    let is_set = libc::PR_CAP_AMBIENT_IS_SET as c_ulong;
    // SAFETY: numbers only.
    set_of(|capability| unsafe { libc::prctl(libc::PR_CAP_AMBIENT, is_set, capability, 0_u64, 0_u64) })
}

/// Asked one by one until the kernel has no more.
fn set_of(is_in: impl Fn(c_ulong) -> c_int) -> u64 {
    let answers = (0..CAPABILITIES).map(|capability| (capability, is_in(capability)));
    answers.take_while(|(_, answer)| *answer >= 0).fold(0, |set, (bit, answer)| set | (answer as u64) << bit)
}

/// getresuid(2), getresgid(2): real, effective, saved.
fn ids(call: c_long) -> Result<[u32; 3]> {
    let mut ids = [u32::MAX; 3];
    let [real, effective, saved] = &mut ids;
    // SAFETY: both take where three numbers are to be written.
    let told = unsafe { libc::syscall(call, &raw mut *real, &raw mut *effective, &raw mut *saved) };
    Errno::check(told).map(|_| ids)
}

/// setfsuid(2), setfsgid(2) of nobody, which change nothing and tell what is.
fn fs_id(call: c_long) -> u32 {
    // SAFETY: numbers only.
    unsafe { libc::syscall(call, u32::MAX) as u32 }
}

/// prctl(2) `PR_GET_SECUREBITS`: what is special about root and exec.
fn securebits() -> Result<c_int> {
    // SAFETY: numbers only.
    Errno::check(unsafe { libc::prctl(libc::PR_GET_SECUREBITS) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_calls_tell_what_status_tells() {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        let set = |name| u64::from_str_radix(&field(name)[0], 16).unwrap();
        let sets = capabilities().unwrap();
        assert_eq!(
            (sets.effective, sets.permitted, sets.inheritable),
            (set("CapEff:"), set("CapPrm:"), set("CapInh:"))
        );
        assert_eq!((bounding_capabilities(), ambient_capabilities()), (set("CapBnd:"), set("CapAmb:")));
        let told =
            |[real, effective, saved]: [u32; 3], fs| [real, effective, saved, fs].map(|id| id.to_string());
        assert_eq!(field("Uid:"), told(ids(libc::SYS_getresuid).unwrap(), fs_id(libc::SYS_setfsuid)));
        assert_eq!(field("Gid:"), told(ids(libc::SYS_getresgid).unwrap(), fs_id(libc::SYS_setfsgid)));
        // The test's runner is either all of root or nothing but a user.
        let bounding = set("CapBnd:");
        let expected = if field("Uid:")[0] == "0" { bounding } else { 0 };
        assert_eq!(stays_itself_over_exec(), set("CapPrm:") == expected && set("CapEff:") == expected);
    }
}
