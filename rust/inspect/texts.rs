//! The parsers of what /proc says, for tests that show them any text: what they understood.
#![forbid(unsafe_code)]

use super::{particulars, process, snapshot};
use crate::idmap::IdRange;
use crate::sys::nsfs;

/// `/proc/PID/stat`.
pub fn stat(text: &[u8]) -> bool {
    snapshot::lineage::parse(text).is_some()
}

/// `/proc/PID/status`.
pub fn status(text: &[u8]) -> bool {
    process::parse(text, Vec::new()).is_some()
}

/// `/proc/PID/uid_map`.
pub fn id_map(text: &[u8]) -> Option<Vec<IdRange>> {
    particulars::map(text)
}

/// `/proc/PID/timens_offsets`.
pub fn offsets(text: &[u8]) -> bool {
    ["monotonic", "boottime"].map(|clock| particulars::offset(text, clock)).iter().all(Option::is_some)
}

/// `/proc/PID/net/dev`: every text has some interfaces, or none.
pub fn interfaces(text: &[u8]) -> bool {
    !particulars::interfaces(text).is_empty()
}

/// A link in `/proc/PID/ns` or `/proc/PID/fd`.
pub fn link(text: &[u8]) -> bool {
    nsfs::named_by(text).is_some()
}

/// `/proc/PID/fdinfo/FD`: whether descriptors wait in there.
pub fn waiting(text: &[u8]) -> bool {
    snapshot::flight::waiting(text) > 0
}
