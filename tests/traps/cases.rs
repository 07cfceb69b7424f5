//! What can a child be told to do, and where can it fail?

use super::trap::strangers;
use nsiso::{Command, IdMap, IdRange, Kind, Kinds, Likeness, Offset, Process, Spec, Terminal};
use std::ffi::c_int;
use std::fs::{self, File};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// A start, by the road that shares memory and by the other one, and with another program that is missing.
pub struct Case {
    pub spec: Spec,
    pub command: Command,
    /// The step that fails, and how.
    fails: Option<(&'static str, c_int)>,
}

impl Case {
    fn of(spec: Spec) -> Case {
        Case { spec, command: Command::new("true").null(0).null(1).null(7), fails: None }
    }

    fn with(self, command: impl FnOnce(Command) -> Command) -> Case {
        Case { command: command(self.command), ..self }
    }

    fn fails(self, step: &'static str, errno: c_int) -> Case {
        Case { fails: Some((step, errno)), ..self }
    }

    fn fails_unless_root(self, step: &'static str, errno: c_int) -> Case {
        if is_root() {
            self
        } else {
            self.fails(step, errno)
        }
    }

    fn fails_unless_resourceful(self, step: &'static str, errno: c_int) -> Case {
        if has_sys_resource() {
            self
        } else {
            self.fails(step, errno)
        }
    }

    fn has_companion(self) -> Case {
        if has_pidfds() {
            self
        } else {
            self.fails("companion", libc::ENOSYS)
        }
    }

    /// What is told where this fails.
    pub fn plan(&self) -> String {
        self.spec.plan(&self.command).unwrap().to_string()
    }

    pub fn variants(&self) -> Vec<Case> {
        let missing = self.command.clone().executable(["/no/such/program", "/no/such/other"]);
        let both = [(&self.command, self.fails), (&missing, self.fails.or(Some(("exec", libc::ENOENT))))];
        let roads = [self.spec.clone(), self.spec.clone().own_memory()];
        let on_road = |spec: &Spec| {
            both.map(|(command, fails)| Case { spec: spec.clone(), command: command.clone(), fails })
        };
        roads.iter().flat_map(on_road).collect()
    }

    fn is_right(&self, spawned: nsiso::Result<Process>) {
        match spawned {
            Ok(process) => {
                assert!(process.wait().unwrap().success(), "{}", self.plan());
                assert_eq!(None, self.fails, "{}", self.plan());
            }
            Err(refused) => {
                let (step, errno) = (refused.step(), refused.errno());
                // In a group of version 2 the child is born, where clone3 is there; how that is refused is the same.
                let step = if (step, errno) == ("clone", libc::EACCES) { "cgroup" } else { step };
                // How pidfds are refused is no child's business.
                let errno = if step == "companion" { libc::ENOSYS } else { errno };
                assert_eq!(Some((step, errno)), self.fails, "{refused}\n{}", self.plan());
            }
        }
        assert_eq!(strangers(), [0, 0], "allocations in a child, Rust's and libc's:\n{}", self.plan());
    }

    /// Started at once; held and let go; held and abandoned.
    pub fn start(&self) {
        self.is_right(self.spec.spawn(&self.command));
        self.is_right(self.spec.spawn_held(&self.command).and_then(nsiso::Held::release));
        if let Ok(held) = self.spec.spawn_held(&self.command) {
            drop(held);
            assert_eq!(strangers(), [0, 0], "abandoned:\n{}", self.plan());
        }
    }
}

/// Where they are refused, as they are by tests/refused, there are no companions.
pub fn has_pidfds() -> bool {
    // SAFETY: numbers only.
    let pidfd = unsafe { libc::syscall(libc::SYS_pidfd_open, std::process::id(), 0) };
    // SAFETY: the kernel just gave us this descriptor.
    pidfd >= 0 && unsafe { libc::close(pidfd as c_int) } == 0
}

pub fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// In a container root has not.
fn has_sys_resource() -> bool {
    const CAP_SYS_RESOURCE: u32 = 24;
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap();
    u64::from_str_radix(effective.trim(), 16).unwrap() & 1 << CAP_SYS_RESOURCE != 0
}

/// As into version 2, where the kernel lets it, and not placed there by the parent.
pub fn is_born_in_group() -> bool {
    let plan = Spec::new().cgroup(hierarchy()).plan(&Command::new("true")).unwrap();
    plan.to_string().starts_with("parent: clone into ")
}

pub fn user(kinds: impl Into<Kinds>) -> Spec {
    Spec::new().unshare(kinds.into() | Kind::User).map_root()
}

pub fn sleeper(spec: &Spec) -> Process {
    let command = Command::new("sleep").arg("600").null(0).null(1).null(2);
    spec.spawn(&command).unwrap_or_else(|error| panic!("{error}")).kill_on_drop(true)
}

/// A terminal's two ends.
pub fn terminal() -> [File; 2] {
    let master = File::options().read(true).write(true).open("/dev/ptmx").unwrap();
    let unlock: c_int = 0;
    // SAFETY: reads one number.
    assert_eq!(unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCSPTLCK, &raw const unlock) }, 0);
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: numbers only.
    let slave = unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER, flags) };
    assert!(slave >= 0);
    // SAFETY: the kernel just gave us this descriptor.
    [master, File::from(unsafe { OwnedFd::from_raw_fd(slave) })]
}

/// Everything that a spec can say and a command, by somebody who makes a user namespace for it.
pub fn all(target: &Process, terminal: &File) -> Vec<Case> {
    let map = || IdMap::new([IdRange { inside: 0, outside: 500_000, count: 1000 }]).unwrap();
    let offset = |seconds| Offset { seconds, nanoseconds: 5 };
    let all = || user(Kinds::ALL).hostname("h").domainname("d").proc();
    let path = |kind: &str| format!("/proc/{}/ns/{kind}", target.id());
    let open = |kind: &str| OwnedFd::from(File::open(path(kind)).unwrap());
    let joined = |kinds: Kinds| Spec::new().join_process(target.id(), kinds | Kind::User);
    let pidfd = target.pidfd().unwrap().as_raw_fd();
    let tty = terminal.as_raw_fd();
    vec![
        Case::of(Spec::new()),
        Case::of(Spec::new().cwd("/").umask(0o22).new_session().no_new_privs())
            .with(|command| command.arg("x").env([("A", "b")]).cwd("/usr").keep(pidfd).borrow_fd(pidfd, 9)),
        Case::of(Spec::new().process_group(0).rlimit(libc::RLIMIT_CORE, 0, 0)),
        Case::of(Spec::new().oom_score_adj(1000)),
        Case::of(all().boottime_offset(offset(9)).monotonic_offset(offset(8))),
        Case::of(Spec::new().unshare(Kinds::ALL).map_current().loopback_down()),
        Case::of(
            Spec::new().unshare(Kind::User | Kind::Pid).map_ids(map(), map()).uid(33).gid(44).groups([55]),
        ),
        Case::of(user(Kind::Uts).capabilities("net_bind_service,sys_admin".parse().unwrap())),
        Case::of(all().init()).has_companion(),
        Case::of(user(Kind::Pid).kill_with_parent()).has_companion(),
        Case::of(all().init().kill_with_parent().boottime_offset(offset(9))).has_companion(),
        Case::of(joined(Kind::Uts | Kind::Ipc | Kind::Net | Kind::Mnt | Kind::Pid | Kind::Cgroup)),
        Case::of(joined(Kind::Time | Kind::Pid).unshare(Kind::Mnt | Kind::Net)),
        Case::of(joined(Kind::Uts.into()).unshare(Kind::Pid | Kind::Mnt | Kind::Time).proc()),
        Case::of(Spec::new().join_path(path("user")).join_path(path("uts"))),
        Case::of(Spec::new().join_fd(open("user"), Kinds::NONE).join_fd(open("pid"), Kinds::NONE)),
        Case::of(Spec::new().join_borrowed_fd(pidfd, Kind::User | Kind::Pid)),
        Case::of(Spec::new().controlling_terminal(7)).with(|command| command.borrow_fd(tty, 7)),
        Case::of(user(Kind::Uts)).with(|command| command.borrow_fd(tty, 0)),
        Case::of(user(Kind::Uts).terminal(Terminal::Share)).with(|command| command.borrow_fd(tty, 0)),
        Case::of(user(Kind::Cgroup).cgroup(hierarchy())).fails_unless_root("cgroup", libc::EACCES),
        // And wherever it can fail.
        Case::of(Spec::new().cwd("/no/such/place")).fails("chdir", libc::ENOENT),
        Case::of(all().init()).with(|command| command.cwd("/no/such/place")).fails("chdir", libc::ENOENT),
        Case::of(Spec::new()).with(|command| command.borrow_fd(999_999, 5)).fails("dup", libc::EBADF),
        Case::of(user(Kind::Time).boottime_offset(offset(-1_000_000_000))).fails("write", libc::ERANGE),
        Case::of(user(Kinds::NONE).oom_score_adj(-1000)).fails_unless_resourceful("write", libc::EACCES),
        Case::of(Spec::new().join_path("/proc/self/ns/user")),
        Case::of(joined(Kind::Pid.into()).join_path("/proc/self/ns/uts")),
        Case::of(Spec::new().like(std::process::id() as i32, Likeness::CWD | Likeness::ENVIRONMENT)),
        Case::of(user(Kind::Mnt).like(std::process::id() as i32, Likeness::ROOT)),
        Case::of(Spec::new().rlimit(libc::RLIMIT_NOFILE, 1 << 40, 1 << 40)).fails("setrlimit", libc::EPERM),
        Case::of(Spec::new().process_group(i32::MAX)).fails("setpgid", libc::EPERM),
        Case::of(Spec::new().controlling_terminal(7)).fails("controlling terminal", libc::ENOTTY),
        Case::of(user(Kinds::NONE).groups([0])).fails("setgroups", libc::EPERM),
        Case::of(user(Kinds::NONE).gid(7)).fails("setgid", libc::EINVAL),
        Case::of(user(Kind::Pid).uid(7)).fails("setuid", libc::EINVAL),
        Case::of(Spec::new().unshare(Kind::Uts)).fails_unless_root("clone", libc::EPERM),
        Case::of(joined(Kind::Pid.into()).unshare(Kind::Net)),
    ]
}

/// What root does without a user namespace.
pub fn roots(terminal: &File) -> Vec<Case> {
    let kinds = Kinds::ALL - Kind::User;
    let tty = terminal.as_raw_fd();
    // Of a process that has ended, which the kernel finds out.
    let ended = sleeper(&Spec::new().unshare(Kind::Uts));
    ended.kill().unwrap();
    ended.wait().unwrap();
    let by_pidfd =
        ended.pidfd().map(|pidfd| Spec::new().join_fd(pidfd.try_clone_to_owned().unwrap(), Kind::Uts));
    let refused = by_pidfd.map(|spec| Case::of(spec).fails("setns", libc::ESRCH));
    let cases = vec![
        Case::of(Spec::new().unshare(kinds).hostname("h").proc().init().kill_with_parent()).has_companion(),
        Case::of(Spec::new().uid(33).gid(44).groups([55]).oom_score_adj(1)),
        Case::of(Spec::new().capabilities("chown".parse().unwrap())),
        Case::of(Spec::new().unshare(kinds)).with(|command| command.borrow_fd(tty, 2)),
    ];
    cases.into_iter().chain(refused).collect()
}

/// The hierarchy with the pids controller, of version 1 or 2.
fn hierarchy() -> PathBuf {
    let known = ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"].map(PathBuf::from);
    known.into_iter().find(|path| path.join("cgroup.procs").exists()).unwrap()
}
