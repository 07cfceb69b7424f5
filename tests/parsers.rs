//! Do the parsers of the kernel's text survive any text? Each with the seeds in tests/corpus of its own name;
//! `NSISO_SOAK=1` (make soak) makes it ten minutes a parser.

#![allow(clippy::unwrap_used, clippy::panic)] // A test that cannot go on has failed.

mod fuzz;

use nsiso::inspect::{texts, MountTable};

/// Understood or refused with its line; and what it says of what it has understood can be read again as the same.
#[test]
fn mountinfo() {
    fuzz::survives("mountinfo", |text| {
        let table = match MountTable::parse(text) {
            Ok(table) => table,
            Err(error) => {
                assert!(error.object().starts_with("line "), "{error}");
                return false;
            }
        };
        let mut printed = Vec::new();
        for mount in &table {
            printed.extend(mount.to_line());
            printed.push(b'\n');
            assert!(mount.super_option_list().count() > 0);
        }
        let strings = table.c_text();
        for mount in &table {
            let [root, point, options, _, fstype, source, super_options] = mount.places().map(|place| {
                let field = &strings[place.start..];
                field[..field.iter().position(|byte| *byte == 0).unwrap()].to_vec()
            });
            // A NUL of the text's own ends the string early.
            let until_nul = |field: &[u8]| field.split(|byte| *byte == 0).next().unwrap().to_vec();
            let fields = [
                mount.root(),
                mount.point(),
                mount.options(),
                mount.fstype(),
                mount.source(),
                mount.super_options(),
            ];
            assert_eq!(
                [root, point, options, fstype, source, super_options],
                fields.map(|field| until_nul(&field))
            );
        }
        let again = MountTable::parse(printed).unwrap();
        assert_eq!(again, table);
        let tree = table.tree();
        assert_eq!(tree, again.tree());
        let children: usize = (0..table.len()).map(|index| tree.children(index).len()).sum();
        assert_eq!(children + tree.roots().len(), table.len());
        true
    });
}

#[test]
fn stat() {
    fuzz::survives("stat", texts::stat);
}

#[test]
fn status() {
    fuzz::survives("status", texts::status);
}

/// What was understood reads the same again.
#[test]
fn id_map() {
    fuzz::survives("id_map", |text| {
        let Some(ranges) = texts::id_map(text) else { return false };
        let lines: Vec<String> = ranges.iter().map(|range| format!("{range}\n")).collect();
        assert_eq!(texts::id_map(lines.concat().as_bytes()), Some(ranges));
        true
    });
}

#[test]
fn timens_offsets() {
    fuzz::survives("offsets", texts::offsets);
}

#[test]
fn net_dev() {
    fuzz::survives("interfaces", texts::interfaces);
}

#[test]
fn link() {
    fuzz::survives("link", texts::link);
}

#[test]
fn fdinfo() {
    fuzz::survives("waiting", texts::waiting);
}
