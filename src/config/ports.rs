//! The ports of a second cluster of one configuration: each shifted by a number, or any that is free.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::error::ConfigError;
use super::spec::ClusterSpec;

/// Where the ports of a cluster are, seen from its configuration.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Ports {
    /// So many above what the files say.
    Offset(u16),
    /// Any that are free.
    Any,
}

impl Default for Ports {
    fn default() -> Self {
        Self::Offset(0)
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Offset(0) => f.write_str("ports as configured"),
            Self::Offset(offset) => write!(f, "ports + {offset}"),
            Self::Any => f.write_str("any ports"),
        }
    }
}

impl Ports {
    /// A port that no file names, such as the console's.
    pub fn of(self, port: u16) -> Option<u16> {
        match self {
            _ if port == 0 => Some(0),
            Self::Offset(offset) => port.checked_add(offset),
            Self::Any => Some(0),
        }
    }
}

impl ClusterSpec {
    /// The same cluster with its ports there: those of clients, those between servers, and the master's.
    ///
    /// # Errors
    /// A port would be over 65535.
    pub fn with_ports(mut self, ports: Ports) -> Result<Self, ConfigError> {
        for server in &mut self.servers {
            for port in [&mut server.port, &mut server.client_port].into_iter().flatten() {
                *port = moved(ports, *port, server.id.as_str())?;
            }
        }
        if let Some(master) = &mut self.master {
            master.port = moved(ports, master.port, master.id.as_str())?;
        }
        Ok(self)
    }
}

fn moved(ports: Ports, port: u16, id: &str) -> Result<u16, ConfigError> {
    let too_high = || ConfigError::PortTooHigh { id: id.to_owned(), port, ports };
    ports.of(port).ok_or_else(too_high)
}
