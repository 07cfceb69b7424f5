//! Namespaces that are made before they are wanted: a bounded number of sets, ready to be joined.
#![forbid(unsafe_code)]

use crate::error::{Cause, Error, Result};
use crate::hold::Namespaces;
use crate::kind::Kinds;
use crate::spec::Spec;
use crate::sys::Errno;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// At most so many sets in a pool: each has a descriptor for each of its kinds.
const MOST: usize = 4096;

/// Sets of namespaces as one spec makes them, ready to be taken. May be used by many threads at once.
///
/// Nothing happens behind its host's back: it has no thread and no timer. The host calls [`Pool::refill`] where it
/// has time, on a thread of its own or between requests; [`Pool::take`] then costs no more than a lock. When the
/// pool is dropped, the sets in it go; those that were taken are their takers'.
///
/// A set is given out once. Whether it may be used again, only its taker can say: see [`Pool::give_back`].
#[derive(Debug)]
pub struct Pool {
    spec: Spec,
    size: usize,
    kinds: Kinds,
    stock: Mutex<Stock>,
}

#[derive(Debug, Default)]
struct Stock {
    ready: Vec<Namespaces>,
    /// How many are being made by somebody now.
    underway: usize,
}

impl Pool {
    /// An empty pool of at most `size` sets, as [`Spec::hold`] makes them of this spec.
    ///
    /// # Errors
    ///
    /// EINVAL: a size of 0 or above 4096, or a spec that has no namespaces or contradicts itself.
    pub fn new(spec: &Spec, size: usize) -> Result<Pool> {
        if !(1..=MOST).contains(&size) {
            let complaint = format!("a size of {size}: it is from 1 to {MOST}");
            return Err(Error::invalid("pool", complaint, Cause::BadArgument));
        }
        let kinds = spec.held_kinds()?;
        Ok(Pool { spec: spec.clone(), size, kinds, stock: Mutex::default() })
    }

    /// Makes what is missing, one set after the other, and throws away what has ended. How many it has made.
    ///
    /// Others may take meanwhile, and refill as well: there are never more than `size`.
    ///
    /// # Errors
    ///
    /// As [`Spec::hold`]; what was made before it stays.
    pub fn refill(&self) -> Result<usize> {
        self.refill_while(&mut || true)
    }

    /// As [`Pool::refill`]; before each set, and after each signal that this thread handles meanwhile, `go_on` is
    /// asked. A no is no error, but for a set that is under way then.
    ///
    /// # Errors
    ///
    /// As [`Pool::refill`]; ECANCELED when it says no in the midst of a set.
    pub fn refill_while(&self, go_on: &mut dyn FnMut() -> bool) -> Result<usize> {
        let ended = self.ended();
        // Outside the lock: it takes a moment.
        drop(ended);
        let mut made = 0;
        while go_on() {
            let Some(place) = Place::in_stock(self) else { break };
            let set = self.spec.hold_while(go_on)?;
            place.fill(set);
            made += 1;
        }
        Ok(made)
    }

    /// A set that is ready, and alive, if there is one.
    pub fn try_take(&self) -> Option<Namespaces> {
        loop {
            let taken = self.stock().ready.pop();
            if taken.as_ref().is_none_or(Namespaces::is_alive) {
                return taken;
            }
        }
    }

    /// A set that is ready; where there is none, one that is made now, at the price of making.
    ///
    /// # Errors
    ///
    /// As [`Spec::hold`].
    pub fn take(&self) -> Result<Namespaces> {
        self.try_take().map_or_else(|| self.spec.hold(), Ok)
    }

    /// Puts a set back, to be taken again as it is: with the host name, mounts, interfaces, queues and processes that
    /// were left in it, which the next taker sees. Who does not want that drops it instead.
    ///
    /// # Errors
    ///
    /// The set is dropped then. EBUSY: something else holds it as well, a spec that joins it or a clone of it.
    /// EINVAL: it is not of the pool's kinds. ESRCH: its pid 1 has ended. ENOSPC: the pool is full.
    pub fn give_back(&self, mut set: Namespaces) -> Result<()> {
        let refused = |errno, cause| Err(Error::new("give back", set_words(self.kinds), Errno(errno), cause));
        if set.kinds() != self.kinds {
            return refused(libc::EINVAL, Cause::BadArgument);
        }
        if !set.is_alone() {
            return refused(libc::EBUSY, Cause::SetInUse);
        }
        if !set.is_alive() {
            return refused(libc::ESRCH, Cause::InitGone);
        }
        match Place::in_stock(self) {
            Some(place) => {
                place.fill(set);
                Ok(())
            }
            None => refused(libc::ENOSPC, Cause::PoolFull),
        }
    }

    /// How many are ready now.
    pub fn ready(&self) -> usize {
        self.stock().ready.len()
    }

    /// How many there are at most.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Takes out those that have ended.
    fn ended(&self) -> Vec<Namespaces> {
        let mut stock = self.stock();
        let (alive, ended) = std::mem::take(&mut stock.ready).into_iter().partition(Namespaces::is_alive);
        stock.ready = alive;
        ended
    }

    fn stock(&self) -> MutexGuard<'_, Stock> {
        self.stock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn set_words(kinds: Kinds) -> String {
    format!("a set of {kinds}")
}

/// Room for one more set, given up again when this is dropped.
struct Place<'a>(&'a Pool);

impl Place<'_> {
    /// `None` when all is full, or will be.
    fn in_stock(pool: &Pool) -> Option<Place<'_>> {
        let mut stock = pool.stock();
        if stock.ready.len() + stock.underway >= pool.size {
            return None;
        }
        stock.underway += 1;
        Some(Place(pool))
    }

    fn fill(self, set: Namespaces) {
        self.0.stock().ready.push(set);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.stock().underway -= 1;
    }
}
