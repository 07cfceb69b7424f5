//! Which namespaces are held by descriptors: their own, sockets', and those on their way through sockets.
#![forbid(unsafe_code)]

use super::path::Path;
use super::scan::Scan;
use super::way::Way;
use super::Survey;
use crate::kind::Kind;
use crate::sys::directory::Directory;
use crate::sys::{nsfs, process, socket, Errno};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// A process whose descriptors are read, and what that takes.
struct Owner<'a> {
    pid: i32,
    /// The row of the net namespace that it is in.
    net: u32,
    descriptors: &'a Directory,
    /// Opened with the first socket.
    pidfd: Option<OwnedFd>,
}

impl Scan {
    /// The descriptors of every process read so far.
    pub fn descriptors(&mut self, survey: &Survey) -> Result<(), Errno> {
        // Not opened for reading: who has changed its user may not read its own directories.
        let namespaces = self.proc.handle_below(c"thread-self/ns")?.identity(c"mnt")?.0;
        let mut path = Path::default();
        let mut numbers = Vec::new();
        for index in 0..self.processes.len() {
            let row = self.processes[index];
            let opened = self.proc.below(path.set(format_args!("{}/fd", row.pid)));
            let Some(descriptors) = self.unless_gone(opened, "descriptors", row.pid)? else { continue };
            numbers.clear();
            let listed = descriptors.numbers(&mut self.buffer, &mut numbers);
            if self.unless_gone(listed, "descriptors", row.pid)?.is_none() {
                continue;
            }
            let net = row.places[Kind::Net.index()];
            let mut owner = Owner { pid: row.pid, net, descriptors: &descriptors, pidfd: None };
            for number in &numbers {
                let read = self.descriptor(survey, &mut owner, *number, namespaces);
                self.unless_gone(read, "descriptors", row.pid)?;
            }
        }
        Ok(())
    }

    fn descriptor(
        &mut self,
        survey: &Survey,
        owner: &mut Owner<'_>,
        number: i32,
        namespaces: u64,
    ) -> Result<(), Errno> {
        let mut path = Path::default();
        let name = path.set(format_args!("{number}"));
        let mut text = [0; 48];
        let link = owner.descriptors.link(name, &mut text)?;
        if link.starts_with(b"socket:[") {
            let inode = nsfs::inode_in(link).unwrap_or_default();
            let read = self.socket(survey, owner, number, inode);
            return self.unless_gone(read, "sockets", owner.pid).map(drop);
        }
        let way = Way::Descriptor(owner.pid, number);
        if let Some((kind, inode)) = nsfs::named_by(link) {
            let row = self.table.enter(kind, inode, way, || owner.descriptors.file(name))?;
            self.holds.push((row, way));
        } else if link.starts_with(b"/") && owner.descriptors.identity(name)?.0 == namespaces {
            // Opened by the name of a bind mount, which the link then shows.
            let opened = owner.descriptors.file(name)?;
            if let Some(kind) = Kind::from_flag(nsfs::nstype(opened.as_raw_fd())?) {
                let (_, inode) = nsfs::identity(opened.as_fd())?;
                let row = self.table.enter_opened(kind, inode, way, opened);
                self.holds.push((row, way));
            }
        }
        Ok(())
    }

    /// A socket holds a net namespace: worth a line where its process is in another one.
    fn socket(
        &mut self,
        survey: &Survey,
        owner: &mut Owner<'_>,
        number: i32,
        inode: u64,
    ) -> Result<(), Errno> {
        if owner.pidfd.is_none() {
            owner.pidfd = Some(process::pidfd_open(owner.pid)?);
        }
        let Some(pidfd) = &owner.pidfd else { return Ok(()) };
        let copy = socket::of_process(pidfd.as_fd(), number)?;
        if survey.kinds.contains(Kind::Net) {
            let way = Way::Socket(owner.pid, number);
            let row = self.net_of(copy.as_fd(), way)?;
            if row != owner.net {
                self.holds.push((row, way));
            }
        }
        // What waits in there waits once, however many have the socket.
        if socket::is_unix(copy.as_fd()) && self.unix_sockets.insert(inode) {
            self.in_flight(survey, owner.pid, number, &copy)?;
        }
        Ok(())
    }

    fn net_of(&mut self, socket: BorrowedFd<'_>, way: Way) -> Result<u32, Errno> {
        let cookie = socket::net_cookie(socket).ok();
        if let Some(known) = cookie.and_then(|cookie| self.table.find_net(cookie)) {
            return Ok(known);
        }
        let net = nsfs::of_socket(socket)?;
        let (_, inode) = nsfs::identity(net.as_fd())?;
        let row = self.table.enter_opened(Kind::Net, inode, way, net);
        if let Some(cookie) = cookie {
            self.table.name_net(cookie, row);
        }
        Ok(row)
    }
}
