//! nsiso_pool: sets of namespaces that are made before they are wanted.

use crate::boundary::{bad_argument, borrow, call, free, give, no_flags};
use crate::error::nsiso_error;
use crate::hold::nsiso_namespaces;
use crate::spec::nsiso_spec;
use libc::c_int;
use nsiso_core::Pool;

/// At most so many sets of namespaces as one spec makes them, ready to be taken.
///
/// Nothing happens behind its host's back: it has no thread and no timer. Owned by the caller, who frees it
/// (nsiso_pool_free); the sets in it go then, those that were taken are their takers'. May be used by many
/// threads at once.
pub struct nsiso_pool(Pool);

/// Makes an empty pool.
///
/// spec: what nsiso_hold is to make; copied.
/// size: how many sets at most, from 1 to 4096. Each has a descriptor for each of its kinds.
/// flags: 0.
/// ret_pool: the pool; written on success.
/// reterr: see the top of this file.
///
/// Returns 0, or -EINVAL: a NULL, an unknown flag, a size out of range, a spec without namespaces. MT-Safe. Needs no
/// privilege.
#[no_mangle]
pub unsafe extern "C" fn nsiso_pool_new(
    spec: *const nsiso_spec,
    size: usize,
    flags: u32,
    ret_pool: *mut *mut nsiso_pool,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_pool_new";
    let body = || {
        no_flags(step, flags)?;
        // SAFETY: the C caller's promise about spec.
        let spec = unsafe { borrow(step, "spec", spec) }?;
        let make = || Pool::new(&spec.0, size).map(nsiso_pool);
        // SAFETY: the C caller's promise about ret_pool.
        unsafe { give(step, "ret_pool", ret_pool, make) }
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// Makes what is missing, one set after the other, and throws away those whose pid 1 has ended: called where the
/// host has time. Others may take meanwhile.
///
/// pool: the pool.
/// flags: 0.
/// reterr: see the top of this file.
///
/// Returns how many it has made, or what nsiso_hold returns; what was made before that stays. MT-Safe env.
#[no_mangle]
pub unsafe extern "C" fn nsiso_pool_refill(
    pool: *const nsiso_pool,
    flags: u32,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_pool_refill";
    let body = || {
        no_flags(step, flags)?;
        // SAFETY: the C caller's promise about pool.
        let pool = unsafe { borrow(step, "pool", pool) }?;
        pool.0.refill().map(|made| made as c_int)
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// Takes a set that is ready; where there is none, one that is made now, at the price of making.
///
/// pool: the pool.
/// flags: 0.
/// ret_set: the set, to be freed or given back; written on success.
/// reterr: see the top of this file.
///
/// Returns 0 or what nsiso_hold returns. MT-Safe env.
#[no_mangle]
pub unsafe extern "C" fn nsiso_pool_take(
    pool: *const nsiso_pool,
    flags: u32,
    ret_set: *mut *mut nsiso_namespaces,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_pool_take";
    let body = || {
        no_flags(step, flags)?;
        // SAFETY: the C caller's promise about pool.
        let pool = unsafe { borrow(step, "pool", pool) }?;
        let make = || pool.0.take().map(nsiso_namespaces);
        // SAFETY: the C caller's promise about ret_set.
        unsafe { give(step, "ret_set", ret_set, make) }
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// Puts a set back, to be taken again as it is: with the host name, mounts, interfaces, queues and processes that
/// were left in it. Who does not want that frees it instead.
///
/// pool: the pool.
/// set: is freed by this, on success and on failure, unless it or pool is NULL.
/// flags: 0.
/// reterr: see the top of this file.
///
/// Returns 0, or: -EINVAL a NULL, an unknown flag, or a set of other kinds; -EBUSY a spec that joins the set holds
/// it as well; -ESRCH its pid 1 has ended; -ENOSPC the pool is full. MT-Safe race:set.
#[no_mangle]
pub unsafe extern "C" fn nsiso_pool_give_back(
    pool: *const nsiso_pool,
    set: *mut nsiso_namespaces,
    flags: u32,
    reterr: *mut *mut nsiso_error,
) -> c_int {
    let step = "nsiso_pool_give_back";
    let body = || {
        // SAFETY: the C caller's promise about pool.
        let pool = unsafe { borrow(step, "pool", pool) }?;
        if set.is_null() {
            return Err(bad_argument(step, "set is NULL"));
        }
        let mut given = Ok(0);
        let give = |nsiso_namespaces(set)| {
            given = no_flags(step, flags).and_then(|()| pool.0.give_back(set)).map(|()| 0);
        };
        // SAFETY: not NULL, and the C caller's promise about set.
        unsafe { free(set, give) };
        given
    };
    // SAFETY: the C caller's promise about reterr.
    unsafe { call(reterr, body) }
}

/// How many sets are ready now. 0 for NULL. MT-Safe.
#[no_mangle]
pub unsafe extern "C" fn nsiso_pool_ready(pool: *const nsiso_pool) -> usize {
    // SAFETY: the C caller guarantees a pool that lives, or NULL.
    unsafe { pool.as_ref() }.map_or(0, |pool| pool.0.ready())
}

/// Frees a pool and lets go of the sets in it; NULL is allowed. Returns NULL. MT-Safe race:pool.
#[no_mangle]
pub unsafe extern "C" fn nsiso_pool_free(pool: *mut nsiso_pool) -> *mut nsiso_pool {
    // SAFETY: the C caller's promise about pool.
    unsafe { free(pool, drop) }
}
