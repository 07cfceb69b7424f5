//! How a program is performed at constant cost in a memory of its own: by the helper, which the child executes.
//!
//! # Safety
//!
//! [`Detour`] owns what the child's two steps on the way borrow.
#![allow(unsafe_code)]

use super::exec::CStringArray;
use super::image::Image;
use super::{Errno, Result};
use libc::c_int;
use nsiso_child::{Op, Outcome, Program, Report, ThreadState};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// The way to the helper, and the program that it finds.
pub struct Detour {
    image: Image,
    ops: Vec<Op<'static>>,
    helper: OwnedFd,
    kept: Vec<(RawFd, RawFd)>,
    argv: CStringArray,
}

impl Detour {
    /// Copies the program.
    pub fn new(helper: OwnedFd, program: &Program<'_>) -> Result<Detour> {
        let image = Image::new(program)?;
        let file = [image.file(), program.notice];
        // They are close-on-exec, and close with the program's own exec at last.
        let kept = program.ops.iter().flat_map(Op::descriptors).chain(file).map(|fd| (fd, fd)).collect();
        let numbers =
            [image.file() as usize, image.length(), image.address()].map(|number| number.to_string());
        let words = std::iter::once("nsiso-helper").chain(numbers.iter().map(String::as_str));
        // No number has a NUL.
        let argv = CStringArray::new(words.map(str::as_bytes)).map_err(|_| Errno(libc::EINVAL))?;
        let mut detour = Detour { image, ops: Vec::new(), helper, kept, argv };
        let moves: &[(c_int, c_int)] = &detour.kept;
        // SAFETY: the vector's elements, which stay where they are: it is never touched again.
        let moves = unsafe { std::slice::from_raw_parts(moves.as_ptr(), moves.len()) };
        // SAFETY: as above, of the array.
        let argv = unsafe {
            std::mem::transmute::<nsiso_child::Argv<'_>, nsiso_child::Argv<'static>>(detour.argv.as_argv())
        };
        detour.ops = vec![Op::Descriptors { moves }, Op::ExecFd { fd: detour.helper.as_raw_fd(), argv }];
        Ok(detour)
    }

    /// What the first process performs, with all signals blocked until the end: the helper is nobody's to signal.
    pub fn program(&self) -> Program<'static> {
        Program {
            // SAFETY: the vector's elements, which stay where they are as long as the errand with this detour does.
            ops: unsafe { std::slice::from_raw_parts(self.ops.as_ptr(), self.ops.len()) },
            reset_handlers: false,
            signal_mask: u64::MAX,
            notice: -1,
            own: [-1; 4],
            thread: ThreadState::default(),
        }
    }

    /// Where the helper reports.
    pub fn report(&self) -> &Report {
        self.image.report()
    }

    /// What ended the first process before it was the helper: as if at a step behind the last of `steps`.
    pub fn failure(&self, report: &Report, steps: usize) -> Option<Outcome> {
        match report.outcome(self.ops.len()) {
            Outcome::Done => None,
            Outcome::Failed { errno, .. } => Some(Outcome::Failed { step: steps, errno }),
            Outcome::Killed { .. } => Some(Outcome::Killed { step: steps }),
        }
    }
}
