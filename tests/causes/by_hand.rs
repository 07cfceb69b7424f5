//! How is each feature had by hand, by a start with a program that there is? What probe says is compared with it.

use super::probing::{refusal, Started, Trial, Ways};
use super::{new, Cause, Command, Kind, Spec};
use nsiso::{Cancel, Capabilities, Feature, IdMap, IdRange, Offset};
use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// How each feature is had by hand.
pub fn ways(feature: Feature) -> Ways {
    let (uid, gid) = ids();
    let forward = Offset { seconds: 5, nanoseconds: 7 };
    match feature {
        Feature::MapRoot => with_user(Spec::map_root),
        Feature::MapCurrent => with_user(Spec::map_current),
        Feature::MapAuto => with_user(Spec::map_auto),
        Feature::MapIds => with_user(move |spec| spec.map_ids(two("uid", uid), two("gid", gid))),
        Feature::Hostname => either(|spec| spec.unshare(Kind::Uts).hostname("nsiso")),
        Feature::Domainname => either(|spec| spec.unshare(Kind::Uts).domainname("nsiso")),
        Feature::TimeOffsets => {
            either(move |spec| spec.unshare(Kind::Time).monotonic_offset(forward).boottime_offset(forward))
        }
        Feature::Proc => either(|spec| spec.unshare(Kind::Pid | Kind::Mnt).proc()),
        Feature::LoopbackDown => either(|spec| spec.unshare(Kind::Net).loopback_down()),
        Feature::Uid => {
            both(started(Spec::new().uid(other("uid", uid))), started(new(Kind::User).map_root().uid(0)))
        }
        Feature::Gid => {
            both(started(Spec::new().gid(other("gid", gid))), started(new(Kind::User).map_root().gid(0)))
        }
        Feature::Groups => {
            both(started(Spec::new().groups([gid])), started(new(Kind::User).map_auto().groups([0])))
        }
        Feature::Capabilities => either(|spec| spec.capabilities(Capabilities::NONE)),
        Feature::NoNewPrivs => alone(Spec::no_new_privs),
        Feature::Rlimit => alone(|spec| spec.rlimit(libc::RLIMIT_RTPRIO, 0, u64::MAX)),
        Feature::OomScoreAdj => alone(|spec| spec.oom_score_adj(-1000)),
        Feature::Cgroup => only(Box::new(placed)),
        Feature::Init => either(|spec| spec.unshare(Kind::Pid).init()),
        Feature::KillWithParent => alone(Spec::kill_with_parent),
        Feature::CancelBy => only(Box::new(called_off)),
        Feature::JoinProcess => joined(|pid, kind| Spec::new().join_process(pid, kind)),
        Feature::JoinPath => joined(|pid, kind| Spec::new().join_path(format!("/proc/{pid}/ns/{kind}"))),
        Feature::CloneVm => alone(|spec| spec),
        Feature::OwnMemory => alone(Spec::own_memory),
        Feature::Clone3 => only(Box::new(clone3_answers)),
        other => panic!("how is {other} had by hand?"),
    }
}

fn alone(option: impl Fn(Spec) -> Spec) -> Ways {
    only(started(option(Spec::new())))
}

fn with_user(option: impl Fn(Spec) -> Spec) -> Ways {
    Ways { alone: None, with_user: Some(started(option(new(Kind::User)))) }
}

pub fn either(option: impl Fn(Spec) -> Spec) -> Ways {
    both(started(option(Spec::new())), started(option(new(Kind::User))))
}

fn only(alone: Trial) -> Ways {
    Ways { alone: Some(alone), with_user: None }
}

fn both(alone: Trial, with_user: Trial) -> Ways {
    Ways { alone: Some(alone), with_user: Some(with_user) }
}

fn started(spec: Spec) -> Trial {
    Box::new(move || start(&spec))
}

pub fn start(spec: &Spec) -> Started {
    let process = spec.spawn(&Command::new("/bin/true")).map_err(|error| refusal(&error))?;
    assert!(process.wait().unwrap().success());
    Ok(())
}

/// What is joined is another process's: a new uts namespace, or a new user namespace.
fn joined(join: fn(i32, Kind) -> Spec) -> Ways {
    let another = move |kind: Kind| -> Trial {
        Box::new(move || {
            let (mut reader, writer) = UnixStream::pair().unwrap();
            let command =
                Command::new("/bin/sh").args(["-c", "echo; exec /bin/sleep 600"]).fd(writer.into(), 1);
            let sleeper = new(kind).spawn(&command);
            let sleeper = sleeper.map_err(|error| refusal(&error))?.kill_on_drop(true);
            // A start returns when the program has been found: for a moment the memory is still the caller's, at which
            // nobody may look where it may not be dumped.
            reader.read_exact(&mut [0]).unwrap();
            start(&join(sleeper.id(), kind))
        })
    };
    both(another(Kind::Uts), another(Kind::User))
}

/// Into a group that it is in already, of the first hierarchy where that is allowed.
fn placed() -> Started {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mut answer = None;
    for line in groups.lines().rev() {
        let (controllers, group) = line.split_once(':').unwrap().1.split_once(':').unwrap();
        let name = controllers.strip_prefix("name=").unwrap_or(controllers);
        let places = if name.is_empty() { ["unified", "."] } else { [name, name] };
        let groups = places.map(|place| Path::new("/sys/fs/cgroup").join(place).join(&group[1..]));
        let Some(group) = groups.iter().find(|group| group.join("cgroup.procs").exists()) else { continue };
        let this = start(&Spec::new().cgroup(group));
        if this.is_ok() || answer.is_none() {
            answer = Some(this);
        }
    }
    answer.unwrap_or_else(|| start(&Spec::new().cgroup("/no/such/group")))
}

/// A start that would go on otherwise.
fn called_off() -> Started {
    let token = Cancel::new();
    let held = Spec::new().cancel_by(&token).spawn_held(&Command::new("/bin/true"));
    let held = held.map_err(|error| refusal(&error))?;
    token.cancel();
    match held.release() {
        Ok(_) => Err(("cancel_by".to_owned(), libc::ENOSYS, Cause::NoPidfd, String::new())),
        Err(error) if error.errno() == libc::ECANCELED => Ok(()),
        Err(error) => Err(refusal(&error)),
    }
}

#[allow(unsafe_code)] // No safe function asks for this call alone.
fn clone3_answers() -> Started {
    // SAFETY: without arguments the kernel does nothing.
    let answer = unsafe { libc::syscall(libc::SYS_clone3, std::ptr::null::<libc::clone_args>(), 0_usize) };
    assert_eq!(answer, -1);
    let errno = std::io::Error::last_os_error().raw_os_error().unwrap();
    if errno == libc::EINVAL {
        return Ok(());
    }
    let flags = (Kind::User | Kind::Time).bits();
    Err(refusal(&nsiso::creation_error("clone3", flags, errno)))
}

/// User and group of this process.
fn ids() -> (u32, u32) {
    let own = fs::metadata("/proc/self").unwrap();
    (own.uid(), own.gid())
}

/// Inside 0 is the own id and 1 one that is granted, or else any other.
fn two(which: &str, own: u32) -> IdMap {
    let grants = fs::read_to_string(format!("/etc/sub{which}")).unwrap_or_default();
    let user = ids().0;
    let is_own = |line: &&str| {
        line.starts_with(&format!("{user}:")) || line.starts_with("nsiso-tester:") && user == 12345
    };
    let granted = grants.lines().find(is_own).map(|line| line.split(':').nth(1).unwrap().parse().unwrap());
    let second = match granted {
        Some(granted) => granted,
        None if other(which, own) == own => own + 1,
        None => other(which, own),
    };
    let range = |inside, outside| IdRange { inside, outside, count: 1 };
    IdMap::new([range(0, own), range(1, second)]).unwrap()
}

/// 0 or 1 if they are mapped, whichever is not the own one.
fn other(which: &str, own: u32) -> u32 {
    let map = fs::read_to_string(format!("/proc/self/{which}_map")).unwrap_or_default();
    let counts: Vec<u32> = map.split_whitespace().map(|word| word.parse().unwrap()).collect();
    match counts[..] {
        [0, _, count, ..] if count > 1 => u32::from(own == 0),
        [0, _, 1, ..] if own != 0 => 0,
        _ => own,
    }
}
