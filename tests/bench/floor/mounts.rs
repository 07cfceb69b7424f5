//! How are the floor for mount tables (mounts.c) and libmount called from Rust?
//!
//! # Safety
//!
//! The functions are of the types that mounts.h tells, and are never unloaded.
#![allow(unsafe_code)]

use crate::Result;
use std::ffi::{c_int, c_long, c_void};
use std::io;
use std::ptr;

#[path = "library.rs"]
mod library;

type Enter = extern "C" fn(c_int, c_int);
type Side = unsafe extern "C" fn(*mut u64) -> c_long;

/// One way to read the table.
#[derive(Clone, Copy)]
pub struct Read(Side);

impl Read {
    fn find(library: *mut c_void, name: &str) -> Result<Read> {
        let found = library::find(library, name)?;
        // SAFETY: a floor_mounts_side.
        Ok(Read(unsafe { std::mem::transmute::<*mut c_void, Side>(found) }))
    }

    /// Reads it once.
    pub fn once(self) -> Result<()> {
        // SAFETY: NULL is allowed.
        check(unsafe { (self.0)(ptr::null_mut()) }).map(drop)
    }

    /// Reads it; how many mounts there are, and a number for what they are.
    pub fn see(self) -> Result<(i64, u64)> {
        let mut seen = 0;
        // SAFETY: a number that it writes to.
        let count = check(unsafe { (self.0)(&raw mut seen) })?;
        Ok((count, seen))
    }
}

fn check(count: c_long) -> Result<i64> {
    if count < 0 {
        return Err(io::Error::last_os_error().into());
    }
    Ok(count)
}

/// The floor's functions, and libmount's.
#[derive(Clone, Copy)]
pub struct Floor {
    enter: Enter,
    /// Reads the text.
    pub text: Read,
    /// Asks mount by mount.
    pub calls: Read,
    /// libmount's table.
    pub libmount: Read,
}

impl Floor {
    /// Finds them in libfloor.so and libmount_peer.so.
    pub fn find(libraries: &str) -> Result<Floor> {
        let floor = library::load(libraries, "libfloor.so")?;
        let peer = library::load(libraries, "libmount_peer.so")?;
        let enter = library::find(floor, "floor_mounts_enter")?;
        Ok(Floor {
            // SAFETY: floor_mounts_enter has this type; it takes numbers.
            enter: unsafe { std::mem::transmute::<*mut c_void, Enter>(enter) },
            text: Read::find(floor, "floor_mounts_text")?,
            calls: Read::find(floor, "floor_mounts_calls")?,
            libmount: Read::find(peer, "peer_mounts_libmount")?,
        })
    }

    /// Goes into a mount namespace with so many mounts.
    pub fn enter(self, count: i32, slaves: bool) {
        (self.enter)(count, c_int::from(slaves));
    }
}
