//! How does a test notice that a child between clone and exec allocates? By allocators that count, in a page which
//! every copy of this process shares, what is asked of them by another process than the one that set the trap.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Whose calls are counted.
#[derive(Clone, Copy)]
pub enum Of {
    /// Those of Rust's global allocator.
    Rust,
    /// Those of libc's, where a test puts functions of its own in their place.
    #[allow(dead_code)] // One test does.
    Libc,
}

/// Who may allocate.
static HOST: AtomicI32 = AtomicI32::new(0);
/// How often somebody else did, by [`Of`]. NULL: no trap is set.
static STRANGERS: AtomicPtr<[AtomicU32; 2]> = AtomicPtr::new(ptr::null_mut());

/// The kernel's word, asked each time: nothing that libc may have kept for the host, whose memory a child can share.
fn kernels_pid() -> i32 {
    // SAFETY: takes nothing and cannot fail, so that errno, which may be the host's, stays as it is.
    unsafe { libc::syscall(libc::SYS_getpid) as i32 }
}

/// To be called by an allocator at each call. Neither allocates nor unwinds.
pub fn notice(of: Of) {
    let strangers = STRANGERS.load(Ordering::Acquire);
    if !strangers.is_null() && kernels_pid() != HOST.load(Ordering::Relaxed) {
        // SAFETY: `set` made the page, and nobody takes it back.
        let strangers = unsafe { &*strangers };
        strangers[of as usize].fetch_add(1, Ordering::Relaxed);
    }
}

/// From now on children that allocate are told of, and the count is zero. Tests take turns, because they all look
/// at the whole process.
pub fn set() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    if STRANGERS.load(Ordering::Relaxed).is_null() {
        let host = kernels_pid();
        assert_ne!(host, 1, "as pid 1 the host cannot be told from the first process of a new namespace");
        let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping at an address of the kernel's choice.
        let page = unsafe { libc::mmap(ptr::null_mut(), 4096, access, kind, -1, 0) };
        assert_ne!(page, libc::MAP_FAILED);
        HOST.store(host, Ordering::Relaxed);
        STRANGERS.store(page.cast(), Ordering::Release);
    }
    strangers();
    turn
}

/// How many calls were trapped since this was asked last: of Rust's allocator, of libc's.
pub fn strangers() -> [u32; 2] {
    // SAFETY: `set` made the page, and nobody takes it back.
    let strangers = unsafe { &*STRANGERS.load(Ordering::Acquire) };
    strangers.each_ref().map(|count| count.swap(0, Ordering::Relaxed))
}

/// The system's allocator with the trap, which tells a test of calls (1, 0 or -1 for one that frees) and bytes.
pub struct Watched(pub fn(calls: i64, bytes: i64));

impl Watched {
    fn watch(&self, calls: i64, bytes: i64) {
        notice(Of::Rust);
        self.0(calls, bytes);
    }
}

// SAFETY: all is the system's allocator's; what is added neither allocates nor unwinds.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.watch(1, layout.size() as i64);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        self.watch(-1, -(layout.size() as i64));
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        self.watch(0, size as i64 - layout.size() as i64);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(memory, layout, size) }
    }
}
