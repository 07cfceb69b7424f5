//! What does a parser do with any text? Changes known ones a little, again and again, and shows them to it.
//!
//! The same changes each time, so that what has failed fails again; with `NSISO_SOAK=1` others, for ten minutes.

use std::fs;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How many texts are tried where nobody soaks.
const TEXTS: usize = 300_000;
const SOAK: Duration = Duration::from_secs(600);
/// No text becomes longer than this by changes.
const LONGEST: usize = 4096;
/// What parsers of the kernel's text stumble over.
const TOKENS: [&[u8]; 24] = [
    b"",
    b"\n",
    b" ",
    b"  ",
    b"\t",
    b"\0",
    b"-",
    b" - ",
    b":",
    b"=",
    b",",
    b"/",
    b"//",
    b"\\",
    b"\\040",
    b"\\777",
    b"\xff",
    b"0",
    b"-1",
    b"+1",
    b"007",
    b"4294967295",
    b"4294967296",
    b"18446744073709551616",
];

/// xorshift: any spread will do.
struct Random(u64);

impl Random {
    fn below(&mut self, count: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % count.max(1)
    }

    /// A piece of a text, by where it begins and ends; mostly short.
    fn piece(&mut self, text: &[u8]) -> std::ops::Range<usize> {
        let from = self.below(text.len() + 1);
        let most = if self.below(4) == 0 { text.len() } else { 8 };
        from..(from + self.below(most + 1)).min(text.len())
    }

    /// Changes a text in one place.
    fn change(&mut self, text: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let piece = self.piece(text);
        match self.below(7) {
            0 => drop(text.drain(piece)),
            1 => text.truncate(piece.start),
            2 if piece.start < text.len() => text[piece.start] ^= 1 << self.below(8),
            3 => {
                let copy = text[piece].to_vec();
                let to = self.below(text.len() + 1);
                text.splice(to..to, copy);
            }
            4 => {
                let other = &seeds[self.below(seeds.len())];
                let copy = other[self.piece(other)].to_vec();
                text.splice(piece, copy);
            }
            _ => {
                let token = TOKENS[self.below(TOKENS.len())];
                text.splice(piece, token.iter().copied());
            }
        }
        text.truncate(LONGEST);
    }
}

/// The texts in tests/corpus/NAME, each a file.
fn seeds(name: &str) -> Vec<Vec<u8>> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(name);
    let mut paths: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort_unstable();
    paths.into_iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Shows a parser the texts in tests/corpus/NAME and what becomes of them. `check` panics where something is wrong,
/// and says whether the text was understood. Of both kinds there must be some, or the changes are too many or too few.
pub fn survives(name: &str, check: impl Fn(&[u8]) -> bool) {
    let (seeds, began) = (seeds(name), Instant::now());
    for seed in &seeds {
        assert!(check(seed), "{name}: a text of the corpus: {}", seed.escape_ascii());
    }
    let soak = std::env::var_os("NSISO_SOAK").is_some();
    let start = if soak { u64::from(std::process::id()) << 32 | 1 } else { 0x9e37_79b9_7f4a_7c15 };
    let mut random = Random(start);
    let mut understood = [0_usize; 2];
    for number in 0.. {
        if if soak { began.elapsed() > SOAK } else { number == TEXTS } {
            break;
        }
        let mut text = seeds[random.below(seeds.len())].clone();
        for _ in 0..=random.below(4) {
            random.change(&mut text, &seeds);
        }
        let Ok(is_understood) = catch_unwind(AssertUnwindSafe(|| check(&text))) else {
            panic!("{name}: text {number}: b\"{}\"", text.escape_ascii());
        };
        understood[usize::from(is_understood)] += 1;
    }
    let [refused, taken] = understood;
    assert!(refused > 0 && taken > 0, "{name}: {refused} refused, {taken} understood");
}
