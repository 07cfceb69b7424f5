//! How does a table's text become C strings, without a copy of each: for bindings.
#![forbid(unsafe_code)]

use super::line::decoded;
use super::{Mount, MountTable};
use std::ops::Range;

impl MountTable {
    /// A copy of the text in which the fields are C strings at the places that [`Mount::places`] tells, their escapes
    /// undone: what is shorter then is filled up with NULs.
    #[doc(hidden)]
    pub fn c_text(&self) -> Vec<u8> {
        let mut text = Vec::with_capacity(self.text.len() + 1);
        text.extend_from_slice(&self.text);
        // The last line may have no end.
        text.push(0);
        let has_escapes = text.contains(&b'\\');
        for mount in self {
            // The separator: where there are no optional fields, it is in the place of their NUL.
            let [.., fstype, _, _] = mount.places();
            let mut put = |place: usize, byte: u8| {
                if let Some(to) = text.get_mut(place) {
                    *to = byte;
                }
            };
            put(fstype.start.saturating_sub(2), 0);
            for field in mount.places() {
                put(field.end, 0);
                // The optional fields are as the kernel wrote them: they have none.
                if has_escapes {
                    let plain = decoded(self.text.get(field.clone()).unwrap_or_default()).into_owned();
                    let filled = plain.into_iter().chain(std::iter::repeat(0));
                    field.zip(filled).for_each(|(place, byte)| put(place, byte));
                }
            }
        }
        text
    }
}

impl Mount<'_> {
    /// Where in the table's text are root, point, options, optional fields, type, source and options of the file
    /// system.
    #[doc(hidden)]
    pub fn places(self) -> [Range<usize>; 7] {
        let row = self.row;
        let place = |from: u32, next: u32| from as usize..next as usize - 1;
        // Behind the optional fields are " - ", or "- " where there are none.
        let optional = row.tags as usize..(row.fstype as usize - 3).max(row.tags as usize);
        [
            place(row.root, row.point),
            place(row.point, row.options),
            place(row.options, row.tags),
            optional,
            place(row.fstype, row.source),
            place(row.source, row.super_options),
            place(row.super_options, row.end + 1),
        ]
    }
}
