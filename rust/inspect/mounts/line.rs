//! What does a line of mountinfo say?
#![forbid(unsafe_code)]

use std::borrow::Cow;
use std::fmt;

/// Where the fields of a line begin, in the text of all lines; each ends one byte before the next begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub id: u32,
    pub parent: u32,
    major: u32,
    minor: u32,
    line: u32,
    pub root: u32,
    pub point: u32,
    pub options: u32,
    /// The optional fields, and behind them the separator.
    pub tags: u32,
    pub fstype: u32,
    pub source: u32,
    pub super_options: u32,
    /// The line's end, where its newline is.
    pub end: u32,
}

/// A place in the text, which goes on field by field.
struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    /// A number and the byte behind it.
    fn number(&mut self, end: u8) -> Option<u32> {
        let from = self.at;
        let mut number = 0_u32;
        loop {
            let byte = *self.text.get(self.at)?;
            self.at += 1;
            let digit = byte.wrapping_sub(b'0');
            if digit < 10 {
                number = number.checked_mul(10)?.checked_add(u32::from(digit))?;
            } else {
                return (byte == end && self.at > from + 1).then_some(number);
            }
        }
    }

    /// Goes behind the space that ends a field; where the field began, and how long it was.
    fn field(&mut self) -> Option<(u32, usize)> {
        let from = self.at;
        let length = self.text.get(from..)?.iter().position(|byte| matches!(byte, b' ' | b'\n'))?;
        if self.text.get(from + length) != Some(&b' ') {
            return None;
        }
        self.at += length + 1;
        Some((from as u32, length))
    }

    /// As [`Cursor::field`], of one that is not empty.
    fn word(&mut self) -> Option<u32> {
        self.field().and_then(|(from, length)| (length > 0).then_some(from))
    }

    /// Goes behind the separator; where the optional fields began.
    fn tags(&mut self) -> Option<u32> {
        let from = self.at as u32;
        loop {
            let (field, length) = self.field()?;
            match length {
                0 => return None,
                1 if self.text.get(field as usize) == Some(&b'-') => return Some(from),
                _ => {}
            }
        }
    }

    /// Goes behind the newline, or to the end of the text; where the last field began and ended.
    fn rest(&mut self) -> Option<(u32, u32)> {
        let from = self.at;
        let rest = self.text.get(from..)?;
        let length = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        self.at = (from + length + 1).min(self.text.len());
        (length > 0).then_some((from as u32, (from + length) as u32))
    }
}

impl Row {
    /// The row of the line that begins here, and where the next one does. The text is shorter than 4 GiB.
    pub fn read(text: &[u8], from: usize) -> Option<(Row, usize)> {
        let mut cursor = Cursor { text, at: from };
        let (id, parent) = (cursor.number(b' ')?, cursor.number(b' ')?);
        let (major, minor) = (cursor.number(b':')?, cursor.number(b' ')?);
        let (root, point, options) = (cursor.word()?, cursor.word()?, cursor.word()?);
        let tags = cursor.tags()?;
        let fstype = cursor.word()?;
        // mount("", …) is allowed.
        let (source, _) = cursor.field()?;
        let (super_options, end) = cursor.rest()?;
        let row = Row {
            id,
            parent,
            major,
            minor,
            line: from as u32,
            root,
            point,
            options,
            tags,
            fstype,
            source,
            super_options,
            end,
        };
        Some((row, cursor.at))
    }
}

/// One mount: a line of mountinfo, whose bytes are the table's.
///
/// Names are any bytes. The kernel writes some of them as a backslash and three octal digits (space, tab, newline,
/// backslash, in some fields `#`): here they are as they were before. Equal are two whose fields are.
#[derive(Clone, Copy)]
pub struct Mount<'a> {
    pub(super) text: &'a [u8],
    pub(super) row: &'a Row,
}

impl<'a> Mount<'a> {
    fn field(self, from: u32, next: u32) -> &'a [u8] {
        self.text.get(from as usize..next as usize - 1).unwrap_or_default()
    }

    /// Its number; the kernel gives it again after an unmount.
    pub fn id(self) -> u32 {
        self.row.id
    }

    /// The number of the mount that it is mounted on, which may be outside what the process sees; a namespace's
    /// first one has its own.
    pub fn parent_id(self) -> u32 {
        self.row.parent
    }

    /// The device's major number, as `st_dev` of files on it has it; 0 where there is no block device.
    pub fn major(self) -> u32 {
        self.row.major
    }

    /// The device's minor number.
    pub fn minor(self) -> u32 {
        self.row.minor
    }

    pub(super) fn raw_root(self) -> &'a [u8] {
        self.field(self.row.root, self.row.point)
    }

    pub(super) fn raw_point(self) -> &'a [u8] {
        self.field(self.row.point, self.row.options)
    }

    /// Which directory or file of the file system is mounted; of nsfs a link's text, `uts:[4026531838]`. Ends in
    /// `//deleted` if it is no longer there.
    pub fn root(self) -> Cow<'a, [u8]> {
        decoded(self.raw_root())
    }

    /// Where it is mounted, seen from the process's root directory.
    pub fn point(self) -> Cow<'a, [u8]> {
        decoded(self.raw_point())
    }

    /// The mount's own options, `rw,relatime`.
    pub fn options(self) -> Cow<'a, [u8]> {
        decoded(self.field(self.row.options, self.row.tags))
    }

    /// The optional fields, which tell of propagation, as the kernel wrote them: `shared:5 master:2`; may be empty.
    pub fn optional(self) -> &'a [u8] {
        // Behind them are " - ", or "- " where there are none.
        self.text
            .get(self.row.tags as usize..(self.row.fstype as usize).saturating_sub(3))
            .unwrap_or_default()
    }

    /// The optional fields one by one.
    pub fn tags(self) -> Tags<'a> {
        Tags(self.optional())
    }

    /// The file system's type, `ext4`, `fuse.sshfs`.
    pub fn fstype(self) -> Cow<'a, [u8]> {
        decoded(self.field(self.row.fstype, self.row.source))
    }

    /// What was named as its source: a device, a server's directory, any word; may be empty.
    pub fn source(self) -> Cow<'a, [u8]> {
        decoded(self.field(self.row.source, self.row.super_options))
    }

    /// The file system's options, `rw,size=4k`. To take them apart see [`Mount::super_option_list`].
    pub fn super_options(self) -> Cow<'a, [u8]> {
        decoded(self.raw_super_options())
    }

    fn raw_super_options(self) -> &'a [u8] {
        self.field(self.row.super_options, self.row.end + 1)
    }

    /// The file system's options one by one, each with its value: a comma that the kernel wrote as `\054` is a
    /// value's and parts nothing.
    pub fn super_option_list(self) -> impl Iterator<Item = SuperOption<'a>> {
        self.raw_super_options().split(|byte| *byte == b',').map(|option| {
            let (name, value) = parted(option, b'=');
            (decoded(name), value.map(decoded))
        })
    }

    /// The kernel's line, byte for byte, without the newline.
    pub fn line(self) -> &'a [u8] {
        self.field(self.row.line, self.row.end + 1)
    }

    /// The line that these fields make: the kernel's.
    pub fn to_line(self) -> Vec<u8> {
        let Row { id, parent, major, minor, .. } = self.row;
        let mut line = format!("{id} {parent} {major}:{minor}").into_bytes();
        let mut push = |field: &[u8]| {
            line.push(b' ');
            line.extend_from_slice(field);
        };
        push(self.raw_root());
        push(self.raw_point());
        push(self.field(self.row.options, self.row.tags));
        self.tags().for_each(|tag| push(&tag.to_bytes()));
        push(b"-");
        push(self.field(self.row.fstype, self.row.source));
        push(self.field(self.row.source, self.row.super_options));
        push(self.raw_super_options());
        line
    }

    fn words(self) -> [Cow<'a, [u8]>; 7] {
        let optional = Cow::Borrowed(self.optional());
        let (root, point, options) = (self.root(), self.point(), self.options());
        [root, point, options, optional, self.fstype(), self.source(), self.super_options()]
    }

    /// The peer group that it shares mounts and unmounts with.
    pub fn shared(self) -> Option<u64> {
        self.tags().find_map(|tag| if let Tag::Shared(group) = tag { Some(group) } else { None })
    }

    /// The peer group whose mounts and unmounts it gets.
    pub fn master(self) -> Option<u64> {
        self.tags().find_map(|tag| if let Tag::Master(group) = tag { Some(group) } else { None })
    }
}

/// An option's name and value.
pub type SuperOption<'a> = (Cow<'a, [u8]>, Option<Cow<'a, [u8]>>);

impl fmt::Display for Mount<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.to_line()))
    }
}

impl fmt::Debug for Mount<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mount({self})")
    }
}

impl PartialEq for Mount<'_> {
    fn eq(&self, other: &Mount<'_>) -> bool {
        let numbers = |row: &Row| [row.id, row.parent, row.major, row.minor];
        numbers(self.row) == numbers(other.row) && self.words() == other.words()
    }
}

impl Eq for Mount<'_> {}

/// An optional field: how mounts and unmounts below a mount spread. See mount_namespaces(7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tag<'a> {
    /// It is a member of this peer group.
    Shared(u64),
    /// It is a slave of this peer group.
    Master(u64),
    /// The nearest peer group that the process sees, of those whose slave it is by way of others.
    PropagateFrom(u64),
    /// It cannot be bind mounted.
    Unbindable,
    /// One that this library does not know.
    Other {
        /// Up to the colon.
        name: &'a [u8],
        /// Behind it.
        value: Option<&'a [u8]>,
    },
}

impl<'a> Tag<'a> {
    fn read(field: &'a [u8]) -> Tag<'a> {
        let (name, value) = parted(field, b':');
        let group = value.and_then(number);
        match (name, group) {
            (b"shared", Some(group)) => Tag::Shared(group),
            (b"master", Some(group)) => Tag::Master(group),
            (b"propagate_from", Some(group)) => Tag::PropagateFrom(group),
            (b"unbindable", None) if value.is_none() => Tag::Unbindable,
            _ => Tag::Other { name, value },
        }
    }

    fn to_bytes(self) -> Vec<u8> {
        match self {
            Tag::Shared(group) => format!("shared:{group}").into_bytes(),
            Tag::Master(group) => format!("master:{group}").into_bytes(),
            Tag::PropagateFrom(group) => format!("propagate_from:{group}").into_bytes(),
            Tag::Unbindable => b"unbindable".to_vec(),
            Tag::Other { name, value: None } => name.to_vec(),
            Tag::Other { name, value: Some(value) } => [name, b":", value].concat(),
        }
    }
}

/// The optional fields of a line, in its order.
#[derive(Clone, Debug)]
pub struct Tags<'a>(&'a [u8]);

impl<'a> Iterator for Tags<'a> {
    type Item = Tag<'a>;

    fn next(&mut self) -> Option<Tag<'a>> {
        if self.0.is_empty() {
            return None;
        }
        let (field, rest) = parted(self.0, b' ');
        self.0 = rest.unwrap_or_default();
        Some(Tag::read(field))
    }
}

/// A number as the kernel writes it: no sign, no leading zero.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || (digits.len() > 1 && digits.starts_with(b"0")) {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

/// What is before the first such byte, and what is behind it.
fn parted(text: &[u8], at: u8) -> (&[u8], Option<&[u8]>) {
    let mut parts = text.splitn(2, |byte| *byte == at);
    (parts.next().unwrap_or_default(), parts.next())
}

/// A field with its escapes undone: a backslash and three octal digits, nothing else.
pub(super) fn decoded(field: &[u8]) -> Cow<'_, [u8]> {
    if !field.contains(&b'\\') {
        return Cow::Borrowed(field);
    }
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, behind @ ..] = rest {
        if let [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', behind @ ..] = rest {
            plain.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
            rest = behind;
        } else {
            plain.push(*first);
            rest = behind;
        }
    }
    Cow::Owned(plain)
}
