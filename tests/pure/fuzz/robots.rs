//! Robots, and what a server may send to them.

use bolero::check;
use pomelo_sim::robots::robot::Next;

use super::input::{hold, pieces, seeds};
use super::laws::{assert_printable, within};
use crate::support::stand::Stand;

/// A dictionary of a handshake in memory: text, and less than this times that.
const JSON_FACTOR: usize = 256;

#[test]
fn robots() {
    let seeds = seeds("robots");
    check!(name = "robots").for_each(|input| hold(&seeds, input, robot_law));
}

/// The first byte says how far the robot is and how it connects, the rest is what the server sends.
///
/// Nothing makes it panic or hold more memory than a multiple of what came, and it makes the same
/// of the same bytes however they are cut.
fn robot_law(bytes: &[u8]) {
    let Some((first, bytes)) = bytes.split_first() else { return };
    let (mut whole, mut cut) = (stand(*first), stand(*first));
    let whole = within(bytes.len(), JSON_FACTOR, 64 * 1024, || heard(&mut whole, &[bytes]));
    let cut = heard(&mut cut, &pieces(bytes));
    assert_eq!(whole, cut);
    whole.2.iter().for_each(|error| assert_printable(error));
}

/// A robot that has got as far as that.
fn stand(first: u8) -> Stand {
    let websocket = first & 1 != 0;
    let mut stand = match first >> 1 & 3 {
        3 => Stand::entered(websocket),
        _ => Stand::new(websocket),
    };
    if let stage @ 1..=2 = first >> 1 & 3 {
        stand.greet(b"{\"code\":200,\"sys\":{}}");
        if stage == 2 {
            stand.send_on();
            stand.greet(b"{\"code\":200,\"sys\":{\"dict\":{\"onChat\":9}}}");
        }
    }
    // Only where they go at once: what waits goes out between two reads, so there the cuts may make
    // a difference.
    if stand.robot.is_in() {
        (0..3).for_each(|_| stand.robot.say(&mut stand.shared, stand.now, stand.now));
    }
    stand
}

/// What the robot wants next, what it said, and what went wrong.
fn heard(stand: &mut Stand, pieces: &[&[u8]]) -> (Next, Vec<u8>, Vec<String>) {
    let mut next = Next::Stay;
    for piece in pieces {
        next = stand.give(piece);
        if next != Next::Stay {
            break;
        }
    }
    (next, stand.said(), stand.shared.errors().keys().cloned().collect())
}
