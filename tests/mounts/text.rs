//! What is said of text that is no mountinfo, or of a kernel to come?

use super::*;

fn refused(text: &[u8]) -> Error {
    MountTable::parse(text).map_or_else(|error| error, |table| panic!("{table}"))
}

const LINE: &[u8] = b"36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n";

#[test]
fn text_that_is_no_mountinfo() {
    let table = MountTable::parse(LINE).unwrap();
    assert_eq!(table.to_string().as_bytes(), LINE);
    assert_eq!(MountTable::parse(&LINE[..LINE.len() - 1]).unwrap(), table, "the last newline is not missed");
    // Cut off anywhere before the last field.
    for length in 1..=LINE.len() - b"rw,errors=continue\n".len() {
        let error = refused(&LINE[..length]);
        assert_eq!((error.errno(), error.cause()), (libc::EPROTO, Cause::UnknownMountLine), "{error}");
        let second = refused(&[LINE, &LINE[..length], b"\n", LINE].concat());
        assert!(second.object().starts_with("line 2: \"36"[..10.min(9 + length)].trim_end()), "{second}");
    }
    let broken: [&[u8]; 15] = [
        b"\n",
        b"36 35 98:0 / / rw ext3 /dev/root rw\n",
        b"4294967296 35 98:0 / / rw - a b c\n",
        b"99999999999999999999999999 35 98:0 / / rw - a b c\n",
        b"-1 35 98:0 / / rw - a b c\n",
        b"+1 35 98:0 / / rw - a b c\n",
        b" 36 35 98:0 / / rw - a b c\n",
        b"36 35 98 / / rw - a b c\n",
        b"36 35 98:0:1 / / rw - a b c\n",
        b"36 35 98:0  / rw - a b c\n",
        b"36 35 98:0 / / rw  - a b c\n",
        b"36 35 98:0 / / rw -\n",
        b"36 35 98:0 / / rw - a b\n",
        b"36 35 98:0 / / rw - a b \n",
        b"\0\0\0\0",
    ];
    for line in broken {
        let error = refused(line);
        assert!(error.object().starts_with("line 1: \""), "{error}");
        assert_eq!(error.errno(), libc::EPROTO, "{error}");
    }
    assert!(MountTable::parse("").unwrap().is_empty());
}

#[test]
fn long_lines_and_unknown_fields() {
    // Ten megabytes in one name, and in one that is no line.
    let name = vec![b'x'; 10 << 20];
    let long = [b"1 0 0:1 / /", &name[..], b" rw - tmpfs none rw\n"].concat();
    let table = MountTable::parse(long.clone()).unwrap();
    assert_eq!(table.get(0).unwrap().point().len(), name.len() + 1);
    assert_eq!(table.get(0).unwrap().to_line(), long[..long.len() - 1]);
    let error = refused(&name);
    assert!(error.to_string().len() < 1000);
    let text = "1 0 0:1 / / rw new:1 shared:7 other shared:x master: :y propagate_from:18446744073709551615 unbindable unbindable:1 - a b c d\n";
    let table = MountTable::parse(text).unwrap();
    let mount = table.get(0).unwrap();
    let other = |name, value| Tag::Other { name, value };
    let expected = [
        other(b"new", Some(b"1")),
        Tag::Shared(7),
        other(b"other", None),
        other(b"shared", Some(b"x")),
        other(b"master", Some(b"")),
        other(b"", Some(b"y")),
        Tag::PropagateFrom(u64::MAX),
        Tag::Unbindable,
        other(b"unbindable", Some(b"1")),
    ];
    assert_eq!(mount.tags().collect::<Vec<_>>(), expected);
    assert_eq!(&*mount.super_options(), b"c d", "the last field is the rest of the line");
    assert_eq!(table.to_string(), text);
    // Three octal digits, and no others.
    let text = "1 0 0:1 /\\040\\101\\377\\400\\08\\04 /\\ rw - a\\043b \\134040 rw,x=\\054y,z=1=2,\\075\n";
    let table = MountTable::parse(text).unwrap();
    let mount = table.get(0).unwrap();
    assert_eq!(&*mount.root(), b"/ A\xff\\400\\08\\04");
    assert_eq!(&*mount.point(), b"/\\");
    assert_eq!((&*mount.fstype(), &*mount.source()), (&b"a#b"[..], &b"\\040"[..]));
    let list: Vec<_> = mount
        .super_option_list()
        .map(|(name, value)| (name.to_vec(), value.map(|value| value.to_vec())))
        .collect();
    let option = |name: &[u8], value: Option<&[u8]>| (name.to_vec(), value.map(<[u8]>::to_vec));
    assert_eq!(
        list,
        [option(b"rw", None), option(b"x", Some(b",y")), option(b"z", Some(b"1=2")), option(b"=", None)]
    );
}
