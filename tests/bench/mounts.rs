//! What does a mount table cost from Rust, against the least code that reads one, and against libmount?
//!
//! ```text
//! mounts LIBRARIES check                        do all sides see the same? Fails if not
//! mounts LIBRARIES measure ROUNDS MILLISECONDS  see rounds.h
//! ```
//!
//! LIBRARIES is where libfloor.so and libmount_peer.so are. Each job is in a mount namespace of its own.
#![deny(unsafe_code)]

#[path = "floor/mounts.rs"]
mod floor;
mod rounds;

use floor::{Floor, Read};
use nsiso::inspect::Pid;
use rounds::{Effort, Take};
use std::env;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Instant;

type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T> = std::result::Result<T, Error>;

/// What libc calls a large request, more or less.
const LARGE: usize = 64 << 10;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).filter(|word| word != "--bench").collect();
    match act(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "mounts: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A table that is read, and how.
struct Job {
    name: &'static str,
    count: i32,
    slaves: bool,
    sides: [Side; 3],
}

/// Who reads, and what is promised against it.
struct Side {
    name: &'static str,
    read: Option<Read>,
    goal: &'static str,
}

fn act(words: &[String]) -> Result<()> {
    let [libraries, verb @ ..] = words else { return Err("usage: see the head of mounts.rs".into()) };
    let floor = Floor::find(libraries)?;
    let side = |name, read, goal| Side { name, read, goal };
    let plain = |name, count| Job {
        name,
        count,
        slaves: false,
        sides: [
            side("floor", Some(floor.text), "<=1.10"),
            side("nsiso", None, ""),
            side("libmount", Some(floor.libmount), ">=2"),
        ],
    };
    let slaves = Job {
        name: "a table of 3,000 slaves of one group",
        count: 3000,
        slaves: true,
        sides: [
            side("floor", Some(floor.calls), ""),
            side("nsiso", None, ""),
            side("text", Some(floor.text), ">=12"),
        ],
    };
    let jobs = [plain("a table of 1,000 mounts", 1000), plain("a table of 10,000 mounts", 10_000), slaves];
    for job in jobs {
        floor.enter(job.count, job.slaves);
        match verb {
            [check] if check == "check" => job.check()?,
            [measure, rounds, milliseconds] if measure == "measure" => {
                job.measure(Effort { rounds: rounds.parse()?, milliseconds: milliseconds.parse()? })?;
            }
            _ => return Err("usage: see the head of mounts.rs".into()),
        }
    }
    Ok(())
}

impl Job {
    fn check(&self) -> Result<()> {
        let seen = self.sides.iter().map(Side::see).collect::<Result<Vec<_>>>()?;
        let (same, least) = (seen.first().copied().unwrap_or_default(), i64::from(self.count));
        if seen.iter().any(|one| *one != same || one.0 < least) {
            return Err(format!("{}: the sides see different mounts: {seen:?}", self.name).into());
        }
        Ok(writeln!(io::stdout(), "seen\t{}\tRust\tthe same mounts", self.name)?)
    }

    fn measure(&self, effort: Effort) -> Result<()> {
        let calls = rounds::calls(effort, &self.sides)?;
        for round in 0..effort.rounds {
            for (side, median) in self.sides.iter().zip(rounds::take(&self.sides, calls)?) {
                let Side { name, goal, .. } = side;
                writeln!(io::stdout(), "time\t{}\tRust\t{round}\t{name}\t{median:.4}\t{goal}", self.name)?;
            }
        }
        Ok(())
    }
}

impl Side {
    /// How many mounts there are, and a number for what they are.
    fn see(&self) -> Result<(i64, u64)> {
        if let Some(read) = self.read {
            return read.see();
        }
        let table = nsiso::mounts(Pid::Caller)?;
        let mut seen = 0_u64;
        let mut add = |number: u64| seen = seen.wrapping_mul(31).wrapping_add(number);
        for mount in &table {
            add(u64::from(mount.id()));
            mount.point().iter().for_each(|byte| add(u64::from(*byte)));
        }
        Ok((table.len() as i64, seen))
    }
}

impl Take for Side {
    fn take(&self) -> Result<f64> {
        let start = Instant::now();
        if let Some(read) = self.read {
            read.once()?;
        } else {
            nsiso::mounts(Pid::Caller)?;
        }
        let took = start.elapsed().as_secs_f64() * 1e6;
        // libc puts many small freed pieces together at the next large request: not at that of the side that is next.
        drop(std::hint::black_box(Vec::<u8>::with_capacity(LARGE)));
        Ok(took)
    }
}
