//! What do a visit and entering in place cost from Rust, against setns(2) called from C?
//!
//! ```text
//! calls LIBRARIES check                        do both sides do the same? Fails if not
//! calls LIBRARIES measure ROUNDS MILLISECONDS  see rounds.h
//! ```
//!
//! LIBRARIES is where libfloor.so is. The thread that moves is the only one.
#![deny(unsafe_code)]

mod moves;
mod rounds;

use moves::{Body, Moves};
use nsiso::{Command, Home, Kind, Kinds, Namespace, Namespaces, Process, Spec};
use rounds::{Effort, Take};
use std::cell::RefCell;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::process::ExitCode;
use std::time::Instant;
use std::{env, fs};

type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T> = std::result::Result<T, Error>;

/// How often one sample does what takes the clock's own time or less.
const BATCH: u32 = 20;

thread_local! {
    /// While checking: the links of whoever is in other namespaces.
    static SEEN: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).filter(|word| word != "--bench").collect();
    match act(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "calls: {error}");
            ExitCode::FAILURE
        }
    }
}

fn act(words: &[String]) -> Result<()> {
    let [libraries, verb @ ..] = words else { return Err("usage: see the head of calls.rs".into()) };
    let moves = Moves::find(libraries)?;
    let (net, home) = (held_net()?, Home::of_thread(Kind::Net)?);
    let there = net.get(Kind::Net).ok_or("no net")?;
    // All kinds but user, which cannot be left again.
    let seven = Kinds::ALL - Kind::User;
    let (before, new) = (sleeper(Kinds::NONE)?, sleeper(seven)?);
    let (back, on) = (pidfd(&before)?, pidfd(&new)?);
    let entering = |fd: BorrowedFd<'_>| Spec::new().join_borrowed_fd(fd, seven);
    let jobs = [
        Job {
            name: "a visit of a net from a kept home, a socket there",
            goal: "<=1.15",
            kinds: Kind::Net.into(),
            there: there.as_raw_fd(),
            home: home.namespace().as_raw_fd(),
            way: Way::Visit { there, home: &home },
            body: moves.socket,
            moves: 1,
        },
        Job {
            name: "seven kinds entered by a pidfd",
            goal: "<=1.10",
            kinds: seven,
            there: on.as_raw_fd(),
            home: back.as_raw_fd(),
            way: Way::Enter(Box::new([entering(on), entering(back)])),
            body: moves.nothing,
            moves: 2,
        },
    ];
    match verb {
        [check] if check == "check" => jobs.into_iter().try_for_each(|job| job.check(moves)),
        [measure, rounds, milliseconds] if measure == "measure" => {
            let effort = Effort { rounds: rounds.parse()?, milliseconds: milliseconds.parse()? };
            jobs.iter().try_for_each(|job| job.measure(moves, effort))
        }
        _ => Err("usage: see the head of calls.rs".into()),
    }
}

fn held_net() -> Result<Namespaces> {
    Ok(Spec::new().unshare(Kind::Net).loopback_down().hold()?)
}

/// A process in new namespaces, for others to join.
fn sleeper(kinds: Kinds) -> Result<Process> {
    let spec = Spec::new().unshare(kinds).kill_with_parent();
    Ok(spec.spawn(&Command::new("sleep").arg("infinity"))?.kill_on_drop(true))
}

fn pidfd(process: &Process) -> Result<BorrowedFd<'_>> {
    process.pidfd().ok_or_else(|| "no pidfd".into())
}

/// A way there and home.
struct Job<'a> {
    name: &'static str,
    goal: &'static str,
    kinds: Kinds,
    there: RawFd,
    home: RawFd,
    /// nsiso's.
    way: Way<'a>,
    body: Body,
    /// In how many parts the time is told.
    moves: u32,
}

enum Way<'a> {
    Visit { there: &'a Namespace, home: &'a Home },
    Enter(Box<[Spec; 2]>),
}

impl Job<'_> {
    fn sides(&self, moves: Moves) -> [Side<'_>; 2] {
        [Side { job: self, floor: Some(moves) }, Side { job: self, floor: None }]
    }

    /// Lets each side go and come back once, and compares what it saw there with what it should.
    fn check(mut self, moves: Moves) -> Result<()> {
        self.body = observe;
        let before = links()?;
        // pid is for later children.
        let wanted = (self.kinds - Kind::Pid).to_string();
        for side in self.sides(moves) {
            side.go()?;
            let there = SEEN.take();
            let links = Kind::ALL.into_iter().zip(before.iter().zip(&there));
            let changed = links.filter(|(_, (before, there))| before != there);
            let new = changed.fold(Kinds::NONE, |kinds, (kind, _)| kinds | kind).to_string();
            if new != wanted || there.len() != before.len() || self::links()? != before {
                return Err(format!("{}: {}: new: {new}, not {wanted}", self.name, side.name()).into());
            }
        }
        Ok(writeln!(io::stdout(), "seen\t{}\tRust\tnew: {}", self.name, wanted.replace(',', " "))?)
    }

    fn measure(&self, moves: Moves, effort: Effort) -> Result<()> {
        let sides = self.sides(moves);
        let calls = rounds::calls(effort, &sides)?;
        for round in 0..effort.rounds {
            for (side, median) in sides.iter().zip(rounds::take(&sides, calls)?) {
                let goal = if side.floor.is_some() { self.goal } else { "" };
                let name = side.name();
                writeln!(io::stdout(), "time\t{}\tRust\t{round}\t{name}\t{median:.4}\t{goal}", self.name)?;
            }
        }
        Ok(())
    }
}

extern "C" fn observe() {
    SEEN.set(links().unwrap_or_default());
}

fn links() -> Result<Vec<String>> {
    let link = |kind: Kind| Ok(fs::read_link(format!("/proc/self/ns/{kind}"))?.display().to_string());
    Kind::ALL.into_iter().map(link).collect()
}

/// Who goes: the floor, or nsiso.
struct Side<'a> {
    job: &'a Job<'a>,
    floor: Option<Moves>,
}

impl Side<'_> {
    fn name(&self) -> &'static str {
        if self.floor.is_some() {
            "floor"
        } else {
            "nsiso"
        }
    }

    fn go(&self) -> Result<()> {
        let job = self.job;
        if let Some(floor) = self.floor {
            return floor.go(job.there, job.home, job.kinds, job.body);
        }
        match &job.way {
            Way::Visit { there, home } => {
                let visit = there.visit_from(home)?;
                (job.body)();
                drop(visit);
            }
            Way::Enter(specs) => {
                let [there, home] = &**specs;
                there.enter()?;
                (job.body)();
                home.enter()?;
            }
        }
        Ok(())
    }
}

impl Take for Side<'_> {
    fn take(&self) -> Result<f64> {
        let start = Instant::now();
        for _ in 0..BATCH {
            self.go()?;
        }
        Ok(start.elapsed().as_secs_f64() * 1e6 / f64::from(BATCH * self.job.moves))
    }
}
