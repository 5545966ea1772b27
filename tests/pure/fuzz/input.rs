//! How targets use an input: directly, and as instructions to change an element of their corpus.

use std::path::Path;

/// Bytes and words that parsers trip over.
const TOKENS: &[&[u8]] = &[
    b"\0",
    b"\x7f",
    b"\x80",
    b"\xff",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\xed\xa0\xbd\xed\xb8\x80",
    b"\xed\xa0\xbd",
    b"\xc2\x9b31m",
    b"\x1b[31m",
    b"\xe2\x80\xae",
    b"\xef\xbb\xbf",
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"\t",
    b" ",
    b"\"",
    b"\\",
    b"\\ud800",
    b"\\u0000",
    b"\\u001b",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"[[[[[[[[",
    b"{\"a\":",
    b"null",
    b"true",
    b"{}",
    b"[]",
    b"\"\"",
    b"0",
    b"-1",
    b"1e999",
    b"1.5",
    b"65536",
    b"10001",
    b"4294967296",
    b"9007199254740993",
    b"18446744073709551616",
    b"*",
    b"++",
    b"..",
    b"~",
    b"/",
    b"ms",
    b"s",
    b"__proto__",
    b"\"clusterCount\":3,",
    b"\"sys\":",
    b"chat.chatRemote.kick",
    b"\x01\0\0\0",
    b"\x04\0\0\x01",
    b"\x05\0\0\0",
    b"\x03\0\0\0",
    b"\x88\x80\0\0\0\0",
    b"\x89\x80\0\0\0\0",
    b"\x02\x80\0\0\0\0",
    b"\x80\x80\0\0\0\0",
    b"\x82\xff\0\0\0\0\0\0\0\x01",
];

/// The corpus of a target, in the order of the file names.
pub(crate) fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pure/fuzz/__fuzz__").join(target).join("corpus");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// Holds a law against the input, and against what the input makes of one of the seeds.
pub(crate) fn hold(seeds: &[Vec<u8>], input: &[u8], law: impl Fn(&[u8])) {
    law(input);
    law(&changed(seeds, &mut Script(input)));
}

/// An input that is read as choices; where it ends, all choices are 0.
pub(crate) struct Script<'a>(pub(crate) &'a [u8]);

impl Script<'_> {
    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// A number below `bound`, which is not 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let number = usize::from(self.byte()) << 8 | usize::from(self.byte());
        number % bound
    }

    pub(crate) fn is_over(&self) -> bool {
        self.0.is_empty()
    }
}

/// One of the seeds, changed in one to eight places.
pub(crate) fn changed(seeds: &[Vec<u8>], script: &mut Script<'_>) -> Vec<u8> {
    let mut bytes = seeds[script.below(seeds.len())].clone();
    for _ in 0..=script.byte() % 8 {
        let (kind, at) = (script.byte() % 8, script.below(bytes.len() + 1));
        let reach = at + script.below(bytes.len() - at + 1);
        match kind {
            0 if at < bytes.len() => bytes[at] ^= 1 << (script.byte() % 8),
            1 if at < bytes.len() => bytes[at] = script.byte(),
            // Lengths that are off by a little.
            2 if at < bytes.len() => bytes[at] = bytes[at].wrapping_add(script.byte() % 5).wrapping_sub(2),
            3 => drop(bytes.drain(at..reach.min(at + 64))),
            4 => {
                let copy = bytes[at..reach.min(at + 256)].to_vec();
                bytes.splice(at..at, copy);
            }
            5 => {
                let other = &seeds[script.below(seeds.len())];
                let from = script.below(other.len() + 1);
                let to = from + script.below(other.len() - from + 1).min(256);
                bytes.splice(at..at, other[from..to].iter().copied());
            }
            6 => bytes.truncate(at),
            _ => drop(bytes.splice(at..at, TOKENS[script.below(TOKENS.len())].iter().copied())),
        }
    }
    bytes
}

/// Cuts some bytes into pieces, always the same for the same bytes.
pub(crate) fn pieces(bytes: &[u8]) -> Vec<&[u8]> {
    let mut state = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let mut pieces = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // Mostly small: heads are where cuts hurt.
        let len = 1 + (state >> 33) as usize % if state >> 62 == 0 { 1000 } else { 7 };
        let (piece, behind) = rest.split_at(len.min(rest.len()));
        pieces.push(piece);
        rest = behind;
    }
    pieces
}
