//! How is the floor for moves in place (floor/moves.c) called from Rust?
//!
//! # Safety
//!
//! The functions are of the types that floor.h tells, and are never unloaded.
#![allow(unsafe_code)]

use crate::Result;
use nsiso::Kinds;
use std::ffi::{c_int, c_void};
use std::io;
use std::os::fd::RawFd;

#[path = "floor/library.rs"]
mod library;

/// What is done where a thread has gone.
pub type Body = extern "C" fn();
type Move = extern "C" fn(c_int, c_int, c_int, Body) -> c_int;

/// The floor's functions.
#[derive(Clone, Copy)]
pub struct Moves {
    go: Move,
    /// Makes a socket and closes it.
    pub socket: Body,
    /// Does nothing.
    pub nothing: Body,
}

impl Moves {
    /// Finds them in libfloor.so.
    pub fn find(libraries: &str) -> Result<Moves> {
        let floor = library::load(libraries, "libfloor.so")?;
        let go = library::find(floor, "floor_move")?;
        let body = |name| library::find(floor, name).map(as_body);
        // SAFETY: floor_move has this type; it takes numbers and a function that may be called at any time.
        let go = unsafe { std::mem::transmute::<*mut c_void, Move>(go) };
        Ok(Moves { go, socket: body("floor_socket")?, nothing: body("floor_nothing")? })
    }

    /// Goes there, calls the body, comes home.
    pub fn go(self, there: RawFd, home: RawFd, kinds: Kinds, body: Body) -> Result<()> {
        match (self.go)(there, home, kinds.bits() as c_int, body) {
            0 => Ok(()),
            refused => Err(io::Error::from_raw_os_error(-refused).into()),
        }
    }
}

fn as_body(found: *mut c_void) -> Body {
    // SAFETY: the bodies of floor.h take nothing and give nothing.
    unsafe { std::mem::transmute::<*mut c_void, Body>(found) }
}
