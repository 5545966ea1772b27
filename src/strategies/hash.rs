//! The hashes shared by strategies: of keys, of server ids, and their derivations.

use xxhash_rust::xxh3::xxh3_64;

use super::Candidate;
pub(super) use crate::random::{mix, nth};

/// The hash of a key: `h` in every strategy except the CRC ones.
pub(super) fn of_key(key: &str) -> u64 {
    xxh3_64(key.as_bytes())
}

/// The hash of a server's id, independent of its place on the list.
pub(super) fn of_server(server: &Candidate) -> u64 {
    xxh3_64(server.id.as_str().as_bytes())
}

/// The positions of a list sorted by server id. Results built from it do not depend on the list's
/// order.
pub(super) fn by_id(servers: &[Candidate]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..servers.len()).collect();
    order.sort_by(|one, other| servers[*one].id.cmp(&servers[*other].id));
    order
}

/// A fast mix for well-mixed input: the folded halves of a 128-bit product.
#[inline(always)]
pub(super) const fn fold(x: u64) -> u64 {
    let product = (x ^ 0x2d35_8dcc_aa6c_78a5) as u128 * 0x9e37_79b9_7f4a_7c15_u128;
    (product as u64) ^ ((product >> 64) as u64)
}

/// Derives a hash of a key for one of many purposes, such as one step of a walk.
#[inline(always)]
pub(super) const fn again(hash: u64, purpose: u32) -> u64 {
    fold(hash.wrapping_add((purpose as u64 + 1).wrapping_mul(0xd6e8_feb8_6659_fd93)))
}

/// Maps a hash evenly onto `0..n` without a division (Lemire 2019).
#[inline(always)]
pub(super) const fn range(hash: u64, n: u32) -> u32 {
    ((hash as u128 * n as u128) >> 64) as u32
}
