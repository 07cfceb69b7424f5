//! nsiso_probe and nsiso_feature: what this kernel, this caller and this sandbox allow.

use crate::boundary::{call, free, give, no_flags};
use crate::error::nsiso_error;
use crate::kind::nsiso_kinds;
use libc::{c_char, c_int};
use nsiso_core::{Answer, Feature, Kind, Probe};
use once_cell::sync::OnceCell;
use std::ffi::{CStr, CString};
use std::ptr;

/// nsiso_probe_kind and nsiso_probe_feature: it cannot be had.
pub const NSISO_PROBE_NO: c_int = 0;
/// nsiso_probe_kind and nsiso_probe_feature: it can be had as the caller is.
pub const NSISO_PROBE_YES: c_int = 1;
/// nsiso_probe_kind and nsiso_probe_feature: it can be had together with a new user namespace.
pub const NSISO_PROBE_WITH_USER: c_int = 2;

/// What was allowed when it was made. May be read by many threads at once.
pub struct nsiso_probe {
    kinds: Vec<(Kind, Verdict)>,
    features: Vec<(Feature, Verdict)>,
}

/// An answer, with the error for a "no".
struct Verdict {
    answer: c_int,
    error: Option<nsiso_error>,
}

impl From<&Answer> for Verdict {
    fn from(answer: &Answer) -> Verdict {
        let number = match answer {
            Answer::Yes => NSISO_PROBE_YES,
            Answer::WithUser => NSISO_PROBE_WITH_USER,
            _ => NSISO_PROBE_NO,
        };
        Verdict { answer: number, error: answer.refusal().map(nsiso_error::new) }
    }
}

impl From<&Probe> for nsiso_probe {
    fn from(probe: &Probe) -> nsiso_probe {
        nsiso_probe {
            kinds: probe.kinds().map(|(kind, answer)| (kind, answer.into())).collect(),
            features: probe.features().map(|(feature, answer)| (feature, answer.into())).collect(),
        }
    }
}

/// Tries each kind of namespace and each feature in a throw-away child, by the road that
/// nsiso_spawn takes.
///
/// flags: 0.
/// ret_probe: the answers, to be freed with nsiso_probe_free; written on success.
/// reterr: see the top of this file.
///
/// Returns 0, or: -EAGAIN, -ENOMEM, -EMFILE or -ENFILE something is short, and nothing can be
/// said; -EINVAL a NULL or an unknown flag. MT-Safe; the caller's own namespaces, signals and
/// descriptors stay as they are. Takes some milliseconds, and more where the caller's memory is
/// large: "own_memory" costs a copy of it, as in nsiso_spawn. Needs no privilege. First kernel: any. The answers are the present ones: limits, profiles and the caller's
/// capabilities may change.
#[no_mangle]
pub unsafe extern "C" fn nsiso_probe_new(
    flags: u32,
    ret_probe: *mut *mut nsiso_probe,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_probe_new";
    let body = || {
        no_flags(step, flags)?;
        // SAFETY: the C caller's promise about ret_probe.
        unsafe { give(step, "ret_probe", ret_probe, || Ok(nsiso_probe::from(&nsiso_core::probe()?))) }
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// Whether a command can be started in a new namespace of this kind, as nsiso_spec_unshare
/// makes it: NSISO_PROBE_NO, _YES or _WITH_USER; NO for NULL or for anything but exactly one
/// kind. Cannot fail.
#[no_mangle]
pub unsafe extern "C" fn nsiso_probe_kind(probe: *const nsiso_probe, kind: nsiso_kinds) -> c_int {
    // SAFETY: the C caller's promise.
    unsafe { of_kind(probe, kind) }.map_or(NSISO_PROBE_NO, |verdict| verdict.answer)
}

/// The error that nsiso_spawn gives for this kind, for nsiso_error_cause and its like. Borrowed
/// from the probe, not to be freed; NULL when the kind can be had. Cannot fail.
#[no_mangle]
pub unsafe extern "C" fn nsiso_probe_kind_error(
    probe: *const nsiso_probe,
    kind: nsiso_kinds,
) -> *const nsiso_error {
    // SAFETY: the C caller's promise.
    refusal(unsafe { of_kind(probe, kind) }).map_or(ptr::null(), ptr::from_ref)
}

/// Why not: nsiso_error_cause of nsiso_probe_kind_error. Borrowed from the probe; NULL when the
/// kind can be had. Cannot fail.
#[no_mangle]
pub unsafe extern "C" fn nsiso_probe_cause(probe: *const nsiso_probe, kind: nsiso_kinds) -> *const c_char {
    // SAFETY: the C caller's promise.
    refusal(unsafe { of_kind(probe, kind) }).map_or(ptr::null(), |error| error.cause().as_ptr())
}

/// What to do about it: nsiso_error_remedy of nsiso_probe_kind_error. Borrowed from the probe;
/// NULL when the kind can be had. Cannot fail.
#[no_mangle]
pub unsafe extern "C" fn nsiso_probe_remedy(probe: *const nsiso_probe, kind: nsiso_kinds) -> *const c_char {
    // SAFETY: the C caller's promise.
    refusal(unsafe { of_kind(probe, kind) }).map_or(ptr::null(), |error| error.remedy().as_ptr())
}

/// Whether a command can be started with this feature, and with the new namespaces that it
/// needs: NSISO_PROBE_NO, _YES or _WITH_USER.
///
/// probe: NULL gives NSISO_PROBE_NO.
/// feature: a name that nsiso_feature_at gives, most of them those of a nsiso_spec option; NULL
/// and any other word give NSISO_PROBE_NO, without an error: programs can so ask libraries that
/// are older than they are.
///
/// Cannot fail. MT-Safe.
#[no_mangle]
pub unsafe extern "C" fn nsiso_probe_feature(probe: *const nsiso_probe, feature: *const c_char) -> c_int {
    // SAFETY: the C caller's promise.
    unsafe { of_feature(probe, feature) }.map_or(NSISO_PROBE_NO, |verdict| verdict.answer)
}

/// The error that nsiso_spawn gives with this feature, for nsiso_error_cause and its like.
/// Borrowed from the probe, not to be freed; NULL when the feature can be had, and for a word
/// that names none. Cannot fail.
#[no_mangle]
pub unsafe extern "C" fn nsiso_probe_feature_error(
    probe: *const nsiso_probe,
    feature: *const c_char,
) -> *const nsiso_error {
    // SAFETY: the C caller's promise.
    refusal(unsafe { of_feature(probe, feature) }).map_or(ptr::null(), ptr::from_ref)
}

/// Frees a probe. NULL is allowed. Returns NULL.
#[no_mangle]
pub unsafe extern "C" fn nsiso_probe_free(probe: *mut nsiso_probe) -> *mut nsiso_probe {
    // SAFETY: it came from nsiso_probe_new, and the C caller guarantees that it is freed once.
    unsafe { free(probe, drop) }
}

/// The features one by one: the name of the one with this index, counted from 0, for instance
/// "map_root"; NULL when there are no more. The string is the library's and lives for ever.
/// Cannot fail. MT-Safe.
#[no_mangle]
pub extern "C" fn nsiso_feature_at(index: usize) -> *const c_char {
    all_words().get(index).map_or(ptr::null(), |words| words.name.as_ptr())
}

/// What one gets by a feature, in a few words. NULL for NULL and for a word that names none;
/// otherwise as nsiso_feature_at.
#[no_mangle]
pub unsafe extern "C" fn nsiso_feature_about(feature: *const c_char) -> *const c_char {
    // SAFETY: the C caller's promise.
    let feature = unsafe { named(feature) };
    let words = feature.and_then(|feature| all_words().iter().find(|words| words.feature == feature));
    words.map_or(ptr::null(), |words| words.about.as_ptr())
}

/// The new namespaces without which a feature has no meaning, for nsiso_spec_unshare:
/// NSISO_NEW* bits, or 0, also for NULL and for a word that names none. Cannot fail. MT-Safe.
#[no_mangle]
pub unsafe extern "C" fn nsiso_feature_needs(feature: *const c_char) -> nsiso_kinds {
    // SAFETY: the C caller's promise.
    unsafe { named(feature) }.map_or(0, |feature| feature.needs().bits())
}

/// A feature's words as C wants them.
struct Words {
    feature: Feature,
    name: CString,
    about: CString,
}

fn all_words() -> &'static [Words] {
    static TABLE: OnceCell<Vec<Words>> = OnceCell::new();
    let text = |words: &str| CString::new(words).unwrap_or_default();
    let words =
        |feature: Feature| Words { feature, name: text(feature.name()), about: text(feature.about()) };
    TABLE.get_or_init(|| Feature::ALL.iter().copied().map(words).collect())
}

fn refusal(verdict: Option<&Verdict>) -> Option<&nsiso_error> {
    verdict.and_then(|verdict| verdict.error.as_ref())
}

/// # Safety
///
/// `feature` must be NULL or a C string.
unsafe fn named(feature: *const c_char) -> Option<Feature> {
    if feature.is_null() {
        return None;
    }
    // SAFETY: not NULL, and the caller's promise.
    unsafe { CStr::from_ptr(feature) }.to_str().ok()?.parse().ok()
}

/// # Safety
///
/// `probe` must be NULL or a probe that is not freed as long as the answer is used.
unsafe fn of_kind<'a>(probe: *const nsiso_probe, kind: nsiso_kinds) -> Option<&'a Verdict> {
    // SAFETY: the C caller guarantees a probe that lives, or NULL.
    let probe = unsafe { probe.as_ref() }?;
    probe.kinds.iter().find(|(of, _)| of.flag() == kind).map(|(_, verdict)| verdict)
}

/// # Safety
///
/// As [`of_kind`], and `feature` must be NULL or a C string.
unsafe fn of_feature<'a>(probe: *const nsiso_probe, feature: *const c_char) -> Option<&'a Verdict> {
    // SAFETY: the C caller guarantees a probe that lives, or NULL.
    let probe = unsafe { probe.as_ref() }?;
    // SAFETY: the caller's promise.
    let feature = unsafe { named(feature) }?;
    probe.features.iter().find(|(of, _)| *of == feature).map(|(_, verdict)| verdict)
}
