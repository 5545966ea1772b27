//! Maps byte offsets of a text to lines and columns without counting from the start.

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;

use super::error::{Place, Position};

/// Bytes between two marks: thousands of lookups in one large file must not each count from its
/// start.
const STRIDE: usize = 4096;

/// A mark before every [`STRIDE`]th byte.
pub(super) struct Marks(Vec<Mark>);

impl Marks {
    pub(super) fn new(text: &str) -> Self {
        let next = |mark: &mut Mark, stride: &[u8]| {
            let before = *mark;
            *mark = mark.after(stride);
            Some(before)
        };
        Self(text.as_bytes().chunks(STRIDE).scan(Mark::default(), next).collect())
    }

    /// Where a byte of the text stands.
    pub(super) fn position(&self, text: &str, offset: usize) -> Position {
        let stride = (offset / STRIDE).min(self.0.len().saturating_sub(1));
        let mark = self.0.get(stride).copied().unwrap_or_default();
        mark.after(&text.as_bytes()[stride * STRIDE..offset]).position()
    }
}

/// The position after `before`, the file's bytes up to it.
pub(super) fn place(file: Arc<Path>, before: &[u8]) -> Place {
    Place { file, position: Some(Mark::default().after(before).position()) }
}

/// The line breaks before a byte, and the characters before it on its line.
#[derive(Clone, Copy, Default)]
struct Mark {
    lines: usize,
    columns: usize,
}

impl Mark {
    fn after(self, bytes: &[u8]) -> Self {
        let newline = bytes.iter().rposition(|byte| *byte == b'\n');
        let line = &bytes[newline.map_or(0, |at| at + 1)..];
        // A character of UTF-8 has one byte that does not continue another.
        let columns = line.iter().filter(|byte| **byte & 0xc0 != 0x80).count();
        Self {
            lines: self.lines + bytes.iter().filter(|byte| **byte == b'\n').count(),
            columns: columns + if newline.is_none() { self.columns } else { 0 },
        }
    }

    fn position(self) -> Position {
        let number = |count: usize| NonZeroU32::MIN.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        Position { line: number(self.lines), column: number(self.columns) }
    }
}
