//! nsiso_command: what a process is to execute, with which environment, directory and descriptors.

use crate::boundary::{bad_argument, borrow, borrow_mut, call, duplicate, free, give, no_flags, text, texts};
use crate::error::nsiso_error;
use libc::{c_char, c_int};
use nsiso_core::{Command, Result};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// What to run: a program, its arguments, its environment, directory and descriptors. Can be used often,
/// with any spec.
///
/// The program gets the caller's descriptors 0, 1 and 2 and those that are named here, and no others.
/// Its signal mask is that of the thread that starts it; no handler is left, and of the signals that
/// are ignored SIGPIPE, SIGCHLD and SIGXFSZ are put back to their defaults.
///
/// Every option is a function nsiso_command_OPTION. It returns 0, or -EINVAL for a NULL and what else
/// it names; on failure the command stays as it was. Strings and arrays are copied; of
/// descriptors it keeps duplicates of its own, close-on-exec, until it is freed.
///
/// Owned by the caller, who frees it. Many threads may use a command at once as long as none changes
/// it (attributes(7): MT-Safe race:command). It may also be used in a forked copy of its process.
pub struct nsiso_command(Command);

/// Makes a command.
///
/// argv: the program and its arguments, with a NULL behind the last one; copied. The first is the
/// program's path; or, without a slash, its name, which is sought in the caller's PATH when a plan is made,
/// as execvp(3) does.
/// flags: 0.
/// ret_command: the command, to be freed with nsiso_command_free; written on success.
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL: a NULL, no program in argv, or an unknown flag. MT-Safe. Whether there is such a
/// program is seen at the start. See execve(2), execvp(3).
#[no_mangle]
pub unsafe extern "C" fn nsiso_command_new(
    argv: *const *const c_char,
    flags: u32,
    ret_command: *mut *mut nsiso_command,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_command_new";
    let body = || {
        no_flags(step, flags)?;
        // SAFETY: the C caller's promise about argv.
        let argv = unsafe { texts(step, "argv", argv) }?;
        let make = || {
            let (program, arguments) =
                argv.split_first().ok_or_else(|| bad_argument(step, "argv names no program"))?;
            Ok(nsiso_command(Command::new(program).args(arguments)))
        };
        // SAFETY: the C caller's promise about ret_command.
        unsafe { give(step, "ret_command", ret_command, make) }
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// Sets the whole environment, in place of the caller's.
///
/// command: is changed. Without this, each start takes the environment that the caller has then.
/// envp: strings "NAME=VALUE" with a NULL behind the last one; copied. No string at all is an empty
/// environment.
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL: a NULL, or a string without "=". MT-Safe race:command. See environ(7).
#[no_mangle]
pub unsafe extern "C" fn nsiso_command_env(
    command: *mut nsiso_command,
    envp: *const *const c_char,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_command_env";
    let by = |command: Command| {
        // SAFETY: the C caller's promise about envp.
        let strings = unsafe { texts(step, "envp", envp) }?;
        let pairs = strings.into_iter().map(|string| pair(step, string)).collect::<Result<Vec<_>>>()?;
        Ok(command.env(pairs))
    };
    // SAFETY: the C caller's promises about command and reterr.
    unsafe { set(step, command, reterr, by) }
}

/// Starts in this directory, as seen inside. Wins over the spec's (nsiso_spec_cwd).
///
/// command: is changed.
/// path: copied.
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL: a NULL. MT-Safe race:command. Needs the right to enter it, with the ids that the
/// process will have. See chdir(2).
#[no_mangle]
pub unsafe extern "C" fn nsiso_command_cwd(
    command: *mut nsiso_command,
    path: *const c_char,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_command_cwd";
    // SAFETY: the C caller's promise about path.
    let by = |command: Command| Ok(command.cwd(unsafe { text(step, "path", path) }?));
    // SAFETY: the C caller's promises about command and reterr.
    unsafe { set(step, command, reterr, by) }
}

/// Puts a descriptor of the caller's at this number.
///
/// command: is changed. Descriptors add up.
/// fd: stays the caller's, who may close it; the command keeps a duplicate.
/// number: where the program finds it, for instance 1 for its standard output.
/// reterr: see the top of this file.
///
/// Returns 0, or: -EINVAL command is NULL or number is negative, -EBADF fd is closed, -EMFILE too many
/// descriptors are open. MT-Safe race:command. See dup3(2), close_range(2); the latter is from Linux
/// 5.9, and without it /proc/PID/fd is read.
#[no_mangle]
pub unsafe extern "C" fn nsiso_command_fd(
    command: *mut nsiso_command,
    fd: c_int,
    number: c_int,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_command_fd";
    let by = |command: Command| {
        let number = place(step, number)?;
        Ok(command.fd(duplicate(step, fd)?, number))
    };
    // SAFETY: the C caller's promises about command and reterr.
    unsafe { set(step, command, reterr, by) }
}

/// Puts /dev/null at this number, open for reading and writing.
///
/// command: is changed. Descriptors add up.
/// number: where the program finds it, for instance 0 for its standard input.
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL: command is NULL or number is negative. MT-Safe race:command. See null(4).
#[no_mangle]
pub unsafe extern "C" fn nsiso_command_null(
    command: *mut nsiso_command,
    number: c_int,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_command_null";
    // SAFETY: the C caller's promises about command and reterr.
    unsafe { set(step, command, reterr, |command| Ok(command.null(place(step, number)?))) }
}

/// Lets the program have a descriptor of the caller's under its own number.
///
/// command: is changed. Descriptors add up.
/// fd: stays the caller's, who may close it; the command keeps a duplicate.
/// reterr: see the top of this file.
///
/// Returns 0, or: -EINVAL command is NULL, -EBADF fd is closed, -EMFILE too many descriptors are open.
/// MT-Safe race:command. See dup3(2).
#[no_mangle]
pub unsafe extern "C" fn nsiso_command_keep(
    command: *mut nsiso_command,
    fd: c_int,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_command_keep";
    // SAFETY: the C caller's promises about command and reterr.
    unsafe { set(step, command, reterr, |command| Ok(command.fd(duplicate(step, fd)?, fd))) }
}

/// Executes this file; the first of nsiso_command_new's argv is then only what the program
/// sees as its name, and PATH is not looked at.
///
/// command: is changed.
/// path: as seen inside; copied.
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL: a NULL. MT-Safe race:command. See execve(2).
#[no_mangle]
pub unsafe extern "C" fn nsiso_command_executable(
    command: *mut nsiso_command,
    path: *const c_char,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_command_executable";
    // SAFETY: the C caller's promise about path.
    let by = |command: Command| Ok(command.executable([unsafe { text(step, "path", path) }?]));
    // SAFETY: the C caller's promises about command and reterr.
    unsafe { set(step, command, reterr, by) }
}

/// Frees a command. Processes that were started of it, and plans, need it no more. NULL is allowed.
/// Returns NULL.
#[no_mangle]
pub unsafe extern "C" fn nsiso_command_free(command: *mut nsiso_command) -> *mut nsiso_command {
    // SAFETY: it came from `give`, and the C caller guarantees that it is freed once.
    unsafe { free(command, drop) }
}

/// The command of a call that wants one.
///
/// # Safety
///
/// `command` must be NULL or a command that lives, and does not change, for as long as the answer is used.
pub unsafe fn needed<'a>(step: &str, command: *const nsiso_command) -> Result<&'a Command> {
    // SAFETY: the caller's promise.
    unsafe { borrow(step, "command", command) }.map(|nsiso_command(command)| command)
}

/// What every option is: changes a command as `by` says, or leaves it as it was.
///
/// # Safety
///
/// `command` must be NULL or a command that nobody else uses meanwhile; `reterr` as for [`call`].
unsafe fn set(
    step: &str,
    command: *mut nsiso_command,
    reterr: *mut *mut nsiso_error,
    by: impl FnOnce(Command) -> Result<Command>,
) -> c_int {
    let body = || {
        // SAFETY: the caller's promise.
        let nsiso_command(command) = unsafe { borrow_mut(step, "command", command) }?;
        // A copy is changed, so that half a change never stays.
        *command = by(command.clone())?;
        Ok(0)
    };
    // SAFETY: the caller's promise.
    unsafe { call(reterr, body) }
}

fn place(step: &str, number: c_int) -> Result<c_int> {
    if number < 0 {
        return Err(bad_argument(step, &format!("number {number}: it cannot be negative")));
    }
    Ok(number)
}

/// Name and value of an environment string.
fn pair<'a>(step: &str, string: &'a OsStr) -> Result<(&'a OsStr, &'a OsStr)> {
    let bytes = string.as_bytes();
    let Some(equals) = bytes.iter().position(|byte| *byte == b'=') else {
        return Err(bad_argument(step, &format!("{string:?} has no \"=\"")));
    };
    let (name, value) = (&bytes[..equals], &bytes[equals + 1..]);
    Ok((OsStr::from_bytes(name), OsStr::from_bytes(value)))
}
