//! Robots: users of a chat that any cluster of Pomelo's protocol offers, and what they make of it.

pub mod judge;
pub mod process;
