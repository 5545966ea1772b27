//! Refusals on routes whose answers have a protobuf definition: every client receives them, with
//! the fields that the definition contains.

use std::net::SocketAddr;
use std::time::Duration;

use crate::support::node::{self, Played};
use crate::support::official::{Clients, ENTER, KINDS, Kind, QUERY_ENTRY, SEND};
use crate::support::patient;
use crate::support::watch::account;
use pomelo_sim::cluster::{Cluster, Options};
use pomelo_sim::config::ProtoFiles;
use pomelo_sim::live::RunningCluster;
use pomelo_sim::servers::SessionLimits;
use serde_json::{Value, json};

node::tests!(every_client_hears_every_refusal, every_client_hears_of_a_deadline, a_busy_server_is_heard_too,);

/// Pomelo's clients, and ours for browsers.
const ALL: [Kind; 4] = [KINDS[0], KINDS[1], KINDS[2], Kind::Ours];

/// Three ways for a refusal to fit: its code and message; its code, and a field of another type;
/// not at all.
fn protos() -> ProtoFiles {
    let server = json!({
        SEND: {"optional uInt32 code": 1, "optional string message": 2},
        ENTER: {"repeated string users": 1, "optional uInt32 code": 2, "optional string error": 3},
        QUERY_ENTRY: {"required uInt32 code": 1, "required string host": 2, "required uInt32 port": 3},
        "onChat": {"required string msg": 1, "required string from": 2, "required string target": 3},
    });
    let client = json!({QUERY_ENTRY: {"required string uid": 1}});
    ProtoFiles { server, client }
}

fn start(options: Options) -> RunningCluster {
    let mut spec = crate::support::spec(1, 1);
    (spec.protos, spec.dictionary) = (Some(protos()), Some(vec!["onChat".to_owned()]));
    Cluster::from_spec(spec).options(options).start().unwrap()
}

fn address(cluster: &RunningCluster, server: &str) -> SocketAddr {
    cluster.address(server).unwrap()
}

fn every_client_hears_every_refusal() -> Played {
    let cluster = start(patient());
    let mut clients = Clients::of(address(&cluster, "gate-server-1"))?;
    for kind in ALL {
        let name = format!("{kind:?}");
        clients.create(&name, kind, json!({}));
        clients.open(&name, address(&cluster, "gate-server-1"));
        // Host and port are required and missing, so the body is empty.
        assert_eq!(clients.request(&name, QUERY_ENTRY, json!({"uid": ""})), json!({}), "{kind:?}");
        let entry = clients.request(&name, QUERY_ENTRY, json!({"uid": &name}));
        assert_eq!((&entry["code"], &entry["host"]), (&json!(200), &json!("127.0.0.1")), "{kind:?}");
        clients.close(&name);

        clients.open(&name, address(&cluster, "connector-server-1"));
        let early = clients.request(&name, SEND, json!({"content": "", "target": "*"}));
        assert_eq!(early["code"], 500, "{kind:?}: {early}");
        assert!(early["message"].as_str().is_some_and(|why| !why.is_empty()), "{kind:?}: {early}");
        assert_eq!(clients.enter(&name, &name, "lobby")["users"], json!([&name]), "{kind:?}");
        // `error` is a string there, and true is none.
        assert_eq!(clients.enter(&name, &name, "lobby"), json!({"code": 500}), "{kind:?}: again");
        let refused = clients.request(&name, SEND, json!({"content": "", "target": "nobody"}));
        assert_eq!(refused["code"], 500, "{kind:?}: {refused}");
        clients.close(&name);
        crate::support::wait_until("it has left", || cluster.view().unwrap().uids == 0);
    }
    Ok(())
}

fn every_client_hears_of_a_deadline() -> Played {
    let cluster = start(Options { request_timeout: Duration::from_secs(2), ..patient() });
    let mut clients = Clients::of(address(&cluster, "gate-server-1"))?;
    for kind in ALL {
        let name = format!("{kind:?}");
        clients.create(&name, kind, json!({}));
        clients.open(&name, address(&cluster, "connector-server-1"));
        // On a busy machine this may miss its deadline as well.
        while clients.enter(&name, &name, "lobby")["users"] != json!([&name]) {}
        cluster.pause("chat-server-1").unwrap();
        let late = clients.request(&name, SEND, json!({"content": "", "target": "*"}));
        let expected =
            json!({"code": 504, "message": format!("{SEND}: no answer in time (--request-timeout)")});
        assert_eq!(late, expected, "{kind:?}");
        cluster.resume("chat-server-1").unwrap();
        clients.close(&name);
        crate::support::wait_until("it has left", || cluster.view().unwrap().uids == 0);
    }
    Ok(())
}

fn a_busy_server_is_heard_too() -> Played {
    let cluster =
        start(Options { sessions: SessionLimits { calls_max: 0, ..SessionLimits::default() }, ..patient() });
    let mut clients = Clients::of(address(&cluster, "gate-server-1"))?;
    for kind in ALL {
        let name = format!("{kind:?}");
        clients.create(&name, kind, json!({}));
        clients.open(&name, address(&cluster, "connector-server-1"));
        let answer: Value = clients.request(&name, SEND, json!({"content": "", "target": "*"}));
        assert_eq!(answer["code"], 503, "{kind:?}: {answer}");
        clients.close(&name);
    }
    let door = account(&cluster, "connector-server-1");
    assert_eq!(door.counters.refused, ALL.len() as u64);
    Ok(())
}
