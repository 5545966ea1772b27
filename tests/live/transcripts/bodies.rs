//! A scenario's cluster, and the bodies of its messages: JSON, or protobuf where it has
//! definitions.

use pomelo_sim::cluster::Cluster;
use pomelo_sim::config::{ClusterSpec, ProtoFiles};
use pomelo_sim::wire::{Protos, WireRoute};
use serde_json::Value;

use super::scenario::Configuration;
use crate::support::spec;

pub(crate) const SEND: &str = "chat.chatHandler.send";

/// The tutorial's seven servers as they were configured for the recording.
pub(crate) fn cluster(configuration: Configuration) -> Cluster {
    let spec = spec(3, 3);
    let pushes =
        || serde_json::from_str(include_str!("../../data/tutorial-protobuf/dictionary.json")).unwrap();
    Cluster::from_spec(match configuration {
        Configuration::Plain => spec,
        Configuration::Dictionary => ClusterSpec { dictionary: Some(pushes()), ..spec },
        Configuration::Protobuf => ClusterSpec { dictionary: Some(pushes()), protos: Some(files()), ..spec },
        Configuration::Experiment => panic!("there is no such configuration"),
    })
}

/// The client's side of the bodies.
pub(crate) struct Bodies {
    protos: Option<Protos>,
}

impl Bodies {
    pub(crate) fn of(configuration: Configuration) -> Self {
        let ProtoFiles { server, client } = files();
        let protos = || Protos::from_json(&server, &client).unwrap();
        Self { protos: (configuration == Configuration::Protobuf).then(protos) }
    }

    /// `null` for what cannot be read.
    pub(crate) fn read_request(&self, route: &WireRoute<'_>, body: &[u8]) -> Value {
        match (&self.protos, name(route)) {
            (Some(protos), route) if protos.has_client(route) => {
                protos.decode_client(route, body).unwrap_or_default()
            }
            _ => serde_json::from_slice(body).unwrap_or_default(),
        }
    }

    pub(crate) fn read_push(&self, route: &WireRoute<'_>, body: &[u8]) -> Value {
        match (&self.protos, name(route)) {
            (Some(protos), route) if protos.has_server(route) => protos.decode_server(route, body).unwrap(),
            _ => serde_json::from_slice(body).unwrap(),
        }
    }
}

/// The two routes of which the recordings with a dictionary have codes that matter here.
fn name<'a>(route: &'a WireRoute<'_>) -> &'a str {
    match route {
        WireRoute::Name(name) => name,
        WireRoute::Code(1) => SEND,
        WireRoute::Code(4) => "onChat",
        WireRoute::Code(_) => "",
    }
}

fn files() -> ProtoFiles {
    ProtoFiles {
        server: serde_json::from_str(include_str!("../../data/tutorial-protobuf/serverProtos.json")).unwrap(),
        client: serde_json::from_str(include_str!("../../data/tutorial-protobuf/clientProtos.json")).unwrap(),
    }
}
