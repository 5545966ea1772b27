//! SplitMix64 (Steele, Lea, Flood 2014): mixes counters into numbers that look random.

/// Its output function, Stafford's 13th variant of the finalizer of MurmurHash3: one to one, and
/// each bit depends on every other.
pub(crate) const fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The `index`th number of the stream that starts at `seed`; all indices give different numbers.
pub(crate) const fn nth(seed: u64, index: u64) -> u64 {
    mix(seed.wrapping_add((index.wrapping_add(1)).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
}
