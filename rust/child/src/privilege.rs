//! How the child gives up privilege: capabilities in all five sets, and ways into a terminal.
#![forbid(unsafe_code)]

use crate::call::{act, Step};
use crate::linux;
use core::ptr::{addr_of, addr_of_mut};

/// `_LINUX_CAPABILITY_VERSION_3`: two words a set.
const VERSION_3: u32 = 0x2008_0522;
/// Capabilities are numbered below this in any kernel to come.
const NUMBERS: u32 = 64;

#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Word {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// Keeps of the capabilities that this process has those in `keep`, over exec too, and makes sure that no
/// program can get others: bounding, permitted, effective, inheritable and ambient set.
pub(crate) fn keep_capabilities(keep: u64) -> Step {
    // Removed from the bounding set while the right to do so is still there.
    for number in (0..NUMBERS).filter(|number| keep & (1 << number) == 0) {
        match prctl(linux::PR_CAPBSET_DROP, number, 0) {
            // This kernel has no more.
            Err(linux::EINVAL) => break,
            answer => answer?,
        }
    }
    let mut header = Header { version: VERSION_3, pid: 0 };
    let mut words = [Word { effective: 0, permitted: 0, inheritable: 0 }; 2];
    let (to_header, to_words) = (addr_of_mut!(header) as usize, addr_of_mut!(words) as usize);
    act(linux::SYS_capget, [to_header, to_words, 0, 0, 0])?;
    let kept = [keep as u32, (keep >> 32) as u32];
    for (word, kept) in words.iter_mut().zip(kept) {
        word.permitted &= kept;
        word.effective = word.permitted;
        word.inheritable = word.permitted;
    }
    act(linux::SYS_capset, [to_header, to_words, 0, 0, 0])?;
    prctl(linux::PR_CAP_AMBIENT, linux::PR_CAP_AMBIENT_CLEAR_ALL as u32, 0)?;
    let [low, high] = words;
    let permitted = u64::from(low.permitted) | u64::from(high.permitted) << 32;
    for number in (0..NUMBERS).filter(|number| permitted & (1 << number) != 0) {
        prctl(linux::PR_CAP_AMBIENT, linux::PR_CAP_AMBIENT_RAISE as u32, number as usize)?;
    }
    Ok(())
}

fn prctl(option: i32, first: u32, second: usize) -> Step {
    act(linux::SYS_prctl, [option as usize, first as usize, second, 0, 0])
}

/// ioctl(2) requests that type into a terminal as if its user had.
const TIOCSTI: u32 = 0x5412;
const TIOCLINUX: u32 = 0x541c;
/// Where `struct seccomp_data` has them; of the request the kernel reads the low half only.
const OFFSET_NUMBER: u32 = 0;
const OFFSET_REQUEST: u32 = 16 + 8;

/// Reads a word, compares, answers.
const LOAD: u16 = (linux::BPF_LD | linux::BPF_W | linux::BPF_ABS) as u16;
const JUMP_IF_EQUAL: u16 = (linux::BPF_JMP | linux::BPF_JEQ | linux::BPF_K) as u16;
const RETURN: u16 = (linux::BPF_RET | linux::BPF_K) as u16;

#[repr(C)]
struct Instruction {
    code: u16,
    if_true: u8,
    if_false: u8,
    value: u32,
}

const fn instruction(code: u16, if_true: u8, if_false: u8, value: u32) -> Instruction {
    Instruction { code, if_true, if_false, value }
}

/// The numbers of ioctl(2) in every interface that a process on this machine may call the kernel by.
#[cfg(target_arch = "x86_64")]
const IOCTL: [u32; 3] = [16, 54, 0x4000_0000 + 514];
#[cfg(target_arch = "aarch64")]
const IOCTL: [u32; 3] = [29, 54, 54];

/// EPERM to both requests. Another call that has one of the numbers in another interface (none of them takes such
/// a second argument) would be refused too.
static NO_TYPING: [Instruction; 9] = [
    instruction(LOAD, 0, 0, OFFSET_NUMBER),
    instruction(JUMP_IF_EQUAL, 2, 0, IOCTL[0]),
    instruction(JUMP_IF_EQUAL, 1, 0, IOCTL[1]),
    instruction(JUMP_IF_EQUAL, 0, 3, IOCTL[2]),
    instruction(LOAD, 0, 0, OFFSET_REQUEST),
    instruction(JUMP_IF_EQUAL, 2, 0, TIOCSTI),
    instruction(JUMP_IF_EQUAL, 1, 0, TIOCLINUX),
    instruction(RETURN, 0, 0, linux::SECCOMP_RET_ALLOW),
    instruction(RETURN, 0, 0, linux::SECCOMP_RET_ERRNO | linux::EPERM as u32),
];

#[repr(C)]
struct Filter {
    length: u16,
    instructions: usize,
}

/// seccomp(2): nothing that this process executes types into a terminal. Needs CAP_SYS_ADMIN or no_new_privs.
pub(crate) fn forbid_typing() -> Step {
    let filter = Filter { length: NO_TYPING.len() as u16, instructions: addr_of!(NO_TYPING) as usize };
    let address = addr_of!(filter) as usize;
    act(
        linux::SYS_prctl,
        [linux::PR_SET_SECCOMP as usize, linux::SECCOMP_MODE_FILTER as usize, address, 0, 0],
    )
}
