//! What a process can have of another one beside its namespaces, and how that is read.
#![forbid(unsafe_code)]

use crate::caller::Machine;
use crate::error::{Cause, Error, Result};
use crate::sys::exec::CStringArray;
use crate::sys::Errno;
use std::fmt;
use std::fs::{self, File};
use std::ops::BitOr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// How long a process takes at most to execute.
const A_MOMENT: Duration = Duration::from_millis(100);

/// What a command has of the process that it is to be like ([`crate::Spec::like`]): added up with `|`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Likeness(u32);

impl Likeness {
    /// Its root directory (chroot(2)). The working directory is that too, unless another is named.
    pub const ROOT: Likeness = Likeness(1);
    /// Its working directory.
    pub const CWD: Likeness = Likeness(2);
    /// The environment that it was started with.
    pub const ENVIRONMENT: Likeness = Likeness(4);
    /// The control groups that it is in, of every hierarchy that the caller sees mounted.
    pub const CGROUP: Likeness = Likeness(8);
    /// Its effective user and group and its supplementary groups, as its own user namespace numbers them where that is
    /// joined, else as the caller's does. Where setgroups(2) is denied there, the caller's groups stay.
    pub const IDS: Likeness = Likeness(16);

    /// All of these.
    pub const ALL: Likeness = Likeness(31);

    /// With the word for each.
    const WORDS: [(Likeness, &'static str); 5] = [
        (Likeness::ROOT, "root"),
        (Likeness::CWD, "cwd"),
        (Likeness::ENVIRONMENT, "environment"),
        (Likeness::CGROUP, "cgroup"),
        (Likeness::IDS, "ids"),
    ];

    /// `None` for a bit that has no meaning.
    pub fn from_bits(bits: u32) -> Option<Likeness> {
        (bits & !Likeness::ALL.0 == 0).then_some(Likeness(bits))
    }

    /// One bit for each.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Words with commas between them, such as `"root,cwd"`; `None` for a word that has no meaning.
    pub fn from_words(words: &str) -> Option<Likeness> {
        let word = |word: &str| {
            let known = Likeness::WORDS.into_iter().find(|(_, known)| *known == word.trim());
            known.map(|(one, _)| one)
        };
        words.split(',').map(word).try_fold(Likeness::default(), |all, one| Some(all | one?))
    }

    /// Whether all of the other is in this.
    pub fn contains(self, other: Likeness) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for Likeness {
    type Output = Likeness;

    fn bitor(self, other: Likeness) -> Likeness {
        Likeness(self.0 | other.0)
    }
}

/// Their words, with commas.
impl fmt::Display for Likeness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = Likeness::WORDS.into_iter().filter(|(one, _)| self.contains(*one)).map(|(_, word)| word);
        f.write_str(&words.collect::<Vec<_>>().join(","))
    }
}

/// What was read of a process.
#[derive(Debug, Default)]
pub(crate) struct Model {
    pub root: Option<Arc<OwnedFd>>,
    pub cwd: Option<Arc<OwnedFd>>,
    pub environment: Option<Arc<CStringArray>>,
    pub cgroups: Vec<PathBuf>,
    pub ids: Option<Ids>,
}

/// User, group, supplementary groups.
#[derive(Clone, Debug)]
pub(crate) struct Ids {
    pub uid: u32,
    pub gid: u32,
    /// `None`: nobody there can change them.
    pub groups: Option<Vec<u32>>,
}

impl Model {
    /// Reads so much of a process; all of it is the same process's.
    pub fn read(pid: i32, what: Likeness, inside: bool) -> Result<Model> {
        let refused = |errno: Errno| {
            let cause = match errno.0 {
                libc::ENOENT | libc::ESRCH => Cause::ProcessEnded,
                libc::EACCES => Cause::NotTraceable,
                _ => Cause::Unknown,
            };
            let errno = if cause == Cause::ProcessEnded { Errno(libc::ESRCH) } else { errno };
            Error::new("read", format!("{what} of process {pid}"), errno, cause)
        };
        let directory = opened(format!("/proc/{pid}")).map_err(refused)?;
        let process = format!("thread-self/fd/{}", directory.as_raw_fd());
        let machine = Machine::here();
        let mut model = Model::default();
        let open = |name: &str| opened(format!("/proc/{process}/{name}")).map(Arc::new).map_err(refused);
        if what.contains(Likeness::ROOT) {
            model.root = Some(open("root")?);
        }
        if what.contains(Likeness::CWD) {
            model.cwd = Some(open("cwd")?);
        }
        if what.contains(Likeness::ENVIRONMENT) {
            let text = machine.environment_of(&process).map_err(refused)?;
            let strings = text.split(|byte| *byte == 0).filter(|string| !string.is_empty());
            // None has a NUL: they were split there.
            model.environment = CStringArray::new(strings).ok().map(Arc::new);
        }
        if what.contains(Likeness::CGROUP) {
            model.cgroups = machine.cgroups_of(&process);
            if model.cgroups.is_empty() {
                return Err(refused(Errno(libc::ESRCH)));
            }
        }
        if what.contains(Likeness::IDS) {
            let ids =
                machine
                    .ids_of(&process)
                    .map(|ids| if inside { machine.inside(&process, ids) } else { Some(ids) });
            let unmapped = || {
                let object = format!("ids of process {pid}");
                Error::new("read", object, Errno(libc::EINVAL), Cause::IdUnmapped)
            };
            model.ids = Some(ids.ok_or_else(|| refused(Errno(libc::ESRCH)))?.ok_or_else(unmapped)?);
        }
        Ok(model)
    }
}

fn opened(path: String) -> std::result::Result<OwnedFd, Errno> {
    let mut options = File::options();
    options.read(true).custom_flags(libc::O_PATH | libc::O_DIRECTORY);
    Ok(options.open(path)?.into())
}

impl Machine {
    /// The strings that a process was started with, each with a NUL behind it. One that executes has none for a moment.
    fn environment_of(&self, process: &str) -> std::result::Result<Vec<u8>, Errno> {
        let began = Instant::now();
        loop {
            let text = fs::read(self.path(&format!("{process}/environ")))?;
            if !text.is_empty() || !self.is_executing(process) || began.elapsed() > A_MOMENT {
                return Ok(text);
            }
            thread::yield_now();
        }
    }

    /// Whether the kernel has not said yet where its environment is: the 51st field of its stat (proc(5)).
    fn is_executing(&self, process: &str) -> bool {
        let stat = self.read(&format!("{process}/stat")).unwrap_or_default();
        // A program's name may have blanks and brackets in it; the third field is the first behind it.
        let end = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(48));
        end == Some("0")
    }

    /// The effective ids of a process, as the caller's user namespace numbers them.
    fn ids_of(&self, process: &str) -> Option<Ids> {
        let status = self.read(&format!("{process}/status"))?;
        let numbers = |name: &str| -> Option<Vec<u32>> {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().map(|number| number.parse().ok()).collect()
        };
        let effective = |name: &str| numbers(name)?.get(1).copied();
        Some(Ids { uid: effective("Uid:")?, gid: effective("Gid:")?, groups: Some(numbers("Groups:")?) })
    }

    /// The same, as the process's own user namespace numbers them; groups that it does not have are left out.
    fn inside(&self, process: &str, ids: Ids) -> Option<Ids> {
        let (users, groups) =
            (self.map(&format!("{process}/uid_map"))?, self.map(&format!("{process}/gid_map"))?);
        let number = |map: &[[u64; 3]], id: u32| {
            let line =
                map.iter().find(|[_, outside, count]| (*outside..outside + count).contains(&u64::from(id)));
            line.and_then(|[inside, outside, _]| u32::try_from(inside + u64::from(id) - outside).ok())
        };
        let known = |ids: Vec<u32>| ids.into_iter().filter_map(|id| number(&groups, id)).collect();
        Some(Ids {
            uid: number(&users, ids.uid)?,
            gid: number(&groups, ids.gid)?,
            groups: ids.groups.filter(|_| !self.denies_setgroups(process)).map(known),
        })
    }
}
