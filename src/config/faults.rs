//! Faults of a configuration that Pomelo lives with: each is a warning, and something stands in for what is wrong.
//!
//! A file is read so, since it works with Pomelo; the words of `pomelo-sim add` are refused at the first fault.

use super::error::ConfigError;
use super::raw::{Field, RawServer};
use super::warning::{Bites, Warning};

/// Most faults that are reported: a file that is nothing but faults must not fill the memory.
const REPORTED_MAX: usize = 1000;

/// What becomes of faults, and those that there were.
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

    /// `so` says what is done in place of what is wrong.
    pub(super) fn forgive(&mut self, about: &str, error: ConfigError, so: &str) -> Result<(), ConfigError> {
        let Some(warnings) = &mut self.forgiven else { return Err(error) };
        if warnings.len() < REPORTED_MAX {
            let (about, message) = (about.to_owned(), format!("{error}; {so}"));
            warnings.push(Warning { about, message, bites: Bites::Always });
        }
        Ok(())
    }

    /// What was read, or what stands in for it.
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

    /// A port, if there is one. One that no system has is an error for Pomelo too; a text that is no number is not.
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
                let so = port.map_or("as if it were not there".to_owned(), |port| format!("taken as {port}"));
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
                let so = host
                    .as_ref()
                    .map_or("as if it were not there".to_owned(), |host| format!("taken as {host:?}"));
                self.forgive(about, error, &so)?;
                Ok(host)
            }
        }
    }
}
