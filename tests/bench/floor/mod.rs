//! How is the floor (floor.c) called from Rust? Loaded, not linked, so that cargo need not know of it.
//!
//! # Safety
//!
//! [`Record`] is laid out as in floor.c, and a [`Call`] owns all that its record points to.
#![allow(unsafe_code)]

use crate::{Job, Result};
use nsiso::Kind;
use std::env;
use std::ffi::{c_char, c_int, c_void, CStr, CString, OsString};
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::ptr;

/// `struct floor_job`.
#[repr(C)]
struct Record {
    kinds: u64,
    path: *const c_char,
    argv: *const *const c_char,
    envp: *const *const c_char,
    gid_map: *const c_char,
    uid_map: *const c_char,
    host_name: *const c_char,
    private_mounts: c_int,
    loopback: c_int,
    proc: c_int,
}

/// A job as the floor wants it, made ready once.
pub struct Call {
    record: Record,
    /// What `record` leads to: strings and arrays that nobody touches any more.
    _strings: Vec<CString>,
    _arrays: [Vec<*const c_char>; 2],
}

impl Call {
    /// `words` begin with the program's path. The environment is this process's.
    pub fn new(job: &Job, words: &[String]) -> Result<Call> {
        let mut strings = Vec::new();
        let mut keep = |text: Vec<u8>| -> Result<*const c_char> {
            let text = CString::new(text)?;
            let address = text.as_ptr();
            strings.push(text);
            Ok(address)
        };
        let mut argv =
            words.iter().map(|word| keep(word.clone().into_bytes())).collect::<Result<Vec<_>>>()?;
        let pair =
            |(key, value): (OsString, OsString)| [key.into_vec(), b"=".to_vec(), value.into_vec()].concat();
        let mut envp = env::vars_os().map(|both| keep(pair(both))).collect::<Result<Vec<_>>>()?;
        argv.push(ptr::null());
        envp.push(ptr::null());
        let has = |kind| job.kinds.contains(kind);
        let mut map = |id: u32| {
            if has(Kind::User) {
                keep(format!("0 {id} 1\n").into_bytes())
            } else {
                Ok(ptr::null())
            }
        };
        // SAFETY: takes nothing, cannot fail.
        let gid_map = map(unsafe { libc::getegid() })?;
        // SAFETY: as above.
        let uid_map = map(unsafe { libc::geteuid() })?;
        let host_name = job.host_name.map_or(Ok(ptr::null()), |name| keep(name.into()))?;
        let record = Record {
            kinds: job.kinds.bits().into(),
            path: argv[0],
            argv: argv.as_ptr(),
            envp: envp.as_ptr(),
            gid_map,
            uid_map,
            host_name,
            private_mounts: has(Kind::Mnt).into(),
            loopback: has(Kind::Net).into(),
            proc: has(Kind::Pid).into(),
        };
        Ok(Call { record, _strings: strings, _arrays: [argv, envp] })
    }
}

type Function = unsafe extern "C" fn(*const Record) -> c_int;

/// libfloor.so, loaded for as long as the process lives.
pub struct Floor {
    spawn: Function,
    posix_spawn: Function,
}

impl Floor {
    /// Loads it from the directory where `run` built it.
    pub fn load(directory: &str) -> Result<Floor> {
        let path = CString::new(format!("{directory}/libfloor.so"))?;
        // SAFETY: a library that does nothing when it is loaded.
        let library = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW) };
        if library.is_null() {
            return Err(format!("{directory}/libfloor.so cannot be loaded").into());
        }
        Ok(Floor { spawn: find(library, c"floor_spawn")?, posix_spawn: find(library, c"floor_posix_spawn")? })
    }

    /// The floor's own way: see floor.c.
    pub fn spawn(&self, call: &Call) -> Result<()> {
        answer(self.spawn, call)
    }

    /// libc's way, for jobs without namespaces.
    pub fn posix_spawn(&self, call: &Call) -> Result<()> {
        answer(self.posix_spawn, call)
    }
}

fn find(library: *mut c_void, name: &CStr) -> Result<Function> {
    // SAFETY: the library is never closed.
    let symbol = unsafe { libc::dlsym(library, name.as_ptr()) };
    if symbol.is_null() {
        return Err(format!("libfloor.so has no {}", name.to_string_lossy()).into());
    }
    // SAFETY: both functions have this type in floor.c.
    Ok(unsafe { std::mem::transmute::<*mut c_void, Function>(symbol) })
}

fn answer(function: Function, call: &Call) -> Result<()> {
    // SAFETY: the record and all that it leads to live as long as `call`.
    match unsafe { function(&raw const call.record) } {
        0 => Ok(()),
        negative => Err(io::Error::from_raw_os_error(-negative).into()),
    }
}
