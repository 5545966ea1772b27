//! The table of all handlers by full route. A frontend resolves a message's server type with one
//! lookup.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::envelope::AppError;
use crate::ids::ServerType;

/// All handlers of the cluster. Built once from the registrations of the server types, and shared
/// by all servers.
#[derive(Clone, Debug, Default)]
pub struct HandlerTable {
    by_route: FxHashMap<Box<str>, Resolved>,
    by_type: BTreeMap<ServerType, Vec<Arc<str>>>,
}

/// The handler that a client's route names.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The server type that serves the route.
    pub server_type: ServerType,
    /// The route from the client's message, such as `chat.chatHandler.send`.
    pub route: Arc<str>,
    /// The route without the server type.
    pub handler: Arc<str>,
}

impl HandlerTable {
    /// Adds the handlers of one server type.
    pub fn add(&mut self, server_type: &ServerType, handlers: impl IntoIterator<Item = impl AsRef<str>>) {
        let known = self.by_type.entry(server_type.clone()).or_default();
        for handler in handlers {
            let route = format!("{server_type}.{}", handler.as_ref());
            let handler: Arc<str> = handler.as_ref().into();
            known.push(handler.clone());
            let resolved =
                Resolved { server_type: server_type.clone(), route: route.as_str().into(), handler };
            self.by_route.insert(route.into(), resolved);
        }
        known.sort();
    }

    /// Returns all routes, sorted.
    pub fn routes(&self) -> Vec<String> {
        let mut routes: Vec<String> = self.by_route.keys().map(|route| route.to_string()).collect();
        routes.sort();
        routes
    }

    /// Resolves a client's route.
    ///
    /// # Errors
    /// The route is unknown. The message lists the known handlers of its type, or the known types.
    pub fn resolve(&self, route: &str) -> Result<&Resolved, AppError> {
        self.by_route.get(route).ok_or_else(|| {
            let shown: String = route.chars().take(80).collect();
            let known =
                route.split_once('.').and_then(|(server_type, _)| self.by_type.get_key_value(server_type));
            AppError::new(match known {
                Some((server_type, handlers)) => {
                    format!("unknown route {shown:?}: {server_type} serves {}", listed(handlers))
                }
                None => {
                    let types: Vec<&str> = self.by_type.keys().map(ServerType::as_str).collect();
                    format!(
                        "unknown route {shown:?}: it starts with a server type, one of {}",
                        listed(&types)
                    )
                }
            })
        })
    }
}

/// Joins names for an error message.
pub(super) fn listed(names: &[impl AsRef<str>]) -> String {
    if names.is_empty() {
        return "nothing".to_owned();
    }
    names.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ")
}
