//! How is a library of the bench loaded, and a function of it found?
//!
//! # Safety
//!
//! What is loaded is never given back, so that what is found in it stays.
#![allow(unsafe_code)]

use crate::Result;
use std::ffi::{c_void, CStr, CString};

/// Loads a library of the bench; loaded again, it is the same one.
pub fn load(libraries: &str, file: &str) -> Result<*mut c_void> {
    let path = CString::new(format!("{libraries}/{file}"))?;
    // SAFETY: a library that does nothing when it is loaded; loaded again, it is the same one.
    let library = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW) };
    if library.is_null() {
        return Err(format!("{} cannot be loaded", path.to_string_lossy()).into());
    }
    Ok(library)
}

/// Finds a function of it.
pub fn find(library: *mut c_void, name: &str) -> Result<*mut c_void> {
    let name = CString::new(name)?;
    let symbol = symbol(library, &name);
    if symbol.is_null() {
        return Err(format!("no {}", name.to_string_lossy()).into());
    }
    Ok(symbol)
}

fn symbol(library: *mut c_void, name: &CStr) -> *mut c_void {
    // SAFETY: the library is never closed.
    unsafe { libc::dlsym(library, name.as_ptr()) }
}
