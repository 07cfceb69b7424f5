//! nsiso_probe: what this kernel and this caller may create.

use crate::boundary::{bad_argument, call, no_flags};
use crate::error::nsiso_error;
use crate::kind::nsiso_kinds;
use libc::{c_char, c_int};
use nsiso_core::{Answer, Cause, Kind, Probe};
use std::ffi::CString;
use std::ptr;

/// nsiso_probe_kind: it cannot be created.
pub const NSISO_PROBE_NO: c_int = 0;
/// nsiso_probe_kind: it can be created as the caller is.
pub const NSISO_PROBE_YES: c_int = 1;
/// nsiso_probe_kind: it can be created together with a new user namespace.
pub const NSISO_PROBE_WITH_USER: c_int = 2;

/// What was allowed when it was made. May be read by many threads at once.
pub struct nsiso_probe {
    kinds: Vec<(Kind, Verdict)>,
}

/// An answer, with the words for a "no".
struct Verdict {
    answer: c_int,
    cause: CString,
    remedy: CString,
}

impl From<&Probe> for nsiso_probe {
    fn from(probe: &Probe) -> nsiso_probe {
        let text = |words: &str| CString::new(words).unwrap_or_default();
        let verdict = |answer: Answer| {
            let (answer, cause) = match answer {
                Answer::Yes => (NSISO_PROBE_YES, Cause::Unknown),
                Answer::WithUser => (NSISO_PROBE_WITH_USER, Cause::Unknown),
                Answer::No(cause) => (NSISO_PROBE_NO, cause),
                _ => (NSISO_PROBE_NO, Cause::Unknown),
            };
            Verdict { answer, cause: text(cause.as_str()), remedy: text(cause.remedy()) }
        };
        nsiso_probe { kinds: probe.kinds().map(|(kind, answer)| (kind, verdict(answer))).collect() }
    }
}

/// Tries each kind of namespace in a throw-away child. Takes some milliseconds.
///
/// flags: 0.
/// ret_probe: the answers, to be freed with nsiso_probe_free; written on success.
/// reterr: see the top of this file.
///
/// Returns 0, or: -EAGAIN or -ENOMEM no child could be started, -EINVAL a NULL or an unknown flag.
/// MT-Safe; the caller's own namespaces, signals and descriptors stay as they are.
#[no_mangle]
pub unsafe extern "C" fn nsiso_probe_new(
    flags: u32,
    ret_probe: *mut *mut nsiso_probe,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let body = || {
        no_flags("nsiso_probe_new", flags)?;
        if ret_probe.is_null() {
            return Err(bad_argument("nsiso_probe_new", "ret_probe is NULL"));
        }
        let probe = Box::into_raw(Box::new(nsiso_probe::from(&nsiso_core::probe()?)));
        // SAFETY: not NULL, and the C caller guarantees that it may be written.
        unsafe { *ret_probe = probe };
        Ok(0)
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// Whether namespaces of this kind can be created: NSISO_PROBE_NO, _YES or _WITH_USER; NO for NULL
/// or for anything but exactly one kind. Cannot fail.
#[no_mangle]
pub unsafe extern "C" fn nsiso_probe_kind(probe: *const nsiso_probe, kind: nsiso_kinds) -> c_int {
    // SAFETY: the C caller's promise.
    unsafe { verdict(probe, kind) }.map_or(NSISO_PROBE_NO, |verdict| verdict.answer)
}

/// Why not. Borrowed from the probe; NULL when the kind can be created. Cannot fail.
#[no_mangle]
pub unsafe extern "C" fn nsiso_probe_cause(probe: *const nsiso_probe, kind: nsiso_kinds) -> *const c_char {
    // SAFETY: the C caller's promise.
    unsafe { refusal(probe, kind) }.map_or(ptr::null(), |verdict| verdict.cause.as_ptr())
}

/// What to do about it. Borrowed from the probe; NULL when the kind can be created. Cannot fail.
#[no_mangle]
pub unsafe extern "C" fn nsiso_probe_remedy(probe: *const nsiso_probe, kind: nsiso_kinds) -> *const c_char {
    // SAFETY: the C caller's promise.
    unsafe { refusal(probe, kind) }.map_or(ptr::null(), |verdict| verdict.remedy.as_ptr())
}

/// Frees a probe. NULL is allowed. Returns NULL.
#[no_mangle]
pub unsafe extern "C" fn nsiso_probe_free(probe: *mut nsiso_probe) -> *mut nsiso_probe {
    if !probe.is_null() {
        // SAFETY: it came from nsiso_probe_new, and the C caller guarantees that it is freed once.
        drop(unsafe { Box::from_raw(probe) });
    }
    ptr::null_mut()
}

/// # Safety
///
/// `probe` must be NULL or a probe that is not freed as long as the answer is used.
unsafe fn verdict<'a>(probe: *const nsiso_probe, kind: nsiso_kinds) -> Option<&'a Verdict> {
    // SAFETY: the C caller guarantees a probe that lives, or NULL.
    let probe = unsafe { probe.as_ref() }?;
    probe.kinds.iter().find(|(of, _)| of.flag() == kind).map(|(_, verdict)| verdict)
}

/// # Safety
///
/// As [`verdict`].
unsafe fn refusal<'a>(probe: *const nsiso_probe, kind: nsiso_kinds) -> Option<&'a Verdict> {
    // SAFETY: the caller's promise is the same.
    unsafe { verdict(probe, kind) }.filter(|verdict| verdict.answer == NSISO_PROBE_NO)
}
