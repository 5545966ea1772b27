//! Errors that Pomelo tolerates: each becomes a warning, and a substitute replaces the invalid
//! value.
//!
//! Files are read this way, since they work with Pomelo; `pomelo-sim add` refuses the first fault.

use super::error::ConfigError;
use super::raw::{Field, RawServer};
use super::warning::{Bites, Warning};

/// Most faults that are reported, so that a file full of them cannot fill the memory.
const REPORTED_MAX: usize = 1000;

/// How faults are handled, and those found so far.
pub(super) struct Faults {
    forgiven: Option<Vec<Warning>>,
}

impl Faults {
    /// Each fault becomes a warning.
    pub(super) fn forgiving() -> Self {
        Self { forgiven: Some(Vec::new()) }
    }

    /// The first fault is the error.
    pub(super) fn refusing() -> Self {
        Self { forgiven: None }
    }

    pub(super) fn are_forgiven(&self) -> bool {
        self.forgiven.is_some()
    }

    /// The warnings.
    pub(super) fn into_warnings(self) -> Vec<Warning> {
        self.forgiven.unwrap_or_default()
    }

    /// `so` names the substitute.
    pub(super) fn forgive(&mut self, about: &str, error: ConfigError, so: &str) -> Result<(), ConfigError> {
        let Some(warnings) = &mut self.forgiven else { return Err(error) };
        if warnings.len() < REPORTED_MAX {
            let (about, message) = (about.to_owned(), format!("{error}; {so}"));
            warnings.push(Warning { about, message, bites: Bites::Always });
        }
        Ok(())
    }

    /// The value, or its substitute.
    pub(super) fn or<T>(
        &mut self,
        read: Result<T, ConfigError>,
        about: &str,
        so: &str,
        instead: T,
    ) -> Result<T, ConfigError> {
        match read {
            Ok(value) => Ok(value),
            Err(error) => self.forgive(about, error, so).map(|()| instead),
        }
    }

    /// A port, if set. A number out of range is an error in Pomelo too; a text that is not a number
    /// is not.
    pub(super) fn port(
        &mut self,
        raw: &RawServer<'_>,
        key: &str,
        about: &str,
    ) -> Result<Option<u16>, ConfigError> {
        let Some(field) = raw.get(key) else { return Ok(None) };
        match field.port() {
            Ok(port) => Ok(Some(port)),
            Err(error) if field.is_number() => Err(error),
            Err(error) => {
                let port = field.leading_port();
                let so = port.map_or("ignored".to_owned(), |port| format!("taken as {port}"));
                self.forgive(about, error, &so)?;
                Ok(port)
            }
        }
    }

    /// A host, if it is one.
    pub(super) fn host(&mut self, field: &Field<'_>, about: &str) -> Result<Option<String>, ConfigError> {
        const A_HOST: &str = "a host";
        match field.name(A_HOST) {
            Ok(host) => Ok(Some(host)),
            Err(error) => {
                let host = field.rough_name(A_HOST)?;
                let so = host.as_ref().map_or("ignored".to_owned(), |host| format!("taken as {host:?}"));
                self.forgive(about, error, &so)?;
                Ok(host)
            }
        }
    }
}
