//! In which order a spec is made true: the list of steps, every string and buffer made ready.
#![forbid(unsafe_code)]

mod check;
mod make;
mod memory;
mod needs;
mod op;
mod settle;

pub(crate) use check::check_joins;
pub(crate) use memory::forks_in_new_time;
pub use op::{Doer, Plan, Step};
pub(crate) use op::{MapWriter, Op, Runtime};
pub(crate) use settle::Job;
