//! How does a test stop another process's thread at each of its system calls? By ptrace(2).

#![allow(dead_code)] // Each test uses what it needs of it.

use std::io;

/// A thread that stops at each of its system calls. Dropped, it goes on as if nobody had been there.
pub struct Traced(i32);

impl Traced {
    /// Stops this thread, wherever it is. From now on this thread alone may ask and wait.
    pub fn stop(thread: i32) -> Traced {
        let traced = Traced(thread);
        traced.ask(libc::PTRACE_SEIZE, libc::PTRACE_O_TRACESYSGOOD as usize);
        traced.ask(libc::PTRACE_INTERRUPT, 0);
        assert!(libc::WIFSTOPPED(traced.wait()), "the thread has ended");
        traced
    }

    fn ask(&self, request: libc::c_uint, data: usize) {
        // SAFETY: requests that take numbers only.
        let answer = unsafe { libc::ptrace(request, self.0, 0, data) };
        assert_eq!(answer, 0, "{request:#x}: {}", io::Error::last_os_error());
    }

    fn wait(&self) -> i32 {
        let mut status = 0;
        // SAFETY: the pointer leads to a local.
        let thread = unsafe { libc::waitpid(self.0, &raw mut status, libc::__WALL) };
        assert_eq!(thread, self.0, "{}", io::Error::last_os_error());
        status
    }

    /// On to the next stop: the number of a system call that begins, or the result of one that ends.
    fn step(&self) -> Result<u64, i64> {
        loop {
            self.ask(libc::PTRACE_SYSCALL, 0);
            assert!(libc::WIFSTOPPED(self.wait()), "the thread has ended");
            // SAFETY: plain numbers, for which zero is a value.
            let mut info: libc::ptrace_syscall_info = unsafe { std::mem::zeroed() };
            let (request, size) = (libc::PTRACE_GET_SYSCALL_INFO, size_of_val(&info));
            // SAFETY: room for as many bytes as said.
            let filled = unsafe { libc::ptrace(request, self.0, size, &raw mut info) };
            assert!(filled > 0, "{}", io::Error::last_os_error());
            match info.op {
                // SAFETY: the kernel said which of them it is.
                libc::PTRACE_SYSCALL_INFO_ENTRY => return Ok(unsafe { info.u.entry }.nr),
                // SAFETY: as above.
                libc::PTRACE_SYSCALL_INFO_EXIT => return Err(unsafe { info.u.exit }.sval),
                _ => {}
            }
        }
    }

    /// To where the next system call begins: its number.
    pub fn run_to_call(&self) -> u64 {
        loop {
            if let Ok(number) = self.step() {
                return number;
            }
        }
    }

    /// To where the next system call that starts a process ends: that one's number.
    pub fn run_to_start(&self) -> i32 {
        let mut starts = false;
        loop {
            match self.step() {
                Ok(number) => starts = [libc::SYS_clone3, libc::SYS_clone].contains(&(number as i64)),
                Err(child @ 1..) if starts => return child as i32,
                Err(_) => {}
            }
        }
    }

    /// After the whole process was killed: takes note of the thread's end, for which the process's own waits.
    pub fn end(self) {
        while libc::WIFSTOPPED(self.wait()) {}
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        // SAFETY: numbers only. If the thread has ended there is nothing to let go.
        unsafe { libc::ptrace(libc::PTRACE_DETACH, self.0, 0, 0) };
    }
}
