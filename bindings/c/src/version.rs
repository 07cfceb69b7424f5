//! Which version this is.

use libc::c_char;

/// Version of this header: major.
pub const NSISO_VERSION_MAJOR: u32 = 0;
/// Version of this header: minor.
pub const NSISO_VERSION_MINOR: u32 = 1;
/// Version of this header: patch.
pub const NSISO_VERSION_PATCH: u32 = 0;

/// The library's version at run time, for instance "0.1.0". The string lives for ever. Cannot fail.
#[no_mangle]
pub extern "C" fn nsiso_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}
