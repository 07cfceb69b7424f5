//! Is each cause of a refusal told apart? Provoked in earnest: each test that needs it runs itself again, in
//! namespaces of its own or as an ordinary user, and on the machine itself nothing is changed.

#![allow(clippy::unwrap_used, clippy::panic)] // A test that cannot go on has failed.

mod by_hand;
#[path = "../inside/mod.rs"]
mod inside;
mod joining;
mod making;
mod maps;
mod mounts;
mod probing;

use inside::{is_root, sleeper, Scratch, AS_USER};
use nsiso::{Cause, Command, Error, Kind, Kinds, Spec};
use std::any::type_name;
use std::env;
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;

const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/venv/bin/python");

/// Runs the test that `check` stands in again behind these words, and there does `check`. One for each test.
fn again<Check: Fn()>(words: &[&str], check: Check) {
    let name =
        type_name::<Check>().strip_prefix("causes::").and_then(|name| name.strip_suffix("::{{closure}}"));
    let test = name.unwrap();
    if env::var_os("NSISO_INNER").is_some_and(|inner| inner == *test) {
        return check();
    }
    let scratch = Scratch::new(&test.replace("::", "-"));
    let mut command = std::process::Command::new(words[0]);
    command.args(&words[1..]).arg(env::current_exe().unwrap()).args(["--exact", test, "--nocapture"]);
    let output = command.env("NSISO_INNER", test).env("SCRATCH", &scratch.0).output().unwrap();
    let told = [output.stdout, output.stderr].concat();
    let told = String::from_utf8_lossy(&told);
    assert!(output.status.success() && told.contains("1 passed"), "{words:?}: {}\n{told}", output.status);
}

/// Behind a script that prepares things as root of new user and mount namespaces, and ends in `exec`.
fn as_inner_root(script: &str, check: impl Fn()) {
    let script = format!("{script} \"$@\"");
    again(&["unshare", "--user", "--map-root-user", "--mount", "sh", "-euc", &script, "sh"], check);
}

/// As [`as_inner_root`], with a proc of their own, which the script may change.
fn with_own_proc(script: &str, check: impl Fn()) {
    let script = format!("{script} \"$@\"");
    let unshare = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child"];
    again(&[&unshare[..], &["--mount-proc", "sh", "-euc", &script, "sh"]].concat(), check);
}

/// Behind a script of root's, in a mount namespace of its own.
fn as_root(script: &str, check: impl Fn()) {
    let script = format!("{script} \"$@\"");
    again(&["unshare", "--mount", "--propagation", "private", "sh", "-euc", &script, "sh"], check);
}

/// Behind a script that an ordinary user executes, for whom root stands back.
fn as_user(script: &str, check: impl Fn()) {
    let script = format!("{script} \"$@\"");
    let words = [AS_USER, "sh", "-euc", &script, "sh"];
    again(if is_root() { &words } else { &words[1..] }, check);
}

/// Behind a filter that refuses the system calls of these numbers with this errno, as in a container.
fn filtered(calls: &[libc::c_long], errno: i32, check: impl Fn()) {
    const FILTER: &str = "
import ctypes, os, struct, sys
errno, calls = int(sys.argv[1]), [int(call) for call in sys.argv[2].split(',')]
code = struct.pack('HBBI', 0x20, 0, 0, 0)
for call in calls:
    code += struct.pack('HBBI', 0x15, 0, 1, call) + struct.pack('HBBI', 0x06, 0, 0, 0x50000 | errno)
code += struct.pack('HBBI', 0x06, 0, 0, 0x7fff0000)
text = ctypes.create_string_buffer(code, len(code))
program = struct.pack('HxxxxxxP', len(code) // 8, ctypes.addressof(text))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, program, 0, 0) == 0, os.strerror(ctypes.get_errno())
os.execv(sys.argv[3], sys.argv[3:])
";
    let calls: Vec<_> = calls.iter().map(libc::c_long::to_string).collect();
    again(&[PYTHON, "-c", FILTER, &errno.to_string(), &calls.join(",")], check);
}

/// Past the test harness, which hides what a test that succeeds has to say.
fn left_out(why: &str) {
    std::io::stderr().write_all(format!("left out: {why}\n").as_bytes()).unwrap();
}

fn new(kinds: impl Into<Kinds>) -> Spec {
    Spec::new().unshare(kinds)
}

/// With a map of the caller's own id.
fn user(kinds: impl Into<Kinds>) -> Spec {
    new(kinds.into() | Kind::User).map_root()
}

fn refusal(spec: &Spec) -> Error {
    match spec.spawn(&Command::new("true")) {
        Err(error) => error,
        Ok(process) => panic!("not refused, but {:?}", process.wait()),
    }
}

/// Refused with this cause, and naming this.
fn refused(spec: &Spec, cause: Cause, words: &str) {
    let error = refusal(spec);
    assert_eq!(error.cause(), cause, "{error}");
    assert!(error.object().contains(words), "{error}");
}

fn open(path: &str) -> OwnedFd {
    File::open(path).unwrap().into()
}
