//! The checked [`LoadPlan`] of a run, built from [`Settings`].

use std::ops::RangeInclusive;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::settings::{FILE_BYTES_MAX, Settings};

/// Most users of one run: their names, sockets and memory must fit one process.
const USERS_MAX: usize = 1_000_000;

/// Longest message content, in bytes: well below what a package can hold.
const PAYLOAD_BYTES_MAX: usize = 1 << 20;

/// Longest prefix of names, in bytes: a number must follow it within the 64 bytes of a name.
const PREFIX_BYTES_MAX: usize = 32;

/// How robots connect.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TransportChoice {
    /// WebSocket.
    Ws,
    /// Raw TCP.
    Tcp,
    /// Every second robot by WebSocket, the others by TCP.
    Mix,
}

/// The load that robots generate.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Load {
    /// Open loop: messages per second and sender, independent of the answers.
    Rate(f64),
    /// Closed loop: requests that each sender keeps in flight.
    Window(usize),
}

/// A run of robots, checked.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct LoadPlan {
    /// `HOST:PORT` of the gate, or of the connector that replaces it.
    pub gate: String,
    /// Whether `gate` is a connector, where robots log in directly.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub direct: bool,
    /// Robots in all.
    pub users: usize,
    /// Rooms.
    pub rooms: usize,
    /// Skew of the room sizes; ignored if they are given explicitly.
    pub zipf: f64,
    /// Explicit room sizes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room_sizes: Option<Vec<usize>>,
    /// Senders per room; `None`: all members.
    pub senders: Option<usize>,
    /// Logins begun per second.
    pub arrivals: f64,
    /// Open or closed loop.
    #[serde(flatten)]
    pub load: Load,
    /// Bytes of a message's content.
    pub payload: usize,
    /// How robots connect.
    pub transport: TransportChoice,
    /// Times per minute that each leaves and enters again.
    pub churn: f64,
    /// Seconds of measuring.
    pub duration: f64,
    /// Seconds of load before.
    pub warmup: f64,
    /// Seconds for a step of a login, or a request.
    pub timeout: f64,
    /// Seed of all random choices.
    pub seed: u64,
    /// Prefix of all names.
    pub prefix: String,
    /// The server's processes.
    pub pid: Vec<u32>,
}

/// An error in settings.
#[derive(Debug, Error)]
pub enum LoadPlanError {
    /// The file cannot be read.
    #[error("{file}: cannot be read: {reason}")]
    Unreadable {
        /// The file.
        file: String,
        /// What the system says.
        reason: std::io::Error,
    },
    /// The file is larger than any settings.
    #[error("{file}: larger than {FILE_BYTES_MAX} bytes, the most that is read")]
    TooLarge {
        /// The file.
        file: String,
    },
    /// The file is not a JSON object of settings.
    #[error("{file}:{line}:{column}: {key}{reason}")]
    Malformed {
        /// The file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// The setting and a colon, if known.
        key: String,
        /// What was expected and what came.
        reason: String,
    },
    /// A setting out of its range.
    #[error("{setting}: expected {expected}, got {got}")]
    Invalid {
        /// Its name.
        setting: &'static str,
        /// What it may be.
        expected: String,
        /// What it is.
        got: String,
    },
    /// Two settings that contradict each other.
    #[error("{one} cannot be used with {other}: {why}")]
    Conflict {
        /// The one.
        one: &'static str,
        /// The other.
        other: &'static str,
        /// What each is.
        why: &'static str,
    },
}

impl Settings {
    /// Builds the plan from these settings and the defaults.
    ///
    /// # Errors
    /// A setting is out of its range, or two exclude each other.
    pub fn plan(self) -> Result<LoadPlan, LoadPlanError> {
        self.conflicts()?;
        let (users, rooms) = match &self.room_sizes {
            Some(sizes) => (sizes.iter().fold(0, |sum: usize, size| sum.saturating_add(*size)), sizes.len()),
            None => (self.users.unwrap_or(100), self.rooms.unwrap_or(10)),
        };
        let load = match self.window {
            Some(window) => Load::Window(whole("window", window, 1..=10_000)?),
            None => Load::Rate(number("rate", self.rate.unwrap_or(1.0), 1e-6..=1e6)?),
        };
        let prefix = self.prefix.unwrap_or_else(|| "robot".to_owned());
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if !(1..=PREFIX_BYTES_MAX).contains(&prefix.len()) || !prefix.bytes().all(plain) {
            let expected = format!("1 to {PREFIX_BYTES_MAX} letters, digits, - _ or .");
            return Err(LoadPlanError::Invalid { setting: "prefix", expected, got: format!("{prefix:?}") });
        }
        Ok(LoadPlan {
            direct: self.connector.is_some(),
            gate: self.connector.or(self.gate).unwrap_or_else(|| "127.0.0.1:3014".to_owned()),
            users: whole("users", users, 1..=USERS_MAX)?,
            rooms: whole("rooms", rooms, 1..=USERS_MAX)?,
            zipf: number("zipf", self.zipf.unwrap_or(0.0), 0.0..=10.0)?,
            room_sizes: self.room_sizes,
            senders: self.senders,
            arrivals: number("arrivals", self.arrivals.unwrap_or(200.0), 1e-3..=1e6)?,
            load,
            payload: whole("payload", self.payload.unwrap_or(64), 0..=PAYLOAD_BYTES_MAX)?,
            transport: self.transport.unwrap_or(TransportChoice::Mix),
            churn: number("churn", self.churn.unwrap_or(0.0), 0.0..=600.0)?,
            duration: number("duration", self.duration.unwrap_or(10.0), 0.001..=1e6)?,
            warmup: number("warmup", self.warmup.unwrap_or(1.0), 0.0..=1e6)?,
            timeout: number("timeout", self.timeout.unwrap_or(5.0), 0.001..=3600.0)?,
            seed: self.seed.unwrap_or(1),
            prefix,
            pid: self.pid.unwrap_or_default(),
        })
    }

    fn conflicts(&self) -> Result<(), LoadPlanError> {
        let by_law =
            [("users", self.users.is_some()), ("rooms", self.rooms.is_some()), ("zipf", self.zipf.is_some())];
        if self.room_sizes.is_some()
            && let Some((other, _)) = by_law.into_iter().find(|(_, given)| *given)
        {
            let why = "the sizes say how many users and rooms there are";
            return Err(LoadPlanError::Conflict { one: "room_sizes", other, why });
        }
        if self.gate.is_some() && self.connector.is_some() {
            let why = "a connector is where to log in without asking a gate";
            return Err(LoadPlanError::Conflict { one: "gate", other: "connector", why });
        }
        if self.window.is_some() && self.rate.is_some() {
            let why = "a window is a closed loop, a rate an open one";
            return Err(LoadPlanError::Conflict { one: "window", other: "rate", why });
        }
        Ok(())
    }
}

fn whole(setting: &'static str, value: usize, range: RangeInclusive<usize>) -> Result<usize, LoadPlanError> {
    if range.contains(&value) {
        return Ok(value);
    }
    let expected = format!("{} to {}", range.start(), range.end());
    Err(LoadPlanError::Invalid { setting, expected, got: value.to_string() })
}

fn number(setting: &'static str, value: f64, range: RangeInclusive<f64>) -> Result<f64, LoadPlanError> {
    if range.contains(&value) {
        return Ok(value);
    }
    let expected = format!("{} to {}", range.start(), range.end());
    Err(LoadPlanError::Invalid { setting, expected, got: value.to_string() })
}
