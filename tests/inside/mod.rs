//! How does a test run itself again: in a mount namespace of its own, or as an ordinary user?

#![allow(dead_code)] // Each test uses what it needs of it.

use nsiso::{Command, Process, Spec};
use std::any::type_name;
use std::env;
use std::fs;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

pub const AS_USER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/as_user");

pub fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// Whether this is root, in the user namespace that the machine started with.
pub fn is_machine_root() -> bool {
    let user = fs::read_link("/proc/self/ns/user").unwrap();
    is_root() && user.to_str() == Some("user:[4026531837]")
}

/// Runs the test that `check` stands in again behind these words, and there does `check`. One for each test.
fn again<Check: Fn(&Path)>(words: &[&str], check: Check) {
    let name = type_name::<Check>().strip_suffix("::{{closure}}").unwrap();
    let (_, test) = name.split_once("::").unwrap();
    if env::var_os("NSISO_INNER").is_some_and(|inner| inner == *test) {
        return check(Path::new(&env::var_os("SCRATCH").unwrap()));
    }
    let scratch = Scratch::new(test);
    let mut command = std::process::Command::new(words[0]);
    command.args(&words[1..]).arg(env::current_exe().unwrap()).args(["--exact", test, "--nocapture"]);
    let output = command.env("NSISO_INNER", test).env("SCRATCH", &scratch.0).output().unwrap();
    let told = [output.stdout, output.stderr].concat();
    let told = String::from_utf8_lossy(&told);
    assert!(output.status.success() && told.contains("1 passed"), "{words:?}: {}\n{told}", output.status);
}

/// Who may mount: root, or an ordinary user as root of a new user namespace; in a mount namespace of its own, with an
/// empty /run, and behind a script that ends in `exec`.
pub fn where_mounts_are_allowed(script: &str, check: impl Fn(&Path)) {
    own_mounts(&[], script, check);
}

/// As [`where_mounts_are_allowed`], on a single CPU: the kernel (Linux 6.18) tells by numbers of the CPU's which of two
/// mount namespaces is the newer.
pub fn where_mounts_are_allowed_on_one_cpu(script: &str, check: impl Fn(&Path)) {
    const ON_ONE: &str =
        "exec taskset -c $(sed -n 's/^Cpus_allowed_list:[^0-9]*\\([0-9]*\\).*/\\1/p' /proc/self/status) \"$@\"";
    own_mounts(&["sh", "-euc", ON_ONE, "sh"], script, check);
}

fn own_mounts<Check: Fn(&Path)>(words: &[&str], script: &str, check: Check) {
    let script = format!("PATH=$PATH:/usr/sbin:/sbin; mount -t tmpfs none /run; {script} \"$@\"");
    let unshare = ["unshare", "--mount", "--propagation", "private", "sh", "-euc", &script, "sh"];
    let as_root = ["unshare", "--user", "--map-root-user"];
    again(&[words, if is_root() { &[] } else { &as_root[..] }, &unshare[..]].concat(), check);
}

/// A pid namespace of its own with its own /proc; root, or an ordinary user as root of a new user namespace; behind a
/// script that ends in `exec`.
pub fn own_processes<Check: Fn(&Path)>(script: &str, check: Check) {
    let script = format!("{script} \"$@\"");
    let unshare = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-euc", &script, "sh"];
    let as_root = ["unshare", "--user", "--map-root-user"];
    again(&[if is_root() { &[] } else { &as_root[..] }, &unshare[..]].concat(), check);
}

/// An ordinary user, for whom root stands back; behind a script that ends in `exec`.
pub fn as_user(script: &str, check: impl Fn(&Path)) {
    let script = format!("{script} \"$@\"");
    let words = [AS_USER, "sh", "-euc", &script, "sh"];
    again(if is_root() { &words } else { &words[1..] }, check);
}

/// A directory that anybody may write to, gone with the test.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new(test: &str) -> Scratch {
        let path = env::temp_dir().join(format!("nsiso-{}-{test}", std::process::id()));
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub fn sleeper(spec: &Spec) -> Process {
    spec.spawn(&Command::new("sleep").arg("600")).unwrap_or_else(|error| panic!("{error}")).kill_on_drop(true)
}

/// What a shell's line prints.
pub fn output(spec: &Spec, line: &str) -> String {
    let (mut own, other) = UnixStream::pair().unwrap();
    let command = Command::new("sh").args(["-c", line]).fd(OwnedFd::from(other), 1);
    let process = spec.spawn(&command).unwrap_or_else(|error| panic!("{error}"));
    drop(command);
    let mut text = String::new();
    own.read_to_string(&mut text).unwrap();
    assert!(process.wait().unwrap().success(), "{line}: {text}");
    text.trim().to_owned()
}

/// The namespaces that are mounted below a directory, as mountinfo has them: what, and where.
pub fn mounted_below(directory: &Path) -> Vec<(String, PathBuf)> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let mounted = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let found = line.contains(" - nsfs ") && Path::new(words[4]).starts_with(directory);
        found.then(|| (words[3].to_owned(), PathBuf::from(words[4])))
    };
    mounts.lines().filter_map(mounted).collect()
}
