//! nsiso_kinds: which kinds of namespace there are.

use libc::c_char;
use nsiso_core::Kind;
use once_cell::sync::OnceCell;
use std::ffi::CString;
use std::ptr;

/// A set of kinds of namespace: NSISO_NEW* bits or-ed together, the kernel's CLONE_NEW* values.
pub type nsiso_kinds = u32;

/// Boot-time and monotonic clocks.
pub const NSISO_NEWTIME: u32 = 0x0000_0080;
/// Mount points.
pub const NSISO_NEWNS: u32 = 0x0002_0000;
/// The root of the cgroup tree.
pub const NSISO_NEWCGROUP: u32 = 0x0200_0000;
/// Host name and NIS domain name.
pub const NSISO_NEWUTS: u32 = 0x0400_0000;
/// System V IPC objects and POSIX message queues.
pub const NSISO_NEWIPC: u32 = 0x0800_0000;
/// User and group ids, and capabilities.
pub const NSISO_NEWUSER: u32 = 0x1000_0000;
/// Process numbers.
pub const NSISO_NEWPID: u32 = 0x2000_0000;
/// Network devices, addresses, ports and routes.
pub const NSISO_NEWNET: u32 = 0x4000_0000;
/// All eight kinds.
pub const NSISO_KINDS_ALL: u32 = 0x7e02_0080;

const _: () = assert!(NSISO_KINDS_ALL == nsiso_core::Kinds::ALL.bits());
const _: () = {
    assert!(NSISO_NEWTIME == Kind::Time.flag() && NSISO_NEWNS == Kind::Mnt.flag());
    assert!(NSISO_NEWCGROUP == Kind::Cgroup.flag() && NSISO_NEWUTS == Kind::Uts.flag());
    assert!(NSISO_NEWIPC == Kind::Ipc.flag() && NSISO_NEWUSER == Kind::User.flag());
    assert!(NSISO_NEWPID == Kind::Pid.flag() && NSISO_NEWNET == Kind::Net.flag());
};

/// The kinds one by one, in the order in which Linux got them: the flag of the one with this index,
/// counted from 0, or 0 when there are no more. Cannot fail.
#[no_mangle]
pub extern "C" fn nsiso_kind_at(index: usize) -> nsiso_kinds {
    Kind::ALL.get(index).map_or(0, |kind| kind.flag())
}

/// A kind's name under /proc/PID/ns, for instance "mnt". NULL unless `kind` is exactly one kind. The
/// string is the library's and lives for ever.
#[no_mangle]
pub extern "C" fn nsiso_kind_name(kind: nsiso_kinds) -> *const c_char {
    words(kind).map_or(ptr::null(), |words| words.name.as_ptr())
}

/// The flag's name in clone(2), for instance "CLONE_NEWNS"; otherwise as nsiso_kind_name.
#[no_mangle]
pub extern "C" fn nsiso_kind_flag_name(kind: nsiso_kinds) -> *const c_char {
    words(kind).map_or(ptr::null(), |words| words.flag_name.as_ptr())
}

/// The first Linux that could make one, for instance "2.4.19"; otherwise as nsiso_kind_name.
#[no_mangle]
pub extern "C" fn nsiso_kind_first_kernel(kind: nsiso_kinds) -> *const c_char {
    words(kind).map_or(ptr::null(), |words| words.first_kernel.as_ptr())
}

/// What a namespace of this kind isolates, in a few words; otherwise as nsiso_kind_name.
#[no_mangle]
pub extern "C" fn nsiso_kind_isolates(kind: nsiso_kinds) -> *const c_char {
    words(kind).map_or(ptr::null(), |words| words.isolates.as_ptr())
}

/// A kind's words as C wants them.
struct Words {
    name: CString,
    flag_name: CString,
    first_kernel: CString,
    isolates: CString,
}

fn words(kind: nsiso_kinds) -> Option<&'static Words> {
    static TABLE: OnceCell<Vec<(Kind, Words)>> = OnceCell::new();
    let text = |words: &str| CString::new(words).unwrap_or_default();
    let table = TABLE.get_or_init(|| {
        let words = |kind: Kind| Words {
            name: text(kind.name()),
            flag_name: text(kind.flag_name()),
            first_kernel: text(kind.first_kernel()),
            isolates: text(kind.isolates()),
        };
        Kind::ALL.into_iter().map(|kind| (kind, words(kind))).collect()
    });
    table.iter().find(|(of, _)| of.flag() == kind).map(|(_, words)| words)
}
