//! How much does `Spec::spawn(…).wait()` add to the least code that does the same, and to `posix_spawn`?
//!
//! ```text
//! spawn DIRECTORY check                        do both sides do the same? Fails if not
//! spawn DIRECTORY measure ROUNDS MILLISECONDS  see rounds.h, whose twin `measure` is
//! ```
//!
//! DIRECTORY has libfloor.so (floor/floor.c), tiny and witness, as `run` builds them.
#![deny(unsafe_code)]

mod floor;

use floor::{Call, Floor};
use nsiso::{Command, Kind, Kinds, Spec};
use std::env;
use std::fs;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Instant;

type Error = Box<dyn std::error::Error>;
type Result<T> = std::result::Result<T, Error>;

const FROM: &str = "Rust";
const WARM_UP: usize = 5;
const MIN_CALLS: usize = 100;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words[..] {
        [directory, "check"] => check(directory),
        [directory, "measure", rounds, milliseconds] => measure(directory, rounds, milliseconds),
        _ => Err("usage: spawn DIRECTORY check | spawn DIRECTORY measure ROUNDS MILLISECONDS".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "spawn: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What is measured. The steps follow from the kinds and two options, as [`Spec`] has them.
pub struct Job {
    name: &'static str,
    kinds: Kinds,
    host_name: Option<&'static str>,
    /// nsiso may take at most so many times as long as the floor.
    goal: &'static str,
}

/// The last one has a net namespace, whose end steals time from whatever comes after it.
fn jobs() -> [Job; 3] {
    let common = Kind::User | Kind::Mnt | Kind::Pid | Kind::Uts | Kind::Ipc;
    [
        Job { name: "spawn, no namespaces", kinds: Kinds::NONE, host_name: None, goal: "1.10" },
        Job {
            name: "spawn, six kinds, root mapped, own /proc, host name",
            kinds: common | Kind::Cgroup,
            host_name: Some("nsiso"),
            goal: "1.05",
        },
        Job {
            name: "spawn, user+mnt+pid+uts+ipc+net, root mapped, own /proc, lo up",
            kinds: common | Kind::Net,
            host_name: None,
            goal: "1.05",
        },
    ]
}

impl Job {
    fn spec(&self) -> Spec {
        let mut spec = Spec::new().unshare(self.kinds);
        if self.kinds.contains(Kind::User) {
            spec = spec.map_root();
        }
        if self.kinds.contains(Kind::Pid) {
            spec = spec.proc();
        }
        if let Some(name) = self.host_name {
            spec = spec.hostname(name);
        }
        spec
    }
}

/// One way to do a job.
struct Side<'a> {
    name: &'static str,
    /// As a job's; empty where nothing is promised.
    goal: &'static str,
    run: Box<dyn FnMut() -> Result<()> + 'a>,
}

/// All ways to do this job: nsiso's, the floor's, and libc's where it has one.
fn sides<'a>(job: &Job, floor: &'a Floor, args: &[String]) -> Result<Vec<Side<'a>>> {
    let (spec, command) = (job.spec(), Command::new(&args[0]).args(&args[1..]));
    let nsiso = move || {
        let status = spec.spawn(&command)?.wait()?;
        if status.success() {
            Ok(())
        } else {
            Err(status.to_string().into())
        }
    };
    let mut sides = vec![Side { name: "nsiso", goal: "", run: Box::new(nsiso) }];
    let call = Call::new(job, args)?;
    sides.push(Side { name: "floor", goal: job.goal, run: Box::new(move || floor.spawn(&call)) });
    if job.kinds.is_empty() {
        let call = Call::new(job, args)?;
        sides.push(Side {
            name: "posix_spawn",
            goal: "0.80",
            run: Box::new(move || floor.posix_spawn(&call)),
        });
    }
    Ok(sides)
}

fn measure(directory: &str, rounds: &str, milliseconds: &str) -> Result<()> {
    let (rounds, milliseconds) = (rounds.parse::<usize>()?, milliseconds.parse::<f64>()?);
    let floor = Floor::load(directory)?;
    let args = [format!("{directory}/tiny")];
    for job in jobs() {
        let mut sides = sides(&job, &floor, &args)?;
        let mut slowest = 0.0_f64;
        for side in &mut sides {
            let mut samples = (0..WARM_UP).map(|_| time(side)).collect::<Result<Vec<_>>>()?;
            slowest = slowest.max(median(&mut samples));
        }
        let calls = ((milliseconds * 1e3 / slowest) as usize).max(MIN_CALLS);
        for round in 0..rounds {
            say_round(&job, round, &mut sides, calls)?;
        }
    }
    Ok(())
}

fn say_round(job: &Job, round: usize, sides: &mut [Side<'_>], calls: usize) -> Result<()> {
    let mut samples = vec![Vec::with_capacity(calls); sides.len()];
    let mut order: Vec<usize> = (0..sides.len()).collect();
    for call in 0..calls {
        // Every order of two or three sides comes about equally often.
        order.rotate_left(1);
        if (call / sides.len()) % 2 == 1 {
            order.reverse();
        }
        for &index in &order {
            if let (Some(side), Some(samples)) = (sides.get_mut(index), samples.get_mut(index)) {
                samples.push(time(side)?);
            }
        }
    }
    for (side, samples) in sides.iter().zip(&mut samples) {
        let (Side { name, goal, .. }, time) = (side, median(samples));
        writeln!(io::stdout(), "time\t{}\t{FROM}\t{round}\t{name}\t{time:.3}\t{goal}", job.name)?;
    }
    Ok(())
}

/// In microseconds.
fn time(side: &mut Side<'_>) -> Result<f64> {
    let start = Instant::now();
    (side.run)().map_err(|error| format!("{}: {error}", side.name))?;
    Ok(start.elapsed().as_secs_f64() * 1e6)
}

fn median(samples: &mut [f64]) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied().unwrap_or(f64::NAN)
}

fn check(directory: &str) -> Result<()> {
    let floor = Floor::load(directory)?;
    let record = format!("{directory}/seen");
    let mut args = vec![format!("{directory}/witness"), record.clone()];
    for kind in Kind::ALL {
        args.push(fs::read_link(format!("/proc/self/ns/{kind}"))?.to_string_lossy().into_owned());
    }
    args.push(fs::read_to_string("/proc/sys/kernel/hostname")?.trim_end().to_owned());
    for job in jobs() {
        let mut seen = Vec::new();
        for side in &mut sides(&job, &floor, &args)? {
            (side.run)().map_err(|error| format!("{}: {}: {error}", job.name, side.name))?;
            seen.push((side.name, fs::read_to_string(&record)?.trim_end().to_owned()));
            fs::remove_file(&record)?;
        }
        say_what_was_seen(&job, &seen)?;
    }
    Ok(())
}

/// One line for all sides, or an error if one of them did something else.
fn say_what_was_seen(job: &Job, seen: &[(&str, String)]) -> Result<()> {
    let Job { name, kinds, .. } = job;
    let new: Vec<&str> = kinds.iter().map(Kind::name).collect();
    let wanted = format!("new: {};", if new.is_empty() { "nothing".to_owned() } else { new.join(" ") });
    match seen {
        [(_, first), rest @ ..]
            if first.starts_with(&wanted) && rest.iter().all(|(_, line)| line == first) =>
        {
            writeln!(io::stdout(), "seen\t{name}\t{FROM}\t{first}")?;
            Ok(())
        }
        _ => Err(format!("{name}: the sides do not all do this ({wanted}): {seen:#?}").into()),
    }
}
