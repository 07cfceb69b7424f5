//! How is the floor for snapshots (scan.c) called from Rust?
//!
//! # Safety
//!
//! The function is of the type that floor.h tells, and is never unloaded.
#![allow(unsafe_code)]

use crate::Result;
use std::ffi::{c_int, c_void};
use std::io;

#[path = "library.rs"]
mod library;

type Look = unsafe extern "C" fn(*mut u32, *mut u32) -> c_int;

/// The floor's function.
#[derive(Clone, Copy)]
pub struct Scan(Look);

impl Scan {
    /// Finds it in libfloor.so.
    pub fn find(libraries: &str) -> Result<Scan> {
        let found = library::find(library::load(libraries, "libfloor.so")?, "floor_scan")?;
        // SAFETY: floor_scan has this type.
        Ok(Scan(unsafe { std::mem::transmute::<*mut c_void, Look>(found) }))
    }

    /// How many namespaces processes are in, and how many links lead to them.
    pub fn see(self) -> Result<(usize, usize)> {
        let (mut namespaces, mut links) = (0, 0);
        // SAFETY: two numbers that it writes to.
        match unsafe { (self.0)(&raw mut namespaces, &raw mut links) } {
            0 => Ok((namespaces as usize, links as usize)),
            refused => Err(io::Error::from_raw_os_error(-refused).into()),
        }
    }
}
