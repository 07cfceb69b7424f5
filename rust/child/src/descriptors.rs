//! How the child puts its descriptors where the program expects them, and takes no others along.
#![forbid(unsafe_code)]

use crate::call::{act, address, call, Step};
use crate::linux;
use core::ffi::c_int;

/// close_range(2), Linux 5.11: marks instead of closing, so that a failing exec can still be reported.
const CLOSE_RANGE_CLOEXEC: usize = 4;
/// Bytes of directory entries read at a time.
const ENTRIES: usize = 1024;
/// Where the name begins in a `struct linux_dirent64`, and its length field.
const NAME_OFFSET: usize = 19;
const LENGTH_OFFSET: usize = 16;

/// dup3(2) of each pair; a descriptor that is in place already is only made to stay.
pub(crate) fn put(moves: &[(c_int, c_int)]) -> Step {
    for (from, to) in moves {
        if from == to {
            act(linux::SYS_fcntl, [*from as usize, linux::F_SETFD as usize, 0, 0, 0])?;
        } else {
            act(linux::SYS_dup3, [*from as usize, *to as usize, 0, 0, 0])?;
        }
    }
    Ok(())
}

/// Marks all descriptors in these ranges close-on-exec.
pub(crate) fn close_on_exec(ranges: &[(u32, u32)]) -> Step {
    for (first, last) in ranges {
        match act(linux::SYS_close_range, [*first as usize, *last as usize, CLOSE_RANGE_CLOEXEC, 0, 0]) {
            Ok(()) => {}
            // Missing, filtered, or without the flag: the open ones one by one.
            Err(linux::ENOSYS | linux::EPERM | linux::EINVAL) => return mark_those_that_are_open(ranges),
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

fn mark_those_that_are_open(ranges: &[(u32, u32)]) -> Step {
    let flags = (linux::O_RDONLY | linux::O_DIRECTORY | linux::O_CLOEXEC) as usize;
    let at = linux::AT_FDCWD as usize;
    let directory = call(linux::SYS_openat, [at, address(Some(c"/proc/thread-self/fd")), flags, 0, 0])?;
    let mut buffer = [0_u8; ENTRIES];
    loop {
        let length = call(linux::SYS_getdents64, [directory, buffer.as_mut_ptr() as usize, ENTRIES, 0, 0])?;
        let Some(mut entries) = buffer.get(..length) else { return Err(linux::EIO) };
        if entries.is_empty() {
            return act(linux::SYS_close, [directory, 0, 0, 0, 0]);
        }
        while let Some((length, fd)) = first_entry(entries) {
            let in_range = |(first, last): &(u32, u32)| fd.is_some_and(|fd| (*first..=*last).contains(&fd));
            if let (Some(fd), true) = (fd, ranges.iter().any(in_range)) {
                act(
                    linux::SYS_fcntl,
                    [fd as usize, linux::F_SETFD as usize, linux::FD_CLOEXEC as usize, 0, 0],
                )?;
            }
            entries = entries.get(length..).unwrap_or_default();
        }
    }
}

/// An entry's length, and its name as a number (`.` and `..` are none).
fn first_entry(entries: &[u8]) -> Option<(usize, Option<u32>)> {
    let low = *entries.get(LENGTH_OFFSET)?;
    let high = *entries.get(LENGTH_OFFSET + 1)?;
    let length = usize::from(u16::from_ne_bytes([low, high]));
    let name = entries.get(NAME_OFFSET..length)?;
    let mut number = None;
    for byte in name.iter().take_while(|byte| **byte != 0) {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return Some((length, None));
        }
        number = Some(number.unwrap_or(0_u32).wrapping_mul(10).wrapping_add(u32::from(digit)));
    }
    Some((length, number))
}
