//! What comes of processes that end, and of mounts that come and go, while they are read?

use super::*;

#[test]
fn a_process_that_has_ended() {
    let process = Spec::new().spawn(&Command::new("sleep").arg("600")).unwrap();
    let pid = Pid::Number(process.id());
    assert!(!mounts(pid).unwrap().is_empty());
    process.kill().unwrap();
    // Nobody has reaped it yet.
    let stat = format!("/proc/{}/stat", process.id());
    while !fs::read_to_string(&stat).unwrap().contains(") Z ") {
        std::thread::yield_now();
    }
    for route in [Route::Fastest, Route::Mountinfo, Route::Statmount] {
        let error = mounts_by(pid, route).unwrap_err();
        assert_eq!((error.errno(), error.cause()), (libc::ESRCH, Cause::ProcessEnded), "{error}");
    }
    process.wait().unwrap();
    let error = mounts(pid).unwrap_err();
    assert_eq!((error.errno(), error.cause()), (libc::ESRCH, Cause::ProcessEnded), "{error}");
    assert!(error.object().contains("mountinfo"), "{error}");
}

#[test]
fn processes_that_end_while_they_are_read() {
    let (mut read, mut ended) = (0, 0);
    for time in 0..400 {
        let process = Spec::new().spawn(&Command::new("true")).unwrap();
        let route = [Route::Fastest, Route::Mountinfo, Route::Statmount][time % 3];
        for _ in 0..4 {
            match mounts_by(Pid::Number(process.id()), route) {
                Ok(table) => {
                    assert!(!table.is_empty());
                    read += 1;
                }
                Err(error) => {
                    assert!(has_no_statmount(&error) || error.errno() == libc::ESRCH, "{error}");
                    ended += 1;
                }
            }
        }
        process.wait().unwrap();
    }
    assert!(read > 0 && ended > 0, "{read} {ended}");
}

/// Stops the other thread in the end.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// While another thread counts on in two mounts, first in the one further up, with more between them than the kernel
/// tells in one go: the table is of one moment, or says that it is not.
#[test]
fn tables_that_change_meanwhile() {
    where_mounts_are_allowed("exec", |_| {
        let count = |at: &[u8], number: usize| {
            mount(b"", at, "tmpfs", libc::MS_REMOUNT, &format!("nr_inodes={number}"));
        };
        tmpfs(b"/run/first");
        for number in 0..150 {
            bind(b"/run", format!("/run/many/{number}").as_bytes());
        }
        tmpfs(b"/run/last");
        let counted = |table: &MountTable, point: &[u8]| -> usize {
            let mount = table.iter().find(|mount| mount.point() == point).unwrap();
            let mut options = mount.super_option_list();
            let found = options.find(|(name, _)| &**name == b"nr_inodes").unwrap();
            String::from_utf8(found.1.unwrap().into_owned()).unwrap().parse().unwrap()
        };
        let both = |number| [&b"/run/first"[..], b"/run/last"].map(|point| count(point, number));
        both(1_000);
        let stop = AtomicBool::new(false);
        let (mut held_still, mut changed) = (0, 0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in 1_000.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    both(number);
                    // Now and then long enough to read it in peace.
                    if number % 100 == 0 {
                        std::thread::sleep(std::time::Duration::from_millis(3));
                    }
                }
            });
            // Also when what follows fails: else nobody ever hears of it.
            let _stop = Stop(&stop);
            for time in 0..300 {
                let route = [Route::Fastest, Route::Mountinfo, Route::Statmount][time % 3];
                let table = match mounts_by(Pid::Caller, route) {
                    Ok(table) => table,
                    Err(error) => {
                        assert!(has_no_statmount(&error), "{error}");
                        continue;
                    }
                };
                let numbers = (counted(&table, b"/run/first"), counted(&table, b"/run/last"));
                if table.changed_while_read() {
                    changed += 1;
                    continue;
                }
                held_still += 1;
                assert!([0, 1].contains(&numbers.0.wrapping_sub(numbers.1)), "{numbers:?}");
            }
        });
        assert!(held_still > 0, "{held_still} {changed}");
    });
}
