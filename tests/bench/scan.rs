//! What does a snapshot cost from Rust, against the least code in C, and against lsns(8)?
//!
//! ```text
//! scan LIBRARIES check                        do both sides see the same? Fails if not
//! scan LIBRARIES measure ROUNDS MILLISECONDS  see rounds.h
//! ```
//!
//! To be run among many processes (floor/population.c), whose number is a part of the jobs' names. LIBRARIES is where
//! libfloor.so is. lsns is a whole process, and at 20,000 processes so slow that it is run once.
#![deny(unsafe_code)]

#[path = "floor/scan.rs"]
mod floor;
mod rounds;

use floor::Scan;
use nsiso::inspect::{Depth, Snapshot, Survey};
use rounds::{Effort, Take};
use std::env;
use std::io::{self, Write};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T> = std::result::Result<T, Error>;

/// From how many processes on lsns is run, and what is promised against it.
const LSNS: [(usize, usize, &str); 2] = [(20_000, 1, ">=100"), (5000, 3, ">=10")];

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).filter(|word| word != "--bench").collect();
    match act(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "scan: {error}");
            ExitCode::FAILURE
        }
    }
}

enum Side {
    Floor(Scan),
    Nsiso,
    Lsns,
}

fn act(words: &[String]) -> Result<()> {
    let [libraries, verb @ ..] = words else { return Err("usage: see the head of scan.rs".into()) };
    let floor = Scan::find(libraries)?;
    let processes = take()?.processes().len();
    let name = format!("a snapshot of {} processes", rounded(processes));
    match verb {
        [check] if check == "check" => agree(floor, &name),
        [measure, rounds, milliseconds] if measure == "measure" => {
            let effort = Effort { rounds: rounds.parse()?, milliseconds: milliseconds.parse()? };
            let sides = [Side::Floor(floor), Side::Nsiso];
            let calls = rounds::calls(effort, &sides)?;
            for round in 0..effort.rounds {
                tell(&name, round, "<=1.15", &sides, &rounds::take(&sides, calls)?)?;
            }
            let Some((_, rounds, goal)) = LSNS.into_iter().find(|(least, ..)| processes >= *least) else {
                return Ok(());
            };
            let sides = [Side::Nsiso, Side::Lsns];
            (0..rounds).try_for_each(|round| {
                let name = format!("{name}, as lsns");
                tell(&name, round, goal, &sides, &rounds::take(&sides, 1)?)
            })
        }
        _ => Err("usage: see the head of scan.rs".into()),
    }
}

/// The few that are there beside the population make no other job of it.
fn rounded(processes: usize) -> String {
    let thousands = processes / 1000;
    format!("{thousands},000")
}

fn take() -> Result<Snapshot> {
    Ok(Survey::new().depth(Depth::Processes).take()?)
}

/// Whether both see as many namespaces, and as many links to them.
fn agree(floor: Scan, name: &str) -> Result<()> {
    let snapshot = take()?;
    let entered = snapshot.namespaces().filter(|namespace| namespace.processes().len() > 0);
    let links = snapshot.namespaces().map(|namespace| namespace.processes().len()).sum::<usize>();
    let (ours, theirs) = ((entered.count(), links), floor.see()?);
    if ours != theirs {
        return Err(format!("{name}: nsiso sees {ours:?} namespaces and links, the floor {theirs:?}").into());
    }
    Ok(writeln!(io::stdout(), "seen\t{name}\tRust\tas many namespaces, and links to them")?)
}

fn tell(name: &str, round: usize, goal: &str, sides: &[Side], medians: &[f64]) -> Result<()> {
    for (side, median) in sides.iter().zip(medians) {
        let (side, goal) = match side {
            Side::Floor(_) => ("floor", goal),
            Side::Nsiso => ("nsiso", ""),
            Side::Lsns => ("lsns", goal),
        };
        writeln!(io::stdout(), "time\t{name}\tRust\t{round}\t{side}\t{median:.4}\t{goal}")?;
    }
    Ok(())
}

impl Take for Side {
    fn take(&self) -> Result<f64> {
        let start = Instant::now();
        match self {
            Side::Floor(scan) => drop(scan.see()?),
            Side::Nsiso => drop(take()?),
            Side::Lsns => {
                let status = Command::new("lsns").arg("-J").stdout(Stdio::null()).status()?;
                if !status.success() {
                    return Err(format!("lsns: {status}").into());
                }
            }
        }
        Ok(start.elapsed().as_secs_f64() * 1e6)
    }
}
