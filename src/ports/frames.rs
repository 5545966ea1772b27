//! How much of a WebSocket message has arrived that is not complete yet (RFC 6455, 5.2).
//!
//! The WebSocket library buffers unfinished messages and does not say how much. This counts it from
//! the frames' headers, next to the library, in constant memory.

/// Longest header of a frame: two bytes, the extended length, the mask.
const HEADER_BYTES_MAX: usize = 14;

/// Follows the frames of one client.
#[derive(Default)]
pub(super) struct Frames {
    header: [u8; HEADER_BYTES_MAX],
    /// Bytes of `header` that have arrived; 0 between frames.
    header_len: u8,
    /// Bytes that are still to come of the frame's payload; meaningful once the header is whole.
    payload_left: u64,
    /// Bytes of the frame so far.
    frame_bytes: usize,
    /// Bytes of earlier frames of the same message.
    message_bytes: usize,
}

impl Frames {
    /// Bytes of the unfinished message, with its headers.
    pub(super) fn unfinished_bytes(&self) -> usize {
        self.message_bytes + self.frame_bytes
    }

    /// Counts what arrived. Nothing is checked: the library refuses what is malformed.
    pub(super) fn receive(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if !self.has_header() {
                let (header, rest) = bytes.split_at(1);
                self.header[usize::from(self.header_len)] = header[0];
                self.header_len += 1;
                self.frame_bytes += 1;
                bytes = rest;
                if self.has_header() {
                    self.payload_left = self.payload_bytes();
                    self.end_if_complete();
                }
                continue;
            }
            let here = usize::try_from(self.payload_left).unwrap_or(usize::MAX).min(bytes.len());
            self.payload_left -= here as u64;
            self.frame_bytes += here;
            bytes = &bytes[here..];
            self.end_if_complete();
        }
    }

    fn end_if_complete(&mut self) {
        if self.payload_left > 0 {
            return;
        }
        let (is_final, opcode) = (self.header[0] & 0x80 != 0, self.header[0] & 0x0f);
        // Control frames may come between the fragments of a message, and are no part of it.
        let is_control = opcode & 0x8 != 0;
        match (is_control, is_final) {
            (true, _) => {}
            (false, true) => self.message_bytes = 0,
            (false, false) => self.message_bytes += self.frame_bytes,
        }
        (self.header_len, self.frame_bytes) = (0, 0);
    }

    fn has_header(&self) -> bool {
        self.header_len >= 2 && self.header_len == self.header_bytes()
    }

    /// The header's length, once its first two bytes are there.
    fn header_bytes(&self) -> u8 {
        let mask = if self.header[1] & 0x80 != 0 { 4 } else { 0 };
        let extended = match self.header[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        2 + extended + mask
    }

    fn payload_bytes(&self) -> u64 {
        let extended = match self.header[1] & 0x7f {
            126 => &self.header[2..4],
            127 => &self.header[2..10],
            short => return short.into(),
        };
        extended.iter().fold(0, |length, byte| length << 8 | u64::from(*byte))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tungstenite::protocol::frame::coding::{Control, Data, OpCode};
    use tungstenite::protocol::frame::{Frame, FrameHeader};

    use super::*;

    fn frame(is_final: bool, opcode: OpCode, payload_bytes: usize) -> Vec<u8> {
        let header = FrameHeader { is_final, opcode, mask: Some([1, 2, 3, 4]), ..FrameHeader::default() };
        let mut bytes = Vec::new();
        Frame::from_payload(header, vec![7; payload_bytes].into())
            .format(&mut bytes)
            .expect("memory takes all");
        bytes
    }

    proptest! {
        /// Any frames, cut anywhere: what is unfinished is what came after the last whole message,
        /// without whole control frames.
        #[test]
        fn unfinished_is_what_no_message_has_used(
            lengths in prop::collection::vec((0_usize..70_000, 0_u8..3, any::<bool>()), 1..8),
            cut in any::<prop::sample::Index>(),
            pieces in 1_usize..5_000,
        ) {
            let frames: Vec<(Vec<u8>, u8)> = lengths
                .iter()
                .map(|(length, kind, _)| match kind {
                    0 => (frame(true, OpCode::Data(Data::Binary), *length), 0),
                    1 => (frame(false, OpCode::Data(Data::Continue), *length), 1),
                    _ => (frame(true, OpCode::Control(Control::Ping), length % 126), 2),
                })
                .collect();
            let all: Vec<u8> = frames.iter().flat_map(|(bytes, _)| bytes.clone()).collect();
            let end = cut.index(all.len() + 1);
            let (mut expected, mut at) = (0, 0);
            for (bytes, kind) in &frames {
                let here = bytes.len().min(end.saturating_sub(at));
                at += bytes.len();
                match (here == bytes.len(), kind) {
                    (true, 0) => expected = 0,
                    (true, 2) => {}
                    _ => expected += here,
                }
            }
            let mut counted = Frames::default();
            all[..end].chunks(pieces).for_each(|piece| counted.receive(piece));
            prop_assert_eq!(counted.unfinished_bytes(), expected);
        }
    }
}
