//! What does `Spec::spawn(…).wait()` cost from Rust, against the floor and the peers?
//!
//! ```text
//! spawn LIBRARIES OPTIONS MIB check SIDE... -- PROGRAM...
//! spawn LIBRARIES OPTIONS MIB measure ROUNDS MILLISECONDS SIDE... apart SIDE... -- PROGRAM...
//! spawn LIBRARIES OPTIONS MIB threads ROUNDS MILLISECONDS SIDE... apart SIDE... -- PROGRAM...
//! ```
//!
//! The twin of spawn.c, whose head says what the words mean.
#![deny(unsafe_code)]

mod floor;
mod rounds;

use nsiso::{Command, Kind, Kinds, Spec};
use rounds::{Effort, Take};
use std::env;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T> = std::result::Result<T, Error>;

const THREADS: usize = 2;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).filter(|word| word != "--bench").collect();
    match act(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "spawn: {error}");
            ExitCode::FAILURE
        }
    }
}

fn act(words: &[String]) -> Result<()> {
    let mut halves = words.splitn(2, |word| word == "--");
    let (Some([libraries, options, mib, verb, rest @ ..]), Some(program)) = (halves.next(), halves.next())
    else {
        return Err("usage: see the head of spawn.rs".into());
    };
    floor::grow(libraries, mib.parse()?)?;
    let (joining, told) = hold(options)?;
    let side = |name: &String| match name.as_str() {
        "nsiso" => Side::nsiso(name, joining.clone(), program),
        "fresh" => Side::nsiso(name, spec(options)?, program),
        _ => Ok(Side {
            name: name.clone(),
            way: Way::Other(floor::Side::find(libraries, name, &told, program)?),
        }),
    };
    match (verb.as_str(), rest) {
        ("check", names) => names.iter().try_for_each(|name| side(name)?.take().map(drop)),
        (verb, [rounds, milliseconds, names @ ..]) => {
            let effort = Effort { rounds: rounds.parse()?, milliseconds: milliseconds.parse()? };
            let mut groups = names.split(|name| name == "apart");
            let mut group = || groups.next().unwrap_or_default().iter().map(side).collect::<Result<Vec<_>>>();
            let (together, apart) = (group()?, group()?);
            if verb == "threads" {
                measure_threads(effort, &together)
            } else {
                measure(effort, &together, &apart)
            }
        }
        _ => Err(format!("no such verb: {verb}").into()),
    }
}

/// One way to do the job.
struct Side {
    name: String,
    way: Way,
}

enum Way {
    Nsiso { spec: Box<Spec>, command: Command },
    Other(floor::Side),
}

impl Side {
    fn nsiso(name: &str, spec: Spec, program: &[String]) -> Result<Side> {
        let [first, rest @ ..] = program else { return Err("no program".into()) };
        let way = Way::Nsiso { spec: Box::new(spec), command: Command::new(first).args(rest) };
        Ok(Side { name: name.to_owned(), way })
    }

    fn say(&self, round: usize, microseconds: f64) -> Result<()> {
        Ok(writeln!(io::stdout(), "{round}\t{}\t{microseconds:.3}", self.name)?)
    }
}

impl Take for Side {
    fn take(&self) -> Result<f64> {
        let taken = match &self.way {
            Way::Other(other) => other.take(),
            Way::Nsiso { spec, command } => time(spec, command),
        };
        taken.map_err(|error| format!("{}: {error}", self.name).into())
    }
}

fn time(spec: &Spec, command: &Command) -> Result<f64> {
    let start = Instant::now();
    let process = spec.spawn(command)?;
    let status = process.wait()?;
    drop(process);
    let taken = start.elapsed();
    if status.success() {
        Ok(taken.as_secs_f64() * 1e6)
    } else {
        Err(status.to_string().into())
    }
}

/// Makes what is held; gives the job as nsiso is told, and the options for the others.
fn hold(options: &str) -> Result<(Spec, String)> {
    let Some((first, rest)) = options.split_once(';') else {
        return Ok((spec(options)?, options.to_owned()));
    };
    let set = spec(first)?.hold()?;
    // By pid 1, or as the only one.
    let by = set.init().or_else(|| set.iter().next().map(AsRawFd::as_raw_fd)).ok_or("nothing is held")?;
    let told = format!("held={by}/{},{rest}", set.kinds().bits());
    Ok((spec(rest)?.join_namespaces(&set), told))
}

/// All of it new.
fn spec(options: &str) -> Result<Spec> {
    let (mut spec, mut kinds) = (Spec::new(), Kinds::NONE);
    for option in options.split([',', ';']).filter(|option| !option.is_empty()) {
        if let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.name() == option) {
            kinds |= kind;
            continue;
        }
        spec = match option.split_once('=').unwrap_or((option, "")) {
            ("hostname", name) => spec.hostname(name),
            ("ids", id) => {
                let id = id.parse()?;
                spec.uid(id).gid(id).groups([id])
            }
            ("join_time", path) => spec.join_path(path),
            ("proc", _) => spec.proc(),
            ("loopback_down", _) => spec.loopback_down(),
            ("init", _) => spec.init(),
            _ => return Err(format!("no such option: {option}").into()),
        };
    }
    spec = spec.unshare(kinds);
    Ok(if kinds.contains(Kind::User) { spec.map_root() } else { spec })
}

/// Those apart are called after the others in each round.
fn measure(effort: Effort, together: &[Side], apart: &[Side]) -> Result<()> {
    let mut groups = vec![together];
    groups.extend(apart.chunks(1));
    let calls = groups.iter().map(|sides| rounds::calls(effort, sides)).collect::<Result<Vec<_>>>()?;
    for round in 0..effort.rounds {
        for (sides, calls) in groups.iter().zip(&calls) {
            let medians = rounds::take(sides, *calls)?;
            sides.iter().zip(medians).try_for_each(|(side, median)| side.say(round, median))?;
        }
    }
    Ok(())
}

/// What a job takes when several threads do it, each side for so long in turn.
fn measure_threads(effort: Effort, sides: &[Side]) -> Result<()> {
    for round in 0..effort.rounds {
        for at in 0..sides.len() {
            if let Some(side) = sides.get((at + round) % sides.len()) {
                side.say(round, rate(side, effort.milliseconds)?)?;
            }
        }
    }
    Ok(())
}

fn rate(side: &Side, milliseconds: f64) -> Result<f64> {
    let (start, done) = (Instant::now(), AtomicU32::new(0));
    let length = Duration::from_secs_f64(milliseconds / 1e3);
    let work = || {
        while start.elapsed() < length {
            side.take()?;
            done.fetch_add(1, Ordering::Relaxed);
        }
        Ok::<(), Error>(())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap_or_else(|_| Err("a thread panicked".into())))
    })?;
    Ok(start.elapsed().as_secs_f64() * 1e6 / f64::from(done.into_inner()))
}
