//! What holds for the calling thread: its capabilities, its root directory, its ids; read from /proc.
#![forbid(unsafe_code)]

use std::fs;

/// Numbers of capabilities, which are bits in a set (capabilities(7)).
pub const CAP_SETGID: u32 = 6;
/// See [`CAP_SETGID`].
pub const CAP_SETUID: u32 = 7;
/// See [`CAP_SETGID`].
pub const CAP_SYS_ADMIN: u32 = 21;

/// Whether a capability is effective in the caller's user namespace.
pub fn has_capability(number: u32) -> bool {
    status_field("CapEff:")
        .and_then(|text| u64::from_str_radix(&text, 16).ok())
        .is_some_and(|set| set & (1 << number) != 0)
}

/// Whether the root directory is another than the mount namespace's: then no line of mountinfo is for `/`.
pub fn is_chrooted() -> bool {
    fs::read("/proc/thread-self/mountinfo").is_ok_and(|table| {
        !table.split(|byte| *byte == b'\n').any(|line| line.split(|byte| *byte == b' ').nth(4) == Some(b"/"))
    })
}

/// Whether this thread's user namespace has no map yet: nobody in it may make another one.
pub fn is_unmapped() -> bool {
    fs::read("/proc/thread-self/uid_map").is_ok_and(|map| map.is_empty())
}

/// Debian's and Ubuntu's own switch; elsewhere the file is not there.
pub fn sysctl_forbids_users() -> bool {
    fs::read("/proc/sys/kernel/unprivileged_userns_clone").is_ok_and(|value| value.starts_with(b"0"))
}

fn status_field(name: &str) -> Option<String> {
    let status = fs::read_to_string("/proc/thread-self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned())
}
