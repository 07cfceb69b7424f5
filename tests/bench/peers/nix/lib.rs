//! How does a Rust program start a command in new namespaces with nix? With `nix::sched::clone` and `execve`.
//!
//! A library that the bench's hosts load, so that nix is called where nsiso is. What it does in the child is what
//! floor.c does, by nix's own functions; `lo` it leaves down, for which nix has no call. It blocks no signals meanwhile.

use nix::errno::Errno;
use nix::mount::{mount, MsFlags};
use nix::sched::{clone, CloneFlags};
use nix::sys::signal::{signal, SigHandler, Signal};
use nix::sys::wait::{waitpid, WaitStatus};
use nix::unistd::{execve, sethostname};
use std::ffi::{c_char, c_int, CStr, CString, OsStr};
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::time::Instant;

const STACK: usize = 64 * 1024;
const SETUP_FAILED: isize = 127;
const FIRST_NOT_PASSED: u32 = 3;

/// `struct floor_job` of floor.h.
#[repr(C)]
pub struct Record {
    kinds: u64,
    path: *const c_char,
    argv: *const *const c_char,
    envp: *const *const c_char,
    gid_map: *const c_char,
    uid_map: *const c_char,
    host_name: *const c_char,
    private_mounts: c_int,
    loopback: c_int,
    proc: c_int,
    options: *const c_char,
}

/// A job as nix wants it, made ready once.
struct Job {
    kinds: CloneFlags,
    argv: Vec<CString>,
    envp: Vec<CString>,
    /// Of groups and of users.
    maps: Option<(CString, CString)>,
    host_name: Option<CString>,
    private_mounts: bool,
    proc: bool,
}

thread_local! {
    static JOB: std::cell::OnceCell<Job> = const { std::cell::OnceCell::new() };
}

/// Does the job; nanoseconds, or -errno with words on stderr. It is one and the same in each process.
///
/// # Safety
///
/// `record` is one of floor_job_new.
#[no_mangle]
pub unsafe extern "C" fn side_nix(record: *const Record) -> i64 {
    JOB.with(|cell| {
        // SAFETY: the caller's promise.
        let job = cell.get_or_init(|| unsafe { Job::new(&*record) });
        let began = Instant::now();
        match job.run() {
            Ok(()) => began.elapsed().as_nanos() as i64,
            Err(errno) => {
                eprintln!("nix: {errno}");
                -i64::from(errno as i32)
            }
        }
    })
}

impl Job {
    /// # Safety
    ///
    /// The record's pointers are NULL or strings, and its lists end with NULL.
    unsafe fn new(record: &Record) -> Job {
        let text = |text: *const c_char| (!text.is_null()).then(|| CStr::from_ptr(text).to_owned());
        let list = |first: *const *const c_char| (0..).map_while(|at| text(*first.add(at))).collect();
        Job {
            kinds: CloneFlags::from_bits_retain(record.kinds as c_int),
            argv: list(record.argv),
            envp: list(record.envp),
            maps: text(record.gid_map).zip(text(record.uid_map)),
            host_name: text(record.host_name),
            private_mounts: record.private_mounts != 0,
            proc: record.proc != 0,
        }
    }

    fn run(&self) -> Result<(), Errno> {
        let mut stack = vec![0; STACK];
        let child = Box::new(|| match self.execute() {
            Ok(never) => match never {},
            Err(errno) => {
                eprintln!("nix: in the child: {errno}");
                SETUP_FAILED
            }
        });
        // SAFETY: this process has one thread, so that its copy may allocate.
        let pid = unsafe { clone(child, &mut stack, self.kinds, Some(libc::SIGCHLD)) }?;
        match waitpid(pid, None)? {
            WaitStatus::Exited(_, 0) => Ok(()),
            _ => Err(Errno::EIO),
        }
    }

    fn execute(&self) -> Result<std::convert::Infallible, Errno> {
        if let Some((groups, users)) = &self.maps {
            write("/proc/self/setgroups", b"deny")?;
            write("/proc/self/gid_map", groups.as_bytes())?;
            write("/proc/self/uid_map", users.as_bytes())?;
        }
        let none = None::<&str>;
        if self.private_mounts {
            mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
        }
        if let Some(name) = &self.host_name {
            sethostname(OsStr::from_bytes(name.as_bytes()))?;
        }
        if self.proc {
            let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
            mount(Some("proc"), "/proc", Some("proc"), flags, none)?;
        }
        for number in [Signal::SIGPIPE, Signal::SIGCHLD, Signal::SIGXFSZ] {
            // SAFETY: no handler is installed.
            unsafe { signal(number, SigHandler::SigDfl) }?;
        }
        let flags = libc::CLOSE_RANGE_CLOEXEC as c_int;
        // SAFETY: numbers only; nothing here uses descriptors that are not the program's.
        Errno::result(unsafe { libc::close_range(FIRST_NOT_PASSED, u32::MAX, flags) })?;
        execve(&self.argv[0], &self.argv, &self.envp)
    }
}

fn write(path: &str, text: &[u8]) -> Result<(), Errno> {
    let written = OpenOptions::new().write(true).open(path).and_then(|mut file| file.write_all(text));
    written.map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO)))
}
