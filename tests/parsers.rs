//! Do the parsers of the kernel's text survive any text? Each with the seeds in tests/corpus of its own name;
//! `NSISO_SOAK=1` (make soak) makes it ten minutes a parser.

#![allow(clippy::unwrap_used, clippy::panic)] // A test that cannot go on has failed.

mod fuzz;

use nsiso::inspect::MountTable;

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
        let again = MountTable::parse(printed).unwrap();
        assert_eq!(again, table);
        let tree = table.tree();
        assert_eq!(tree, again.tree());
        let children: usize = (0..table.len()).map(|index| tree.children(index).len()).sum();
        assert_eq!(children + tree.roots().len(), table.len());
        true
    });
}
