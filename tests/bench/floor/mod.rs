//! How are the floor (floor.c) and the peers called from Rust? Loaded, not linked, so that cargo need not know of them.
//!
//! # Safety
//!
//! The functions are of the types that floor.h tells, and nothing that was loaded or made is ever given back.
#![allow(unsafe_code)]

use crate::Result;
use library::{find, load};
use std::ffi::{c_char, c_void, CString};
use std::io;
use std::ptr;
use std::time::Duration;

mod library;

type New = unsafe extern "C" fn(*const c_char, *const *const c_char) -> *mut c_void;
type Grow = unsafe extern "C" fn(usize);
type Function = unsafe extern "C" fn(*const c_void) -> i64;

/// One way to do a job that is not nsiso's.
#[derive(Clone, Copy)]
pub struct Side {
    function: Function,
    job: *const c_void,
}

// SAFETY: every side may be called by many threads at once, and none changes the job.
unsafe impl Sync for Side {}

impl Side {
    /// Finds the side of this name in libfloor.so or, where that has none, among the peers.
    pub fn find(libraries: &str, name: &str, options: &str, words: &[String]) -> Result<Side> {
        let floor = load(libraries, "libfloor.so")?;
        let symbol = format!("side_{name}");
        let found = match find(floor, &symbol) {
            Ok(found) => found,
            Err(_) => find(load(libraries, "libnix_peer.so")?, &symbol)?,
        };
        // SAFETY: every side_ has this type.
        let function = unsafe { std::mem::transmute::<*mut c_void, Function>(found) };
        Ok(Side { function, job: job(floor, options, words)? })
    }

    /// Does the job once; in microseconds.
    pub fn take(self) -> Result<f64> {
        // SAFETY: the job is one of floor_job_new, which nobody frees.
        match unsafe { (self.function)(self.job) } {
            failed @ i64::MIN..0 => Err(io::Error::from_raw_os_error(-failed as i32).into()),
            nanoseconds => Ok(Duration::from_nanos(nanoseconds as u64).as_secs_f64() * 1e6),
        }
    }
}

/// Makes this process larger by so many MiB, all of it touched.
pub fn grow(libraries: &str, mib: usize) -> Result<()> {
    let found = find(load(libraries, "libfloor.so")?, "floor_grow")?;
    // SAFETY: floor_grow has this type.
    let grow = unsafe { std::mem::transmute::<*mut c_void, Grow>(found) };
    // SAFETY: it maps memory of its own.
    unsafe { grow(mib) };
    Ok(())
}

fn job(floor: *mut c_void, options: &str, words: &[String]) -> Result<*const c_void> {
    let options = CString::new(options)?;
    let words =
        words.iter().map(|word| CString::new(word.as_str())).collect::<std::result::Result<Vec<_>, _>>()?;
    let mut argv: Vec<_> = words.iter().map(|word| word.as_ptr()).collect();
    argv.push(ptr::null());
    // SAFETY: floor_job_new has this type.
    let new = unsafe { std::mem::transmute::<*mut c_void, New>(find(floor, "floor_job_new")?) };
    // SAFETY: strings with a null behind the last one, of which it makes copies.
    Ok(unsafe { new(options.as_ptr(), argv.as_ptr()) })
}
