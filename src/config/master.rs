//! `master.json`: only the master's port matters here; commands find the cluster by it.

use super::check::{LOOPBACK, id};
use super::error::{ConfigError, Spot};
use super::faults::Faults;
use super::node::Node;
use super::raw::RawServer;
use super::spec::MasterSpec;
use crate::ids::ServerId;

/// The master, and the place of its port. Only commands need it, so a cluster works without.
pub(super) fn read(node: Node<'_>, faults: &mut Faults) -> Result<Option<(MasterSpec, Spot)>, ConfigError> {
    const NO_MASTER: &str = "so there is no admin port, unless serve --admin names one";
    let about = node.spot().place.file.display().to_string();
    let raw = match RawServer::new(node.clone(), "the master, an object with \"id\", \"host\" and \"port\"") {
        Ok(raw) => raw,
        Err(error) => return faults.forgive(&about, error, NO_MASTER).map(|()| None),
    };
    let port = match raw.required("port", "the port of the master").and_then(|field| field.port()) {
        Ok(port) => port,
        Err(error) => return faults.forgive(&about, error, NO_MASTER).map(|()| None),
    };
    let id = match id(&raw, faults)? {
        Ok(id) => id,
        Err(error) => {
            faults.forgive(&about, error, "it is called master here")?;
            "master".to_owned()
        }
    };
    let host = match raw.required("host", "the address of the master") {
        Ok(field) => faults.host(field, &about)?,
        Err(error) => faults.forgive(&about, error, "127.0.0.1 is taken").map(|()| None)?,
    };
    let spot = raw.get("port").map_or(&raw.node, |field| &field.node).spot();
    let (id, host) = (ServerId::from(id), host.unwrap_or_else(|| LOOPBACK.to_owned()));
    Ok(Some((MasterSpec { id, host, port }, spot)))
}
