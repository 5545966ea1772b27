//! The public client: how it reads bytes, and both of its shells on a running cluster.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::support::client::BOTH;
use crate::support::comeback::{first, options, start, wait_away};
use crate::support::stand::{frame, upgraded};
use crate::support::watch::accounts;
use crate::support::{PATIENCE, spec, tutorial};
use pomelo_sim::client::{
    AsyncClient, BlockingClient, ClientError, Connection, Event, Hello, Incoming, Session, Transport,
};
use pomelo_sim::cluster::{Cluster, Options};
use pomelo_sim::config::{ClusterSpec, ProtoFiles};
use pomelo_sim::time::Time;
use pomelo_sim::wire::{PackageType, WireRoute, write_package, write_push, write_response};
use serde_json::{Value, json};

const ENTER: &str = "connector.entryHandler.enter";
const SEND: &str = "chat.chatHandler.send";
const SECOND: Duration = Duration::from_secs(1);

fn package(kind: PackageType, body: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_package(&mut bytes, kind, body.as_bytes());
    bytes
}

/// All that a connection makes of these pieces, in words.
fn heard(connection: &mut Connection, pieces: &[&[u8]]) -> Vec<String> {
    let mut words = Vec::new();
    for mut piece in pieces.iter().copied() {
        while let Some(event) = connection.receive(&mut piece, Time::START).unwrap() {
            words.push(match event {
                Event::Open(terms) => format!("open, beats every {:?}", terms.heartbeat),
                Event::Heartbeat => "heartbeat".to_owned(),
                event => format!("{:?}", event.into_owned().unwrap().unwrap()),
            });
        }
    }
    words
}

#[test]
fn however_the_bytes_are_cut_the_same_comes_of_them() {
    let mut data = Vec::new();
    write_response(&mut data, 1, br#"{"users":[]}"#);
    let long = json!({ "msg": "x".repeat(300) }).to_string();
    write_push(&mut data, &WireRoute::Name("onChat".into()), long.as_bytes()).unwrap();
    data.extend(package(PackageType::Heartbeat, ""));
    data.extend(package(PackageType::Kick, r#"{"reason":"enough"}"#));
    let shake = package(PackageType::Handshake, r#"{"code":200,"sys":{"heartbeat":3}}"#);
    for transport in BOTH {
        let open = || {
            let mut connection = Connection::new(transport, "here:3014", 7, &Hello::default());
            let head = String::from_utf8_lossy(connection.out()).into_owned();
            let mut bytes = match transport {
                Transport::Tcp => [&shake[..], &data].concat(),
                Transport::WebSocket => {
                    let (begin, rest) = data.split_at(9);
                    let frames =
                        [frame(0x82, &shake), frame(0x02, begin), frame(0x89, b"?"), frame(0x80, rest)];
                    [upgraded(&head).into_bytes(), frames.concat()].concat()
                }
            };
            bytes.shrink_to_fit();
            (connection, bytes)
        };
        let (mut whole, bytes) = open();
        let expected = heard(&mut whole, &[&bytes]);
        assert_eq!(expected.len(), 5, "{expected:?}");
        assert_eq!(expected[0], "open, beats every Some(3s)");
        assert_eq!(expected[4], r#"Kicked("enough")"#);
        let (mut cut, bytes) = open();
        let pieces: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(heard(&mut cut, &pieces), expected);
        assert_eq!(cut.out(), whole.out(), "and the same is said");
        assert!(matches!(whole.request(SEND, b"{}"), Err(ClientError::NotOpen)), "it was kicked");
    }
}

#[test]
fn a_heartbeat_goes_as_long_after_the_servers_as_it_asks() {
    let mut connection = Connection::new(Transport::Tcp, "here:3014", 7, &Hello::default());
    assert!(matches!(connection.request(SEND, b"{}"), Err(ClientError::NotOpen)), "nor before the handshake");
    let shake = package(PackageType::Handshake, r#"{"code":200,"sys":{"heartbeat":3}}"#);
    heard(&mut connection, &[&shake]);
    connection.out().clear();
    connection.tick(Time::START + 2 * SECOND);
    assert!(connection.out().is_empty());
    connection.tick(connection.due().unwrap());
    assert_eq!(std::mem::take(connection.out()), package(PackageType::Heartbeat, ""));
    assert_eq!(connection.due(), None, "the server's turn");
    heard(&mut connection, &[&package(PackageType::Heartbeat, "")]);
    assert_eq!(connection.due(), Some(Time::START + 3 * SECOND));
}

#[test]
fn what_a_server_must_not_send_is_an_error_by_name() {
    for (bytes, error) in [
        (package(PackageType::Handshake, r#"{"code":501}"#), "handshake refused with 501"),
        (package(PackageType::Handshake, "hello"), "expected a handshake reply such as"),
        (
            package(PackageType::Heartbeat, ""),
            "expected a package that a server sends in this state, got Heartbeat",
        ),
        (
            package(PackageType::HandshakeAck, ""),
            "expected a package that a server sends in this state, got HandshakeAck",
        ),
        (b"\x09".to_vec(), "expected a package type from 1 to 5, got 9"),
    ] {
        let mut connection = Connection::new(Transport::Tcp, "here:3014", 7, &Hello::default());
        let met = connection.receive(&mut &bytes[..], Time::START).unwrap_err().to_string();
        assert!(met.starts_with(error), "{met}");
    }
}

fn chat(content: &str, from: &str) -> Incoming {
    let body = json!({ "msg": content, "from": from, "target": "*" });
    Incoming::Push { route: "onChat".to_owned(), body }
}

#[test]
fn a_blocking_and_an_asynchronous_client_chat() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let cluster = tutorial().start().unwrap();
    let address = |n: usize| cluster.address(&format!("connector-server-{n}")).unwrap();
    for transport in BOTH {
        let mut alice = BlockingClient::connect(address(1), transport).unwrap();
        let users = alice.request(ENTER, &json!({"username": "alice", "rid": "lobby"})).unwrap();
        assert_eq!(users, json!({"users": ["alice"]}));
        let mut bob = runtime.block_on(async {
            let mut bob = AsyncClient::connect(address(2), transport).await.unwrap();
            bob.request(ENTER, &json!({"username": "bob", "rid": "lobby"})).await.unwrap();
            assert_eq!(bob.request(SEND, &json!({"content": "hi", "target": "*"})).await.unwrap(), json!({}));
            assert_eq!(bob.receive().await.unwrap(), chat("hi", "bob"), "it was kept");
            bob
        });
        let added = json!({"route": "onAdd", "user": "bob"});
        assert_eq!(alice.receive().unwrap(), Incoming::Push { route: "onAdd".to_owned(), body: added });
        assert_eq!(alice.receive().unwrap(), chat("hi", "bob"));
        assert_eq!(alice.receive_within(Duration::ZERO).unwrap(), None);
        let asked = alice.send(SEND, &json!({"content": "hello", "target": "*"})).unwrap();
        assert_eq!(alice.receive().unwrap(), chat("hello", "alice"));
        assert_eq!(alice.receive().unwrap(), Incoming::Response { id: asked, body: json!({}) });
        alice.notify(SEND, &json!({"content": "by the way", "target": "*"})).unwrap();
        assert_eq!(runtime.block_on(bob.receive()).unwrap(), chat("hello", "alice"));
        assert_eq!(runtime.block_on(bob.receive()).unwrap(), chat("by the way", "alice"));
        alice.close();
        bob.close();
        crate::support::wait_until("both have left", || {
            accounts(&cluster).iter().all(|account| account.sessions == 0)
        });
    }
}

#[test]
fn a_kick_comes_before_the_end() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for transport in BOTH {
        let options = Options { kick_on_stop: true, ..Options::default() };
        let cluster = tutorial().options(options).start().unwrap();
        let mut alice = BlockingClient::connect(first(&cluster), transport).unwrap();
        let mut bob = runtime.block_on(AsyncClient::connect(first(&cluster), transport)).unwrap();
        cluster.restart("connector-server-1").unwrap();
        let kicked = Incoming::Kicked("server restarts".to_owned());
        assert_eq!(alice.receive().unwrap(), kicked);
        assert_eq!(alice.receive().unwrap_err().to_string(), "closed by the server");
        assert_eq!(runtime.block_on(bob.receive()).unwrap(), kicked);
        assert_eq!(runtime.block_on(bob.receive()).unwrap_err().to_string(), "closed by the server");
    }
}

#[test]
fn dictionary_and_protobuf_are_used_as_the_handshake_offers_them() {
    let read = |json: &str| -> Value { serde_json::from_str(json).unwrap() };
    let protos = ProtoFiles {
        server: read(include_str!("../data/tutorial-protobuf/serverProtos.json")),
        client: read(include_str!("../data/tutorial-protobuf/clientProtos.json")),
    };
    let pushes = serde_json::from_str(include_str!("../data/tutorial-protobuf/dictionary.json")).unwrap();
    let spec = ClusterSpec { dictionary: Some(pushes), protos: Some(protos), ..spec(1, 1) };
    let cluster = Cluster::from_spec(spec).start().unwrap();
    for transport in BOTH {
        let mut alice = BlockingClient::connect(first(&cluster), transport).unwrap();
        assert_eq!(alice.connection().terms().unwrap().code("onChat"), Some(4));
        alice.request(ENTER, &json!({"username": "alice", "rid": "lobby"})).unwrap();
        // Refused by the client's own definitions: nothing was sent.
        let wrong = alice.request(SEND, &json!({"content": "hi"})).unwrap_err().to_string();
        assert!(wrong.contains("expected the required field `rid`"), "{wrong}");
        let body = json!({"rid": "lobby", "content": "hi", "from": "alice", "target": "*"});
        assert_eq!(alice.request(SEND, &body).unwrap(), json!({}));
        assert_eq!(alice.receive().unwrap(), chat("hi", "alice"));
        let mut bob = BlockingClient::connect(first(&cluster), transport).unwrap();
        bob.request(ENTER, &json!({"username": "bob", "rid": "lobby"})).unwrap();
        assert_eq!(
            alice.receive().unwrap(),
            Incoming::Push { route: "onAdd".to_owned(), body: json!({"user": "bob"}) }
        );
        alice.close();
        bob.close();
        crate::support::wait_until("both have left", || {
            accounts(&cluster).iter().all(|account| account.sessions == 0)
        });
    }
}

fn over(address: SocketAddr, transport: Transport, hello: &Hello) -> BlockingClient {
    BlockingClient::over(TcpStream::connect(address).unwrap(), transport, hello).unwrap()
}

#[test]
fn a_client_comes_back_to_its_session_and_misses_nothing() {
    assert!(options().resume.is_some());
    for transport in BOTH {
        let cluster = start();
        let hello = |session| Hello { session, ..Hello::default() };
        let mut alice = over(first(&cluster), transport, &hello(Session::New));
        alice.request(ENTER, &json!({"username": "alice", "rid": "lobby"})).unwrap();
        let session = alice.connection().session().unwrap();
        assert_eq!((session.received, session.next_id, alice.connection().resumed()), (1, 2, None));
        drop(alice);
        wait_away(&cluster, "connector-server-1", 1);
        let mut bob = BlockingClient::connect(first(&cluster), transport).unwrap();
        bob.request(ENTER, &json!({"username": "bob", "rid": "lobby"})).unwrap();
        bob.request(SEND, &json!({"content": "where is she?", "target": "*"})).unwrap();

        let hello = hello(Session::Back(session));
        let mut alice = over(first(&cluster), transport, &hello);
        assert_eq!(alice.connection().resumed(), Some(true));
        let added = json!({"route": "onAdd", "user": "bob"});
        assert_eq!(
            alice.receive_within(PATIENCE).unwrap(),
            Some(Incoming::Push { route: "onAdd".to_owned(), body: added })
        );
        assert_eq!(alice.receive_within(PATIENCE).unwrap(), Some(chat("where is she?", "bob")));
        assert_eq!(alice.request(SEND, &json!({"content": "here", "target": "*"})).unwrap(), json!({}));
        let now = alice.connection().session().unwrap();
        assert_eq!((now.received, now.next_id), (5, 3));
        // The token is worthless now.
        let late = over(first(&cluster), transport, &hello);
        assert_eq!(late.connection().resumed(), Some(false));
        assert_eq!(late.connection().session().unwrap().received, 0);
    }
}
