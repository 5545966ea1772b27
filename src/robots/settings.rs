//! Robots' settings, from flags and from a file.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use clap::Args;
use serde::Deserialize;

use super::plan::{LoadPlanError, TransportChoice};

/// Largest settings file in bytes.
pub(super) const FILE_BYTES_MAX: u64 = 1 << 20;

/// Unchecked settings, each from a flag or from the key of the same name in a file; all are
/// optional.
#[derive(Args, Clone, Default, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where the gate listens [default: the gate of the running cluster, or of --config, or
    /// 127.0.0.1:3014]
    #[arg(long, value_name = "HOST:PORT")]
    pub gate: Option<String>,
    /// Where a connector listens: robots log in there, and ask no gate
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "gate")]
    pub connector: Option<String>,
    /// Robots in all [default: 100]
    #[arg(long, value_name = "N")]
    pub users: Option<usize>,
    /// Rooms that they are spread over [default: 10]
    #[arg(long, value_name = "N")]
    pub rooms: Option<usize>,
    /// Skew of the room sizes by Zipf's law: the k-th room is as large as 1/k to this power; 0
    /// makes all alike [default: 0]
    #[arg(long, value_name = "S")]
    pub zipf: Option<f64>,
    /// Room sizes by hand, instead of --users, --rooms and --zipf
    #[arg(long, value_name = "A,B,...", value_delimiter = ',')]
    pub room_sizes: Option<Vec<usize>>,
    /// How many users of each room send [default: all]
    #[arg(long, value_name = "N")]
    pub senders: Option<usize>,
    /// Logins that begin per second [default: 200]
    #[arg(long, value_name = "R")]
    pub arrivals: Option<f64>,
    /// Messages per second and sender, at random moments that wait for nothing (open loop)
    /// [default: 1]
    #[arg(long, value_name = "R")]
    pub rate: Option<f64>,
    /// Requests that each sender keeps in flight: the next goes when one is answered (closed loop),
    /// instead of --rate
    #[arg(long, value_name = "W")]
    pub window: Option<usize>,
    /// Length of a message's content; what it says of itself is never cut off [default: 64]
    #[arg(long, value_name = "BYTES")]
    pub payload: Option<usize>,
    /// How robots connect; mix is half of each [default: mix]
    #[arg(long, value_enum)]
    pub transport: Option<TransportChoice>,
    /// How often per minute each user leaves and enters again [default: 0]
    #[arg(long, value_name = "R")]
    pub churn: Option<f64>,
    /// How long to measure [default: 10]
    #[arg(long, value_name = "SECONDS")]
    pub duration: Option<f64>,
    /// How long the same load goes before, unmeasured [default: 1]
    #[arg(long, value_name = "SECONDS")]
    pub warmup: Option<f64>,
    /// How long a step of a login, or a request, may take [default: 5]
    #[arg(long, value_name = "SECONDS")]
    pub timeout: Option<f64>,
    /// Who is in which room, and when what is sent: the same seed, the same run [default: 1]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// What the names of users and rooms begin with [default: robot]
    #[arg(long, value_name = "TEXT")]
    pub prefix: Option<String>,
    /// The server's processes: their CPU time and memory are reported
    #[arg(long, value_name = "PID,...", value_delimiter = ',')]
    pub pid: Option<Vec<u32>>,
}

impl Settings {
    /// Reads a file of settings.
    ///
    /// # Errors
    /// It cannot be read, or is not a JSON object with only known keys of the right types.
    pub fn load(path: &Path) -> Result<Self, LoadPlanError> {
        let file = path.display().to_string();
        let mut text = String::new();
        let read = File::open(path).and_then(|open| open.take(FILE_BYTES_MAX + 1).read_to_string(&mut text));
        match read {
            Err(reason) => Err(LoadPlanError::Unreadable { file, reason }),
            Ok(bytes) if bytes as u64 > FILE_BYTES_MAX => Err(LoadPlanError::TooLarge { file }),
            Ok(_) => Self::from_json(&text, file),
        }
    }

    /// Reads the text of such a file; `file` names it in errors.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn from_json(text: &str, file: String) -> Result<Self, LoadPlanError> {
        let mut reader = serde_json::Deserializer::from_str(text);
        let settings = serde_path_to_error::deserialize(&mut reader);
        let malformed = |key: String, error: serde_json::Error| {
            let reason = error.to_string();
            let reason = reason.rsplit_once(" at line ").map_or(&*reason, |(reason, _)| reason).to_owned();
            LoadPlanError::Malformed { file, line: error.line(), column: error.column(), key, reason }
        };
        let settings = match settings {
            Ok(settings) => settings,
            Err(error) => {
                let path = error.path().to_string();
                let key = if path == "." { String::new() } else { format!("{path}: ") };
                return Err(malformed(key, error.into_inner()));
            }
        };
        reader.end().map_err(|error| malformed(String::new(), error))?;
        Ok(settings)
    }

    /// Fills unset settings from `file`. A flag that excludes a setting of the file replaces it.
    #[must_use]
    pub fn over(self, file: Settings) -> Settings {
        let by_hand = self.room_sizes.is_some();
        let by_law = self.users.is_some() || self.rooms.is_some() || self.zipf.is_some();
        let (open, closed) = (self.rate.is_some(), self.window.is_some());
        Settings {
            // Either flag decides where to log in and overrides both settings of the file.
            connector: if self.gate.is_some() { None } else { self.connector.clone().or(file.connector) },
            gate: if self.connector.is_some() { None } else { self.gate.or(file.gate) },
            users: self.users.or(file.users.filter(|_| !by_hand)),
            rooms: self.rooms.or(file.rooms.filter(|_| !by_hand)),
            zipf: self.zipf.or(file.zipf.filter(|_| !by_hand)),
            room_sizes: self.room_sizes.or(file.room_sizes.filter(|_| !by_law)),
            senders: self.senders.or(file.senders),
            arrivals: self.arrivals.or(file.arrivals),
            rate: self.rate.or(file.rate.filter(|_| !closed)),
            window: self.window.or(file.window.filter(|_| !open)),
            payload: self.payload.or(file.payload),
            transport: self.transport.or(file.transport),
            churn: self.churn.or(file.churn),
            duration: self.duration.or(file.duration),
            warmup: self.warmup.or(file.warmup),
            timeout: self.timeout.or(file.timeout),
            seed: self.seed.or(file.seed),
            prefix: self.prefix.or(file.prefix),
            pid: self.pid.or(file.pid),
        }
    }
}
