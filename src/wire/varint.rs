//! Base-128 varints, lowest group first: message ids, and every number of the protobuf dialect.

/// Bytes that the largest `u64` takes.
const BYTES_MAX: usize = 10;

/// Why a varint could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VarintError {
    /// The last byte has its continuation bit set.
    Truncated,
    /// The number is over `u64::MAX`, or takes more bytes than that.
    TooLong,
}

/// Takes one varint off the front of `input`. Needless leading groups (`80 00` for 0) are accepted,
/// as Pomelo does.
pub(super) fn read(input: &mut &[u8]) -> Result<u64, VarintError> {
    let mut value = 0_u64;
    for (index, &byte) in input.iter().take(BYTES_MAX).enumerate() {
        // Nine groups fill 63 bits; the tenth has one left.
        if index == BYTES_MAX - 1 && byte > 1 {
            return Err(VarintError::TooLong);
        }
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            *input = &input[index + 1..];
            return Ok(value);
        }
    }
    Err(VarintError::Truncated)
}

/// Appends `value` in the fewest bytes.
pub(super) fn write(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// How many bytes [`write`] appends for `value`: 1 to 10.
pub(super) fn len(value: u64) -> usize {
    let bits = u64::BITS - (value | 1).leading_zeros();
    bits.div_ceil(7) as usize
}
