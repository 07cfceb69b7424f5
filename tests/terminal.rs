//! Has a command a terminal of its own, in a session of its own, and does the relay carry all of it?

#![allow(clippy::unwrap_used)] // A test that cannot go on has failed.

use nsiso::{Command, Kind, Spec, Terminal};
use std::fs::File;
use std::io::{Read, Write};
use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

/// What hangs is given up.
const PATIENCE: Duration = Duration::from_secs(60);

fn own() -> Spec {
    Spec::new().unshare(Kind::User | Kind::Uts).map_root().terminal(Terminal::Own)
}

fn shell(line: &str) -> Command {
    Command::new("sh").args(["-c", line])
}

/// What is written to one end is read at the other.
fn pair() -> (UnixStream, UnixStream) {
    UnixStream::pair().unwrap()
}

/// What a relayed command writes when this is all that is typed, once it has set these modes; and its wait status.
fn relayed(spec: &Spec, modes: &str, line: &str, typed: &[u8]) -> (String, i32) {
    let process = spec.spawn(&shell(&format!("stty {modes}; echo ready; {line}"))).unwrap();
    let ((input, mut keys), (mut screen, output)) = (pair(), pair());
    thread::scope(|scope| {
        let began = Instant::now();
        let mut in_time = move || began.elapsed() < PATIENCE;
        let relay = scope.spawn(move || process.relay_while(input, output, &mut in_time).unwrap());
        let mut text = Vec::new();
        while !text.ends_with(b"\n") {
            let mut byte = [0];
            screen.read_exact(&mut byte).unwrap();
            text.push(byte[0]);
        }
        assert!(text.starts_with(b"ready"));
        scope.spawn(move || keys.write_all(typed).unwrap());
        text.clear();
        screen.read_to_end(&mut text).unwrap();
        (String::from_utf8(text).unwrap().replace("\r\n", "\n"), relay.join().unwrap().unwrap().into_raw())
    })
}

/// A line for each.
fn numbers(range: Range<u32>) -> String {
    range.fold(String::new(), |text, number| text + &number.to_string() + "\n")
}

#[test]
fn it_controls_a_session_of_the_commands_own() {
    let line = "tty <&0 >&2; tty <&1; tty <&2; : >/dev/tty && echo controls; \
                ps -o sid= -p $$ | grep -qw $$ && ! ls -l /proc/$$/fd | grep ptmx && echo alone";
    let (text, status) = relayed(&own(), "-echo", line, b"");
    let mut lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines.pop(), status), (Some("alone"), 0), "{text}");
    assert_eq!(lines.pop(), Some("controls"));
    assert!(lines.len() == 3 && lines.iter().all(|line| *line == lines[0] && line.starts_with("/dev/pts/")));
}

#[test]
fn what_the_command_sets_itself_stays() {
    let (mut read, write) = pair();
    let command =
        shell("test -t 0 && test -t 2 && ! test -t 1 && echo no terminal").fd(OwnedFd::from(write), 1);
    let process = own().spawn(&command).unwrap();
    drop(command);
    let mut text = String::new();
    read.read_to_string(&mut text).unwrap();
    assert_eq!((text.as_str(), process.wait().unwrap().code()), ("no terminal\n", Some(0)));
    let all = shell("true").null(0).null(1).null(2);
    let refused = own().spawn(&all).unwrap_err();
    assert!(refused.to_string().contains("leaves none to a terminal of its own"), "{refused}");
}

#[test]
fn the_masters_side_is_the_callers() {
    let process = own().spawn(&shell("stty -echo; echo ready; read word; echo \"<$word>\"; exit 3")).unwrap();
    let mut master = File::from(process.terminal().unwrap().try_clone_to_owned().unwrap());
    let mut bytes = [0; 64];
    let mut text = String::new();
    while !text.contains("ready") {
        let read = master.read(&mut bytes).unwrap();
        text += std::str::from_utf8(&bytes[..read]).unwrap();
    }
    master.write_all(b"word\n").unwrap();
    // Once nobody has the other side open, not even this process: EIO.
    let end = loop {
        match master.read(&mut bytes) {
            Ok(read) => text += std::str::from_utf8(&bytes[..read]).unwrap(),
            Err(error) => break error,
        }
    };
    assert_eq!((text.as_str(), end.raw_os_error()), ("ready\r\n<word>\r\n", Some(libc::EIO)));
    assert_eq!(process.wait().unwrap().code(), Some(3));
}

#[test]
fn no_output_is_lost_and_the_status_is_the_true_one() {
    let numbers = numbers(1..20001);
    for _ in 0..20 {
        let (text, status) = relayed(&own(), "-echo", "seq 20000; kill -9 $$", b"");
        assert_eq!(status, libc::SIGKILL);
        assert!(text == numbers, "{} bytes of {}", text.len(), numbers.len());
    }
}

#[test]
fn who_has_ended_before_is_relayed_as_well() {
    let process = own().spawn(&shell("seq 300; exit 6")).unwrap();
    assert_eq!(process.wait().unwrap().code(), Some(6));
    let ((input, _keys), (mut screen, output)) = (pair(), pair());
    assert_eq!(process.relay(input, output).unwrap().code(), Some(6));
    let mut text = String::new();
    screen.read_to_string(&mut text).unwrap();
    assert_eq!(text.replace("\r\n", "\n"), numbers(1..301));
}

#[test]
fn the_end_of_input_is_typed() {
    let cat = |typed| relayed(&own(), "-echo", "cat; echo end", typed);
    assert_eq!(cat(b"a line\n"), ("a line\nend\n".into(), 0));
    // A line that does not end is ended first.
    assert_eq!(cat(b"no line"), ("no lineend\n".into(), 0));
    assert_eq!(cat(b""), ("end\n".into(), 0));
    // Who goes on to read single keys is told again.
    let one = "dd bs=1 count=1 2>/dev/null | od -An -c | grep -q 004";
    assert_eq!(
        relayed(&own(), "-echo", &format!("cat; stty -icanon; {one} && echo end"), b""),
        ("end\n".into(), 0)
    );
    // Also who has not read the first one, and finds another byte in its place, if it was typed by then.
    let late = format!("sleep 0.3; stty -icanon; until {one}; do :; done; echo end");
    assert_eq!(relayed(&own(), "-echo", &late, b""), ("end\n".into(), 0));
}

#[test]
fn more_than_the_terminal_holds_goes_both_ways() {
    let typed = numbers(0..20000);
    // It reads late, and writes while it is written to.
    let line = format!("sleep 0.3; head -c {}", typed.len());
    let (text, status) = relayed(&own(), "raw -echo", &line, typed.as_bytes());
    assert!(text == typed && status == 0, "{} bytes of {}, {status}", text.len(), typed.len());
}

#[test]
fn what_stays_in_the_background_does_not_hold_it_up() {
    let (text, status) = relayed(&own(), "-echo", "(trap '' HUP; exec sleep 3) & echo left; exit 4", b"");
    assert_eq!((text.as_str(), status >> 8), ("left\n", 4));
    let line = "(trap '' HUP; while echo y; do :; done) 2>/dev/null & sleep 0.2; exit 5";
    let (text, status) = relayed(&own(), "-echo", line, b"");
    // It may be cut off within a line's end, of which the terminal makes two bytes.
    let text = text.strip_suffix('\r').unwrap_or(&text);
    let strange: Vec<_> = text.lines().filter(|line| *line != "y").take(3).collect();
    assert!(strange.is_empty() && status >> 8 == 5, "{status}, {strange:?}");
}

#[test]
fn a_terminal_may_be_let_go_of_and_opened_again() {
    let line = "exec <&- >&- 2>&-; sleep 0.3; exec >/dev/tty; echo again";
    assert_eq!(relayed(&own(), "-echo", line, b""), ("again\n".into(), 0));
}

#[test]
fn only_a_terminal_of_its_own_can_be_relayed_and_by_one() {
    let plain = Spec::new().spawn(&shell("exit 0")).unwrap();
    assert!(plain.terminal().is_none());
    assert_eq!(plain.relay(0, 1).unwrap_err().errno(), libc::ENOTTY);
    let process = own().spawn(&Command::new("cat")).unwrap().kill_on_drop(true);
    assert_eq!(process.relay(-1, 1).unwrap_err().errno(), libc::EBADF);
    let ((input, mut keys), (mut screen, output)) = (pair(), pair());
    thread::scope(|scope| {
        let first = scope.spawn(|| process.relay(input, output.as_fd()));
        keys.write_all(b"x").unwrap();
        // Echoed: it is at work.
        screen.read_exact(&mut [0]).unwrap();
        let second = process.relay(File::open("/dev/null").unwrap(), output.as_fd());
        // It goes on for as long as its input is open.
        drop(keys);
        assert!(first.join().unwrap().unwrap().success());
        assert_eq!(second.unwrap_err().errno(), libc::EBUSY);
    });
    // And once more: it has ended before.
    assert!(process.relay(File::open("/dev/null").unwrap(), output.as_fd()).unwrap().success());
}

#[test]
fn a_reader_that_has_gone_is_an_error_and_the_process_runs_on() {
    // Again and again: a child of another test's has a copy of the screen, until it executes.
    let line = "while echo hello; do sleep 0.01; done";
    let process = own().spawn(&shell(line)).unwrap().kill_on_drop(true);
    let ((input, _keys), (screen, output)) = (pair(), pair());
    drop(screen);
    assert_eq!(process.relay(input, output).unwrap_err().errno(), libc::EPIPE);
    assert_eq!(process.poll().unwrap(), None);
}
