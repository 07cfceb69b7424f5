//! What this kernel, this caller and this sandbox allow, tried in throw-away children rather than guessed.
#![forbid(unsafe_code)]

mod trial;

use crate::error::{Cause, Error, Result};
use crate::feature::Feature;
use crate::kind::Kind;
use std::fmt;
use trial::{of_feature, of_kind, ways, Way};

/// Whether something can be had here and now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// As the caller is.
    Yes,
    /// Together with a new user namespace.
    WithUser,
    /// Not at all: the error that a start with it gives, with the reason and what to do.
    No(Error),
}

impl Answer {
    /// Whether it can be had, as the caller is or together with a new user namespace.
    pub fn is_allowed(&self) -> bool {
        self.refusal().is_none()
    }

    /// Why it cannot be had.
    pub fn refusal(&self) -> Option<&Error> {
        match self {
            Answer::Yes | Answer::WithUser => None,
            Answer::No(error) => Some(error),
        }
    }
}

/// One line.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Yes => f.write_str("yes"),
            Answer::WithUser => f.write_str("with a new user namespace"),
            Answer::No(error) => write!(f, "no: {error}"),
        }
    }
}

/// What [`probe`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    kinds: Vec<(Kind, Answer)>,
    features: Vec<(Feature, Answer)>,
}

impl Probe {
    /// Whether a command can be started in a new namespace of this kind: a mnt namespace with private
    /// propagation, a net namespace with `lo` up.
    pub fn kind(&self, kind: Kind) -> Answer {
        find(self.kinds(), kind)
    }

    /// All kinds with their answers, in the order of [`Kind::ALL`].
    pub fn kinds(&self) -> impl Iterator<Item = (Kind, &Answer)> {
        self.kinds.iter().map(|(kind, answer)| (*kind, answer))
    }

    /// Whether a command can be started with this feature, and with new namespaces of the kinds that it needs.
    pub fn feature(&self, feature: Feature) -> Answer {
        find(self.features(), feature)
    }

    /// All features with their answers, in the order of [`Feature::ALL`].
    pub fn features(&self) -> impl Iterator<Item = (Feature, &Answer)> {
        self.features.iter().map(|(feature, answer)| (*feature, answer))
    }
}

/// Tries each kind of namespace and each feature: starts a command with it that does not exist, so that its child has
/// done all the rest when it comes to see that. Takes some milliseconds, and more where the caller is large: other ids
/// and a memory of its own cost a copy of it, as they do in a start.
///
/// The answers are the present ones: limits, profiles and the caller's capabilities may change. Nothing of the caller's
/// changes, and no child is left. Safe from any thread, and in a forked copy. Needs no privilege. First kernel: any.
///
/// # Errors
///
/// EAGAIN, ENOMEM, EMFILE or ENFILE: the machine or the caller is short of something, and nothing can be said.
pub fn probe() -> Result<Probe> {
    let of_kind = |kind| {
        let trial = |way| of_kind(kind, way);
        Ok((kind, answer((Way::Alone, Some(Way::WithUser)), trial)?))
    };
    let of_feature = |feature: &Feature| {
        let trial = |way| of_feature(*feature, way);
        Ok((*feature, answer(ways(*feature), trial)?))
    };
    Ok(Probe {
        kinds: Kind::ALL.into_iter().map(of_kind).collect::<Result<_>>()?,
        features: Feature::ALL.iter().map(of_feature).collect::<Result<_>>()?,
    })
}

/// Tries one way and, where that is refused, the other.
fn answer((first, other): (Way, Option<Way>), trial: impl Fn(Way) -> Result<()>) -> Result<Answer> {
    let refusal = |way| match trial(way) {
        Err(error) if is_of_the_moment(&error) => Err(error),
        tried => Ok(tried.err()),
    };
    let Some(refused) = refusal(first)? else { return Ok(first.into()) };
    let Some(other) = other else { return Ok(Answer::No(refused)) };
    let Some(refused_too) = refusal(other)? else { return Ok(other.into()) };
    // A lack of privilege is lifted by the user namespace: then what stands in the way of that is there to say.
    Ok(Answer::No(if is_of_privilege(&refused) { refused_too } else { refused }))
}

impl From<Way> for Answer {
    fn from(way: Way) -> Answer {
        match way {
            Way::Alone => Answer::Yes,
            Way::WithUser => Answer::WithUser,
        }
    }
}

fn is_of_privilege(error: &Error) -> bool {
    matches!(error.errno(), libc::EPERM | libc::EACCES)
}

/// Whether the machine is short of something, which says nothing about what it allows.
fn is_of_the_moment(error: &Error) -> bool {
    error.cause() == Cause::Unknown
        && matches!(error.errno(), libc::EAGAIN | libc::ENOMEM | libc::EMFILE | libc::ENFILE)
}

/// Each of them is among the answers, or nobody has asked.
fn find<'a, T: PartialEq + fmt::Display>(mut all: impl Iterator<Item = (T, &'a Answer)>, one: T) -> Answer {
    let not_asked = || Answer::No(Error::invalid("probe", one.to_string(), Cause::BadArgument));
    all.find(|(of, _)| *of == one).map_or_else(not_asked, |(_, answer)| answer.clone())
}
