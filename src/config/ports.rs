//! Ports for a second cluster of the same configuration: each shifted by an offset, or any free
//! port.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::error::ConfigError;
use super::spec::ClusterSpec;

/// How a cluster's ports follow from its configuration.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Ports {
    /// Shifted up from the configured ports by this number.
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
    /// Applies this to a port that is not in the configuration, such as the console's.
    pub fn apply(self, port: u16) -> Option<u16> {
        match self {
            _ if port == 0 => Some(0),
            Self::Offset(offset) => port.checked_add(offset),
            Self::Any => Some(0),
        }
    }
}

impl ClusterSpec {
    /// Applies `ports` to the client ports, the ports between servers, and the master's.
    ///
    /// # Errors
    /// A port would be over 65535.
    pub fn with_ports(mut self, ports: Ports) -> Result<Self, ConfigError> {
        for server in &mut self.servers {
            for port in [&mut server.port, &mut server.client_port].into_iter().flatten() {
                *port = applied(ports, *port, server.id.as_str())?;
            }
        }
        if let Some(master) = &mut self.master {
            master.port = applied(ports, master.port, master.id.as_str())?;
        }
        Ok(self)
    }
}

fn applied(ports: Ports, port: u16, id: &str) -> Result<u16, ConfigError> {
    let too_high = || ConfigError::PortTooHigh { id: id.to_owned(), port, ports };
    ports.apply(port).ok_or_else(too_high)
}
