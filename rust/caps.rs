//! Which capabilities there are: names and numbers (capabilities(7)), and sets of them.
#![forbid(unsafe_code)]

use crate::error::{Cause, Error, Result};
use std::fmt;
use std::str::FromStr;

/// By number, as in linux/capability.h.
const NAMES: [&str; 41] = [
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
];

/// A set of capabilities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Capabilities(u64);

impl Capabilities {
    /// None.
    pub const NONE: Capabilities = Capabilities(0);
    /// Every one that this and any later kernel has.
    pub const ALL: Capabilities = Capabilities(u64::MAX);

    /// By the kernel's bits: `1 << CAP_SYS_ADMIN` and so on.
    pub const fn from_bits(bits: u64) -> Capabilities {
        Capabilities(bits)
    }

    /// The kernel's bits.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Those that are not in `other`.
    pub const fn without(self, other: Capabilities) -> Capabilities {
        Capabilities(self.0 & !other.0)
    }
}

/// Names with commas between them.
impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Capabilities::ALL {
            return f.write_str("all");
        }
        let named: Vec<_> = NAMES
            .iter()
            .enumerate()
            .filter(|(number, _)| self.0 & (1 << number) != 0)
            .map(|(_, name)| *name)
            .collect();
        f.write_str(if named.is_empty() { "none" } else { "" })?;
        f.write_str(&named.join(","))
    }
}

/// Reads names with commas between them, with or without `CAP_`, in either case; `all`; or nothing.
impl FromStr for Capabilities {
    type Err = Error;

    fn from_str(text: &str) -> Result<Capabilities> {
        let mut set = 0;
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            let lower = word.to_ascii_lowercase();
            let name = lower.strip_prefix("cap_").unwrap_or(&lower);
            set |= match (name, NAMES.iter().position(|known| *known == name)) {
                ("all", _) => u64::MAX,
                (_, Some(number)) => 1 << number,
                (_, None) => {
                    let complaint = format!("no capability is called {word:?}");
                    return Err(Error::invalid("capabilities", complaint, Cause::BadArgument));
                }
            };
        }
        Ok(Capabilities(set))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_there_and_back() {
        let set: Capabilities = "CAP_SYS_ADMIN, net_raw".parse().unwrap();
        assert_eq!(set.bits(), 1 << 21 | 1 << 13);
        assert_eq!(set.to_string(), "net_raw,sys_admin");
        assert_eq!("".parse(), Ok(Capabilities::NONE));
        assert_eq!("all".parse::<Capabilities>().unwrap().without(set).bits(), !set.bits());
        assert!("sys_everything"
            .parse::<Capabilities>()
            .is_err_and(|error| error.to_string().contains("sys_everything")));
    }
}
