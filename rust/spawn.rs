//! How a plan is performed, the parent's half: start the child, read its report.
#![forbid(unsafe_code)]

use crate::error::{Cause, Error, Result};
use crate::explain;
use crate::plan::{Plan, Step};
use crate::process::Process;
use crate::sys::{vfork, Errno};
use nsiso_child::Outcome;

/// Starts what the plan describes. On failure the child is reaped and nothing is left.
pub fn spawn(plan: &Plan) -> Result<Process> {
    let kinds = plan.clone_kinds();
    let child = vfork::start(kinds, &plan.program())
        .map_err(|errno| Error::new("clone", kinds.to_string(), errno, explain::create(kinds, errno)))?;
    let process = Process::new(child.pid, child.pidfd);
    match child.outcome {
        Outcome::Done => Ok(process),
        Outcome::Failed { step, errno } => {
            process.wait()?;
            let step = plan.childs_step(step);
            let name = step.map_or("set up", |step| step.name());
            let object = step.as_ref().map_or_else(String::new, Step::object);
            Err(Error::new(name, object, Errno(errno), Cause::Unknown))
        }
    }
}
