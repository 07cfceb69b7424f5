//! Whether a process enters its new time namespace when it executes a program: since Linux 6.2, tried once.
//!
//! Before that only its children do, if they do not share its memory.
#![forbid(unsafe_code)]

use super::start::{self, Wiring};
use super::{Errno, Result};
use crate::kind::{Kind, Kinds};
use nsiso_child::{Op, Outcome};
use once_cell::sync::OnceCell;

/// Asks the kernel: since it does so, it also lets such a process vfork, whose child enters at its exec. Where no
/// time namespace can be made the answer makes no difference.
pub fn exec_enters_namespace() -> bool {
    static KNOWN: OnceCell<bool> = OnceCell::new();
    let knows = || Ok::<_, Errno>(tried(Kind::Time.into())? && tried(Kind::User | Kind::Time)?);
    KNOWN.get_or_try_init(knows).is_ok_and(|knows| *knows)
}

/// False when the kernel refuses the vfork.
fn tried(kinds: Kinds) -> Result<bool> {
    fn program<'a>(kinds: &'a Kinds, wiring: &Wiring) -> Vec<Op<'a>> {
        let vfork = Op::Fork { flags: libc::CLONE_VFORK as u32, stack: wiring.successor_stack };
        vec![Op::Unshare { flags: kinds.bits() }, vfork, Op::Exit { status: 0 }]
    }
    let outcome = start::attempt(kinds, program)?;
    Ok(!matches!(outcome, Outcome::Failed { step: 1, .. }))
}
