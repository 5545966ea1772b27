//! Reload: changes a running cluster to match its configuration.

use super::control::{ControlError, Reloaded};
use super::running::{Control, RunningCluster};
use super::timeline::EventKind;
use crate::config::{ClusterSpec, ServerSpec};
use crate::ids::{ServerId, ServerType};

impl RunningCluster {
    /// Changes the cluster to match another configuration: adds, removes and replaces servers that
    /// differ, and puts the lists into the order of the file.
    ///
    /// # Errors
    /// A server of the configuration cannot be added. Nothing has changed then, unless its port was
    /// taken in that very moment.
    pub fn reload(&self, spec: &ClusterSpec) -> Result<Reloaded, ControlError> {
        let running: Vec<_> = self.servers().map(|(server, _)| server).collect();
        let runs_so = |wanted: &&ServerSpec| running.iter().any(|server| is_same(server, wanted));
        let to_start = spec.servers.iter().filter(|wanted| !runs_so(wanted)).cloned().collect();
        // Before anything stops: a server that cannot start must not take the place of one that
        // runs.
        self.ask(|asker| Control::CheckStart(to_start, asker))??;
        let mut done = Reloaded { reordered: reordered(&running, &spec.servers), ..Reloaded::default() };
        for server in &running {
            match spec.servers.iter().find(|wanted| wanted.id == server.id) {
                None => {
                    self.remove(server.id.as_str())?;
                    done.removed.push(server.id.clone());
                }
                Some(wanted) if !is_same(server, wanted) => {
                    match self.stop_server(server.id.as_str()) {
                        // A server that is down needs no stop.
                        Ok(()) | Err(ControlError::WrongState { .. }) => {}
                        Err(error) => return Err(error),
                    }
                    done.replaced.push(server.id.clone());
                }
                Some(_) => {}
            }
        }
        let order: Vec<ServerId> = spec.servers.iter().map(|server| server.id.clone()).collect();
        // Before anything starts: each server takes its place at once, and no room moves twice.
        self.ask(|asker| Control::Arrange(order.clone(), asker))?;
        for wanted in &spec.servers {
            let runs = running.iter().any(|server| server.id == wanted.id);
            if !runs {
                done.added.push(wanted.id.clone());
            }
            if !runs || done.replaced.contains(&wanted.id) {
                self.add(wanted.clone())?;
            }
        }
        // Again, for the roster: servers that were added now stand at its end.
        self.ask(|asker| Control::Arrange(order, asker))?;
        let text = format!(
            "the configuration of {}: {} added, {} removed, {} replaced, {} in another order",
            spec.source.display(),
            done.added.len(),
            done.removed.len(),
            done.replaced.len(),
            done.reordered.len()
        );
        self.timeline.note(EventKind::Reloaded, None, text);
        Ok(done)
    }
}

/// Whether a server runs as a configuration describes it; port 0 there means any port.
fn is_same(running: &ServerSpec, wanted: &ServerSpec) -> bool {
    let any_port = wanted.client_port == Some(0);
    *running
        == ServerSpec {
            client_port: if any_port { running.client_port } else { wanted.client_port },
            ..wanted.clone()
        }
}

/// The types whose servers are in another order in the file, disregarding servers that come or go.
fn reordered(running: &[ServerSpec], wanted: &[ServerSpec]) -> Vec<ServerType> {
    let kept = |server_type: &ServerType, servers: &[ServerSpec], others: &[ServerSpec]| -> Vec<ServerId> {
        let is_kept = |server: &&ServerSpec| {
            server.server_type == *server_type && others.iter().any(|other| other.id == server.id)
        };
        servers.iter().filter(is_kept).map(|server| server.id.clone()).collect()
    };
    let mut types: Vec<ServerType> = wanted.iter().map(|server| server.server_type.clone()).collect();
    types.dedup();
    types.retain(|server_type| kept(server_type, running, wanted) != kept(server_type, wanted, running));
    types
}
