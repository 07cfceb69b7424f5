//! nsiso_process: how a command is started, and what one can do with the child: wait, signal, let go.

use crate::boundary::{bad_argument, borrow, call, free, give, no_flags, one_kind, write_record};
use crate::command::{needed, nsiso_command};
use crate::error::nsiso_error;
use crate::kind::nsiso_kinds;
use crate::spec::{nsiso_spec, or_nothing_new};
use libc::{c_int, c_void, pid_t};
use nsiso_core::raw::Function;
use nsiso_core::{ExitStatus, Process, Result, Usage};
use std::os::fd::{AsRawFd, IntoRawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A child that executes its command, and its pidfd.
///
/// Owned by the caller, who frees it: see nsiso_process_free for what becomes of the child. Many
/// threads may use it at once. It belongs to the process that started the child: in a forked copy of
/// that nsiso_process_wait is -ECHILD, nsiso_process_kill is -ESRCH, and nsiso_process_free leaves the
/// child alone.
pub struct nsiso_process {
    process: Process,
    kill_on_free: AtomicBool,
}

/// How a child ended, and what it has used up.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct nsiso_wait {
    /// As wait(2) stores it: for WIFEXITED and its like.
    pub status: i32,
    /// Its exit status, or -1 if a signal ended it.
    pub exit_code: i32,
    /// The signal that ended it, or 0 if it ended by itself.
    pub signal: i32,
    /// 1 if a core was dumped.
    pub core_dumped: u32,
    /// Time on a CPU in its own code, in microseconds; like the next two 0 without has_usage.
    pub user_usec: u64,
    /// Time on a CPU in the kernel, in microseconds.
    pub system_usec: u64,
    /// Most memory in use at a time, in KiB.
    pub max_rss_kib: u64,
    /// 1 if its usage is known: not if somebody else has reaped it.
    pub has_usage: u32,
    /// Always 0.
    pub reserved: u32,
}

/// Starts a command in the namespaces of a spec. Comes back when the command executes, or when it is
/// known why it does not; then nothing is left of it, neither process nor mount nor descriptor.
///
/// spec: NULL for nothing new.
/// command: what to execute.
/// flags: 0.
/// ret_process: the child, to be freed with nsiso_process_free; written on success.
/// reterr: see the top of this file; nsiso_error_step names the step of the plan that failed.
///
/// Returns 0, or what the plan says (nsiso_plan_new), or the errno of the step that failed. Set-up:
/// -EPERM no CAP_SYS_ADMIN and no NSISO_NEWUSER, or a step's own privilege is missing; -ENOSPC a limit
/// on namespaces; -EAGAIN too many processes; -ENOMEM; -EMFILE or -ENFILE too many descriptors; -EBADF
/// or -EINVAL a descriptor number beyond RLIMIT_NOFILE; -ESRCH a process to join has ended, or somebody
/// has killed the child; -ENOENT or -EACCES a path or directory; -EINVAL a kind that the kernel does
/// not have, or an id that is not mapped; -ERANGE a clock before 0; -ETIMEDOUT nsiso_spec_timeout.
/// Execution, whose step is "exec": -ENOENT no such program, -EACCES not executable, -ENOEXEC not in a
/// format that this kernel runs, and the others of execve(2). What the program itself does, an exit
/// status or a death by signal, is told by nsiso_process_wait.
///
/// MT-Safe env: without nsiso_command_env, and for a program without a slash, it reads the environment
/// as getenv(3) does. Does not copy the caller's page tables (but see nsiso_spec_own_memory), and
/// changes nothing of the caller's: no signal handler, no namespace, no directory. A signal handler
/// that runs meanwhile does not end it. First kernel: 4.18, as far as the spec's own options go;
/// clone3(2) from Linux 5.5, else clone(2); a pidfd from Linux 5.2. See clone(2), namespaces(7),
/// execve(2).
#[no_mangle]
pub unsafe extern "C" fn nsiso_spawn(
    spec: *const nsiso_spec,
    command: *const nsiso_command,
    flags: u32,
    ret_process: *mut *mut nsiso_process,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let body = || {
        no_flags("nsiso_spawn", flags)?;
        // SAFETY: the C caller's promise about spec.
        let spec = unsafe { or_nothing_new(spec) };
        // SAFETY: the C caller's promise about command.
        let command = unsafe { needed("nsiso_spawn", command) }?;
        let make = || spec.spawn(command).map(nsiso_process::new);
        // SAFETY: the C caller's promise about ret_process.
        unsafe { give("nsiso_spawn", "ret_process", ret_process, make) }
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// Calls a function in the namespaces of a spec, in a process of its own; its result is the exit status.
///
/// spec: NULL for nothing new.
/// func: runs in a copy of the caller as fork(2) makes it, in which no other thread exists; it may return, _exit
/// or exec. It may use libc, its allocator above all, also when the caller has threads: libc's fork handlers
/// have run. Other locks that another thread held stay locked.
/// arg: passed to func; what it leads to is the copy's own.
/// flags: 0.
/// ret_process: the child, to be freed with nsiso_process_free; written on success.
/// reterr: see the top of this file.
///
/// Comes back when func is about to run; nsiso_spec_timeout limits the time until then. How long func itself may
/// take is the caller's to say: nsiso_process_wait with a timeout, and when that is over (or the caller, in any
/// thread, thinks better of it) nsiso_process_kill and nsiso_process_wait, or nsiso_process_kill_on_free. What func
/// has started in turn ends with it in a new pid namespace only.
///
/// Returns 0, or -errno as nsiso_spawn, but for its step "exec"; -EINVAL also func is NULL. The caller's descriptors
/// stay open in the child, which finds none of the library's own. MT-Safe. The cost grows with the caller's
/// memory, as fork(2)'s does; a function in a new or joined pid namespace, or in a new time namespace, costs one more
/// SIGCHLD. See fork(2), namespaces(7).
#[no_mangle]
pub unsafe extern "C" fn nsiso_spawn_function(
    spec: *const nsiso_spec,
    func: Option<unsafe extern "C" fn(arg: *mut c_void) -> c_int>,
    arg: *mut c_void,
    flags: u32,
    ret_process: *mut *mut nsiso_process,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_spawn_function";
    let body = || {
        no_flags(step, flags)?;
        let func = func.ok_or_else(|| bad_argument(step, "func is NULL"))?;
        // SAFETY: the C caller's promise about func and arg.
        let function = unsafe { Function::new(func, arg) };
        // SAFETY: the C caller's promise about spec.
        let spec = unsafe { or_nothing_new(spec) };
        let make = || spec.spawn_function(function).map(nsiso_process::new);
        // SAFETY: the C caller's promise about ret_process.
        unsafe { give(step, "ret_process", ret_process, make) }
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// Its number in the caller's pid namespace, its own as long as nobody has reaped it. 0 for NULL.
#[no_mangle]
pub unsafe extern "C" fn nsiso_process_pid(process: *const nsiso_process) -> pid_t {
    // SAFETY: the C caller guarantees a process that lives, or NULL.
    unsafe { process.as_ref() }.map_or(0, |process| process.process.id())
}

/// Its pidfd, readable for poll(2) once it has ended. Borrowed: the process's until that is freed,
/// not to be closed. -1 for NULL, and before Linux 5.2. See pidfd_open(2).
#[no_mangle]
pub unsafe extern "C" fn nsiso_process_pidfd(process: *const nsiso_process) -> c_int {
    // SAFETY: the C caller guarantees a process that lives, or NULL.
    let process = unsafe { process.as_ref() };
    process.and_then(|process| process.process.pidfd()).map_or(-1, |pidfd| pidfd.as_raw_fd())
}

/// Opens a namespace that it is in: one that nsiso_spec_keep_namespaces has taken also after it has ended,
/// any other while it runs.
///
/// process: the child.
/// kind: one NSISO_NEW* bit.
/// flags: 0.
/// reterr: see the top of this file.
///
/// Returns a descriptor, close-on-exec, which the caller closes, or: -ESRCH it has ended; -EACCES it runs as
/// somebody whom the caller may not trace; -EMFILE or -ENFILE; -EINVAL process is NULL, kind is not one
/// bit, or an unknown flag. MT-Safe. See namespaces(7).
#[no_mangle]
pub unsafe extern "C" fn nsiso_process_namespace(
    process: *const nsiso_process,
    kind: nsiso_kinds,
    flags: u32,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_process_namespace";
    let body = || {
        no_flags(step, flags)?;
        // SAFETY: the C caller's promise about process.
        let process = unsafe { borrow(step, "process", process) }?;
        process.process.namespace(one_kind(step, kind)?).map(IntoRawFd::into_raw_fd)
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// Waits until it has ended. The answer can be had as often as wanted, and by many threads.
///
/// process: the child.
/// timeout_ms: how long at most, in milliseconds; 0 to look only, -1 for ever.
/// ret_wait: how it ended, written when it has; NULL if not wanted.
/// size: sizeof(nsiso_wait) as the caller knows it; a record that grows in a later version keeps its
/// old fields, and fields that this version does not know are set to 0.
/// flags: 0.
/// reterr: see the top of this file.
///
/// Returns 1 if it has ended, 0 if it ran still when the time was over, or: -ECHILD somebody else in
/// this process has reaped it (waitpid(2) of -1, an ignored SIGCHLD) on a kernel that keeps no status
/// for that case (before Linux 6.15), or this is a forked copy of the process that started it; -EINVAL
/// process is NULL, too small a size, a timeout below -1 or an unknown flag. MT-Safe. A signal handler
/// that runs meanwhile does not end it. Needs no privilege. First kernel: any; before Linux 5.3 it
/// looks every 10 ms. See waitid(2), poll(2).
#[no_mangle]
pub unsafe extern "C" fn nsiso_process_wait(
    process: *const nsiso_process,
    timeout_ms: i64,
    ret_wait: *mut nsiso_wait,
    size: usize,
    flags: u32,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_process_wait";
    let body = || {
        no_flags(step, flags)?;
        if !ret_wait.is_null() && size < size_of::<nsiso_wait>() {
            return Err(bad_argument(step, &format!("size {size}: no record is so small")));
        }
        let deadline = deadline(step, timeout_ms)?;
        // SAFETY: the C caller's promise about process.
        let process = &unsafe { borrow(step, "process", process) }?.process;
        let Some(status) = process.wait_until(deadline, &mut || true)? else { return Ok(0) };
        if !ret_wait.is_null() {
            let record = nsiso_wait::new(status, process.usage());
            // SAFETY: not NULL, and the C caller guarantees room for `size` bytes.
            unsafe { write_record(ret_wait, size, &record) };
        }
        Ok(1)
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// Sends a signal. By pidfd, it never reaches another process.
///
/// process: the child.
/// signal: SIG* of signal.h; 0 only asks whether one could be sent.
/// flags: 0.
/// reterr: see the top of this file.
///
/// Returns 0, or: -ESRCH it has ended and was waited for, or this is a forked copy of the process that
/// started it; -EPERM it runs as another user now; -EINVAL process is NULL, no such signal, or an
/// unknown flag. MT-Safe. First kernel: 5.1, and before that kill(2) of a child that is not reaped yet.
/// See pidfd_send_signal(2), signal(7).
#[no_mangle]
pub unsafe extern "C" fn nsiso_process_kill(
    process: *const nsiso_process,
    signal: c_int,
    flags: u32,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let body = || {
        no_flags("nsiso_process_kill", flags)?;
        // SAFETY: the C caller's promise about process.
        let process = unsafe { borrow("nsiso_process_kill", "process", process) }?;
        process.process.send_signal(signal).map(|()| 0)
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// The caller's side of the terminal that it has of its own (NSISO_TERMINAL_OWN): what the command writes
/// is read here, and what is written here is typed there. Borrowed: the process's until that is freed,
/// which hangs up what is left of the command's session (SIGHUP); not to be closed. -1 for NULL, and
/// for a process without one. Somebody has to read it, or the command waits once the terminal is full:
/// see nsiso_process_relay. Once nobody has the terminal open any more, reading is EIO when all is read.
#[no_mangle]
pub unsafe extern "C" fn nsiso_process_terminal(process: *const nsiso_process) -> c_int {
    // SAFETY: the C caller guarantees a process that lives, or NULL.
    let process = unsafe { process.as_ref() };
    process.and_then(|process| process.process.terminal()).map_or(-1, |master| master.as_raw_fd())
}

/// Connects two descriptors of the caller's with the terminal that a process has of its own
/// (NSISO_TERMINAL_OWN), until the process has ended.
///
/// If input is a terminal, it is in raw mode meanwhile, so that every key goes to the process, Ctrl-C and
/// Ctrl-Z too; its settings are as before when this returns, whatever comes. They stay raw if a
/// signal kills the caller. The window size of the caller's terminal is the process's, and follows it
/// within a tenth of a second, without a handler for SIGWINCH. At the end of input the end-of-file
/// character is typed. All output that the process has written is passed on; of what it left behind in the
/// background, as much as there is by then.
///
/// process: started with NSISO_TERMINAL_OWN.
/// input, output: mostly 0 and 1, the caller's terminal; may be pipes or files, blocking or not.
/// flags: 0.
/// reterr: see the top of this file.
///
/// Returns 0 when the process has ended: nsiso_process_wait tells how. Or: -ENOTTY the process has no
/// terminal of its own; -EBADF a descriptor is closed; -EPIPE nobody reads the output any more; -EBUSY
/// another thread relays it; -EIO and others of read(2) and write(2), after all of which the process runs
/// on; -ECHILD as nsiso_process_wait; -EINVAL process is NULL or an unknown flag. MT-Safe, one relay of a
/// process at a time. A signal handler that runs meanwhile does not end it. Needs no privilege. See
/// termios(3), pty(7).
#[no_mangle]
pub unsafe extern "C" fn nsiso_process_relay(
    process: *const nsiso_process,
    input: c_int,
    output: c_int,
    flags: u32,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_process_relay";
    let body = || {
        no_flags(step, flags)?;
        // SAFETY: the C caller's promise about process.
        let process = &unsafe { borrow(step, "process", process) }?.process;
        process.relay(input, output).map(|_| 0)
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// From now on, nsiso_process_free kills the child and waits for its end. MT-Safe. NULL is allowed.
/// Cannot fail.
#[no_mangle]
pub unsafe extern "C" fn nsiso_process_kill_on_free(process: *mut nsiso_process) {
    // SAFETY: the C caller guarantees a process that lives, or NULL.
    if let Some(process) = unsafe { process.as_ref() } {
        process.kill_on_free.store(true, Ordering::Relaxed);
    }
}

/// Lets go of a child and closes its pidfd. The child runs on; when it has ended, a later nsiso_spawn,
/// nsiso_spawn_function or nsiso_spawn_held of this process reaps it; its own terminal, if it has one, is hung
/// up. After nsiso_process_kill_on_free it is sent SIGKILL
/// and reaped instead. NULL is allowed. Returns NULL.
///
/// In a forked copy of the process that started the child, neither is done: the child is left alone.
#[no_mangle]
pub unsafe extern "C" fn nsiso_process_free(process: *mut nsiso_process) -> *mut nsiso_process {
    let end = |nsiso_process { process, kill_on_free }: nsiso_process| {
        drop(process.kill_on_drop(kill_on_free.into_inner()));
    };
    // SAFETY: it came from `give`, and the C caller guarantees that it is freed once.
    unsafe { free(process, end) }
}

impl nsiso_process {
    /// A child as C holds it.
    pub fn new(process: Process) -> nsiso_process {
        nsiso_process { process, kill_on_free: AtomicBool::new(false) }
    }
}

impl nsiso_wait {
    fn new(status: ExitStatus, usage: Option<Usage>) -> nsiso_wait {
        let microseconds = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        nsiso_wait {
            status: status.into_raw(),
            exit_code: status.code().unwrap_or(-1),
            signal: status.signal().unwrap_or(0),
            core_dumped: u32::from(status.core_dumped()),
            user_usec: usage.map_or(0, |usage| microseconds(usage.user_time)),
            system_usec: usage.map_or(0, |usage| microseconds(usage.system_time)),
            max_rss_kib: usage.map_or(0, |usage| usage.max_rss),
            has_usage: u32::from(usage.is_some()),
            reserved: 0,
        }
    }
}

/// `None` for ever, or so far away that no clock goes there.
fn deadline(step: &str, timeout_ms: i64) -> Result<Option<Instant>> {
    if timeout_ms < -1 {
        return Err(bad_argument(step, &format!("timeout_ms {timeout_ms}: it is -1 at least")));
    }
    let timeout = u64::try_from(timeout_ms).ok().map(Duration::from_millis);
    Ok(timeout.and_then(|timeout| Instant::now().checked_add(timeout)))
}
