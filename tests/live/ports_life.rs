//! Ports open, fill up, kick, close and open again.

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::client::{BOTH, Client, Got, Transport};
use crate::support::raw::Raw;
use crate::support::watch::{Held, closed, connectors, port, wait_closed};
use crate::support::{LONG, PATIENCE, patient, spec, tutorial, wait_until};
use pomelo_sim::cluster::{Cluster, Options};
use pomelo_sim::config::{ClusterSpec, ServerSpec};
use pomelo_sim::envelope::AppError;
use pomelo_sim::live::{RunningCluster, StartError};
use pomelo_sim::ports::CloseReason;
use pomelo_sim::servers::{Cx, Registry, Reply, ServerLogic};
use serde_json::{Value, json};

/// A frontend that kicks clients on request, and rings a bell on another server.
struct Door;

/// A backend whose bell takes its time.
struct Bell;

const RING: Duration = Duration::from_millis(400);

/// How often a door was asked to ring.
static ASKED: AtomicUsize = AtomicUsize::new(0);

impl ServerLogic for Door {
    const NAME: &'static str = "door";

    fn create(_: &ServerSpec) -> Self {
        Self
    }

    fn register(registry: &mut Registry<Self>) {
        registry.handler("doorHandler.leave", Self::leave).handler("doorHandler.ring", Self::ring);
    }
}

impl Door {
    fn leave(&mut self, cx: &mut Cx<'_>, message: Value) -> Result<Value, AppError> {
        let session = cx.session().unwrap().key.clone();
        cx.kick(&session, message["why"].as_str().unwrap());
        Ok(json!({}))
    }

    fn ring(&mut self, cx: &mut Cx<'_>, _: Value) -> Reply<Self, Value> {
        ASKED.fetch_add(1, Ordering::Relaxed);
        cx.call::<Value>("bell", "bellRemote.ring", &json!({})).then(|_: &mut Self, _, rung| rung)
    }
}

impl ServerLogic for Bell {
    const NAME: &'static str = "bell";

    fn create(_: &ServerSpec) -> Self {
        Self
    }

    fn register(registry: &mut Registry<Self>) {
        registry.remote("bellRemote.ring", |_, _, _: Value| {
            std::thread::sleep(RING);
            Ok(json!({"rung": true}))
        });
    }

    fn before_shutdown(&mut self, cx: &mut Cx<'_>) {
        cx.broadcast("door", "onClosing", &json!({"by": cx.server().id.as_str()})).unwrap();
    }
}

fn house(options: Options) -> RunningCluster {
    // The bells stand last: what they say at the end has the shortest time to arrive.
    let json = r#"{
        "door": [{"id": "door-1", "host": "127.0.0.1", "clientPort": 0, "frontend": true},
                 {"id": "door-2", "host": "127.0.0.1", "clientPort": 0, "frontend": true}],
        "gate": [{"id": "gate-1", "host": "127.0.0.1", "clientPort": 0, "frontend": true}],
        "connector": [{"id": "connector-1", "host": "127.0.0.1", "clientPort": 0, "frontend": true}],
        "chat": [{"id": "chat-1", "host": "127.0.0.1", "port": 0}],
        "bell": [{"id": "bell-1", "host": "127.0.0.1", "port": 0}]
    }"#;
    let spec = ClusterSpec::from_json(json, "development", Path::new("servers.json")).unwrap();
    Cluster::from_spec(spec).server_type::<Door>().server_type::<Bell>().options(options).start().unwrap()
}

#[test]
fn a_kick_brings_its_reason_and_then_the_end() {
    let cluster = house(patient());
    for transport in BOTH {
        let mut client = Client::open(cluster.address("door-1").unwrap(), transport);
        let answer = client.request("door.doorHandler.leave", json!({"why": "你 \"asked\""}));
        assert_eq!(answer, json!({}));
        let code = (transport == Transport::WebSocket).then_some(1000);
        assert_eq!(client.closed(), (Some("你 \"asked\"".to_owned()), code));
    }
    wait_closed(&cluster, "door-1", CloseReason::Kicked, 2);
    Held::wait_nothing(&cluster);
}

#[test]
fn a_stop_answers_first_then_says_why_and_closes() {
    [false, true].into_iter().for_each(stop_a_house);
}

fn stop_a_house(kick_on_stop: bool) {
    let cluster = house(Options { kick_on_stop, stop_timeout: PATIENCE, ..patient() });
    let mut clients = BOTH.map(|transport| Client::open(cluster.address("door-1").unwrap(), transport));
    let mut idle = Client::open(cluster.address("door-2").unwrap(), Transport::Tcp);
    let ids = clients.each_mut().map(|client| client.send("door.doorHandler.ring", json!({})));
    wait_until("both are asked for", || ASKED.load(Ordering::Relaxed) == clients.len());
    let stopping = std::thread::spawn(move || cluster.stop());
    for (client, id) in clients.iter_mut().zip(ids) {
        assert_eq!(client.response(id), json!({"rung": true}));
    }
    for client in clients.iter_mut().chain([&mut idle]) {
        if !kick_on_stop {
            client.assert_closed_by_stop("server stopped");
            continue;
        }
        let (reason, code) = client.closed();
        assert_eq!(reason.as_deref(), Some("server stopped"));
        assert!(matches!(code, None | Some(1000)), "{code:?}");
    }
    stopping.join().unwrap();
}

#[test]
fn what_a_server_says_before_it_stops_still_arrives() {
    for threads in [1, 2] {
        let cluster = house(Options { threads, stop_timeout: PATIENCE, ..patient() });
        let doors = ["door-1", "door-2"].map(|door| cluster.address(door).unwrap());
        let clients = doors.iter().flat_map(|door| BOTH.map(|transport| Client::open(*door, transport)));
        let mut clients: Vec<Client> = clients.collect();
        let stopping = std::thread::spawn(move || cluster.stop());
        for client in &mut clients {
            let first = client.next(PATIENCE);
            let push = Got::Push("onClosing".to_owned(), json!({"by": "bell-1"}));
            assert_eq!(first, Some(push), "with {threads} threads");
            client.assert_closed_by_stop("server stopped");
        }
        stopping.join().unwrap();
    }
}

#[test]
fn a_stop_under_load_waits_for_no_timeout() {
    for threads in [1, 2] {
        stop_under_load(threads);
    }
}

fn stop_under_load(threads: usize) {
    let options = Options { threads, stop_timeout: LONG, kick_on_stop: true, ..patient() };
    let cluster = tutorial().options(options).start().unwrap();
    let answered = Arc::<AtomicUsize>::default();
    let talkers: Vec<_> = (0..48)
        .map(|n| {
            let address = connectors(&cluster)[n % 3];
            let mut client = Client::enter(address, BOTH[n % 2], &format!("talker{n}"), &format!("room{n}"));
            let answered = Arc::clone(&answered);
            std::thread::spawn(move || {
                // Eight requests are under way at any time.
                let mut answers = 0;
                for _ in 0..8 {
                    client.send("chat.chatHandler.send", json!({"content": 0, "target": "*"}));
                }
                loop {
                    match client.next(PATIENCE) {
                        Some(Got::Response(_, body)) => {
                            assert_eq!(body, json!({}));
                            answers += 1;
                            answered.fetch_add(usize::from(answers == 1), Ordering::Relaxed);
                            client.send("chat.chatHandler.send", json!({"content": 0, "target": "*"}));
                        }
                        Some(Got::Kick(reason)) => {
                            break assert_eq!((reason.as_str(), answers > 0), ("server stopped", true));
                        }
                        Some(Got::Push(..) | Got::Heartbeat) => {}
                        other => panic!("{other:?} after {answers} answers"),
                    }
                }
                client.close();
            })
        })
        .collect();
    wait_until("all talk", || answered.load(Ordering::Relaxed) == talkers.len());
    let begun = Instant::now();
    cluster.stop();
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    talkers.into_iter().for_each(|talker| talker.join().unwrap());
}

#[test]
fn a_full_port_turns_away_and_gives_places_back() {
    let mut spec = spec(1, 1);
    spec.servers.iter_mut().for_each(|server| {
        server.max_connections = (server.server_type.as_str() == "connector").then_some(4);
    });
    let cluster = Cluster::from_spec(spec).options(patient()).start().unwrap();
    let (name, address) = ("connector-server-1", connectors(&cluster)[0]);
    let mut clients: Vec<Client> = (0..4).map(|n| Client::open(address, BOTH[n % 2])).collect();
    for n in 0..50 {
        // A WebSocket is told in its own way: it opens, and closes normally.
        assert_eq!(Client::connect(address, Transport::WebSocket).closed(), (None, Some(1000)));
        let mut speaking = Raw::connect(address);
        speaking.send(crate::support::raw::HELLO);
        assert_eq!(speaking.end(), b"", "no package comes with a refusal");
        assert_eq!((port(&cluster, name).connections, port(&cluster, name).refused), (4, 2 * (n + 1)));
        clients.remove(0).close();
        wait_until("the place is given back", || port(&cluster, name).connections == 3);
        clients.push(Client::open(address, BOTH[n as usize % 2]));
    }
    // Of one that says nothing it is not known how to tell it; of many nobody is told.
    assert_eq!(Raw::connect(address).end(), b"");
    let mut many: Vec<Raw> = (0..80).map(|_| Raw::connect(address)).collect();
    many.iter_mut().for_each(|silent| assert_eq!(silent.end(), b""));
    for client in &mut clients {
        assert_eq!(client.request("nobody.knows.this", json!({}))["code"], 500);
    }
    let port = port(&cluster, name);
    assert_eq!((port.connections, port.accepted, port.refused), (4, 54, 181));
    assert_eq!(closed(&cluster, name, CloseReason::Client), 50);
    clients.into_iter().for_each(Client::close);
    Held::wait_nothing(&cluster);
}

#[test]
fn two_clusters_live_in_one_process() {
    let clusters = [(), ()].map(|()| tutorial().options(patient()).start().unwrap());
    let mut clients = clusters.each_ref().map(|cluster| {
        // The same user and room in both: neither knows of the other.
        Client::enter(connectors(cluster)[0], Transport::Tcp, "alice", "lobby")
    });
    for (place, client) in clients.iter_mut().enumerate() {
        client.request("chat.chatHandler.send", json!({"content": place, "target": "*"}));
        let heard = json!({"msg": place, "from": "alice", "target": "*"});
        assert_eq!(client.pushes(), [("onChat".to_owned(), heard)]);
    }
    let [first, second] = clusters;
    first.stop();
    assert_eq!(second.view().unwrap().uids, 1);
    assert_eq!(clients[1].pushes(), []);
}

#[test]
fn a_taken_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let mut spec = spec(2, 1);
    let second = spec.servers.iter_mut().find(|server| server.id.as_str() == "connector-server-2").unwrap();
    second.client_port = Some(address.port());
    let Err(error) = Cluster::from_spec(spec).start() else { panic!("two listen on {address}") };
    assert!(matches!(error, StartError::Taken { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("connector-server-2") && text.contains(&address.to_string()), "{text}");
}

#[test]
fn a_cluster_that_is_dropped_frees_its_ports() {
    let mut spec = spec(2, 1);
    for _ in 0..3 {
        let cluster = Cluster::from_spec(spec.clone()).options(patient()).start().unwrap();
        // From the first start on these are the same ports.
        spec = cluster.spec().clone();
        let addresses = [connectors(&cluster)[0], cluster.address("gate-server-1").unwrap()];
        let mut clients: Vec<Client> = addresses
            .iter()
            .flat_map(|address| BOTH.map(|transport| Client::open(*address, transport)))
            .collect();
        let mut silent = Raw::connect(addresses[0]);
        drop(cluster);
        for client in &mut clients {
            client.assert_closed_by_stop("server stopped");
        }
        assert_eq!(silent.end(), b"");
    }
}

#[test]
fn a_client_that_reads_nothing_holds_up_no_stop() {
    let options = Options { stop_timeout: Duration::from_millis(200), ..patient() };
    let cluster = house(options);
    let deaf = Raw::open(cluster.address("door-1").unwrap(), Transport::Tcp);
    let begun = Instant::now();
    cluster.stop();
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    drop(deaf);
}
