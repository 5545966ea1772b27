//! Servers for a running cluster: the words of `add`, checked as `servers.json` is.

use pomelo_sim::config::{MAX_SERVERS, Present, ServerSpec, additions, pairs};
use pomelo_sim::servers::ROLES;
use proptest::prelude::*;
use serde_json::json;

fn present(id: &str, server_type: &str, port: Option<u16>, client_port: Option<u16>) -> Present {
    Present {
        id: id.into(),
        server_type: server_type.into(),
        host: "127.0.0.1".to_owned(),
        port,
        client_port,
        is_down: false,
    }
}

fn running() -> Vec<Present> {
    vec![
        present("connector-server-1", "connector", Some(4050), Some(3050)),
        present("chat-server-1", "chat", Some(6050), None),
    ]
}

fn add(words: &str, running: &[Present]) -> Result<Vec<ServerSpec>, String> {
    let fields = pairs(words.split(' '))?;
    additions(&fields, running).map_err(|error| error.to_string())
}

fn ids(servers: &[ServerSpec]) -> Vec<&str> {
    servers.iter().map(|server| server.id.as_str()).collect()
}

#[test]
fn one_server_is_what_the_file_would_make_of_it() {
    let words = "id=connector-server-2 serverType=connector host=localhost port=4051 clientPort=3051 frontend=true \
                 clientHost=1.2 max-connections=20 zone=7 name=007 on=true";
    let servers = add(words, &running()).unwrap();
    assert_eq!(
        serde_json::to_value(&servers).unwrap(),
        json!([{
            "id": "connector-server-2", "serverType": "connector", "host": "localhost", "port": 4051, "frontend": true,
            "clientPort": 3051, "clientHost": "1.2", "max-connections": 20, "zone": 7, "name": "007", "on": true
        }])
    );
    assert_eq!(servers[0].warnings(&ROLES), []);
}

#[test]
fn what_is_wrong_is_said_as_of_a_file_with_the_command_line_as_the_place() {
    for (words, expected) in [
        (
            "id=a host=h",
            "add: missing \"serverType\", the list of servers.json that it would stand in, at the command line",
        ),
        ("id=a host=h serverTyp=chat", "; is \"serverTyp\" meant to be it?"),
        (
            "serverType=chat host=h",
            "add: missing \"id\", the name of the server, unique in the cluster, at the command line",
        ),
        (
            "id=a serverType=chat host=h port=70000",
            "add.port: invalid value: integer 70000, expected a port, 0 to 65535, at the command line",
        ),
        (
            "id=a serverType=chat host=h clientPort=x",
            "add.clientPort: invalid value: string \"x\", expected a port, 0 to 65535, at the command line",
        ),
        (
            "id=a serverType=chat host=h port=6390++",
            "(++ counts up only together with clusterCount), at the command line",
        ),
        (
            "id=a serverType=a.b host=h",
            "add.serverType: invalid value: string \"a.b\", expected a name without dots",
        ),
        ("id=a serverType=chat host=h frontend=true", "add: missing \"clientPort\""),
        (
            "id=a serverType=chat host=h frontend=yes",
            "add.frontend: invalid value: string \"yes\", expected true or false",
        ),
        ("id= serverType=chat host=h", "add.id: invalid value: string \"\", expected an id"),
        (
            "serverType=chat host=h clusterCount=0",
            "add.clusterCount: invalid value: integer 0, expected a number of servers",
        ),
        (
            "id=chat-server-1 serverType=chat host=h",
            "duplicate id \"chat-server-1\": add.id at the command line, first chat-server-1.id at the running cluster",
        ),
        (
            "id=a serverType=chat host=127.0.0.1 clientPort=3050",
            "address 127.0.0.1:3050 is used twice: add.clientPort at the command line, first \
             connector-server-1.clientPort at the running cluster",
        ),
        ("id=a serverType=chat host=0.0.0.0 port=6050", "; 0.0.0.0 is every address of the machine"),
        ("id=a serverType=chat host=h port=1 clientPort=1", "address h:1 is used twice"),
        ("serverType=chat host=h port=5 clusterCount=2", "write it as text with ++ at its end, to count up"),
    ] {
        let error = add(words, &running()).unwrap_err();
        assert!(error.contains(expected), "{words}: {error}");
    }
}

#[test]
fn words_that_are_no_pairs_are_refused() {
    for (words, expected) in [
        ("chat", "\"chat\": expected KEY=VALUE, such as serverType=chat"),
        ("=chat", "expected KEY=VALUE"),
        ("id=a id=b", "id is given twice, as \"a\" and as \"b\""),
        ("port=1 port=2", "port is given twice, as \"1\" and as \"2\""),
    ] {
        let error = add(words, &[]).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    assert_eq!(pairs(["a=b=c"]).unwrap()["a"], "b=c");
}

#[test]
fn cluster_count_counts_on_from_those_that_there_are() {
    let words = "serverType=chat host=127.0.0.1 port=6390++ clusterCount=2";
    let first = add(words, &running()).unwrap();
    assert_eq!(ids(&first), ["cluster-server-chat-0", "cluster-server-chat-1"]);
    assert_eq!(first.iter().map(|server| server.port).collect::<Vec<_>>(), [Some(6390), Some(6391)]);
    let mut running = running();
    // Of another type, or nobody's count.
    running.push(present("cluster-server-connector-9", "connector", None, None));
    running.push(present("cluster-server-chat-18446744073709551615", "chat", None, None));
    running.push(present("cluster-server-chat-x", "chat", None, None));
    running.push(present("cluster-server-chat-4", "chat", None, None));
    let next = add("serverType=chat host=127.0.0.1 clusterCount=2", &running).unwrap();
    assert_eq!(ids(&next), ["cluster-server-chat-5", "cluster-server-chat-6"]);
    running.push(present("x", "chat", Some(6391), None));
    assert!(add(words, &running).unwrap_err().contains("first x.port at the running cluster"));
}

#[test]
fn a_cluster_does_not_grow_over_its_bound() {
    let most = format!("serverType=chat host=h clusterCount={}", MAX_SERVERS - 2);
    assert_eq!(add(&most, &running()).unwrap().len(), MAX_SERVERS - 2);
    let more = format!("serverType=chat host=h clusterCount={}", MAX_SERVERS - 1);
    let error = add(&more, &running()).unwrap_err();
    assert_eq!(error, "add: more than 10000 servers in all, at the command line");
}

#[test]
fn slips_are_kept_and_warned_of() {
    let servers =
        add("id=a serverType=chat host=h clientport=3 cores=2 auto-restart=true", &running()).unwrap();
    assert_eq!(servers[0].extra.keys().collect::<Vec<_>>(), ["clientport", "cores", "auto-restart"]);
    let warnings: Vec<String> = servers[0].warnings(&ROLES).iter().map(ToString::to_string).collect();
    assert_eq!(warnings, ["a: unknown field \"clientport\": did you mean \"clientPort\"?"]);
    // The gate would send a share of the users to it.
    let servers = add("id=a serverType=connector host=h clientPort=3053", &running()).unwrap();
    let warnings: Vec<String> = servers[0].warnings(&ROLES).iter().map(ToString::to_string).collect();
    assert!(
        matches!(&warnings[..], [one] if one.starts_with("a: without \"frontend\": true no port opens")),
        "{warnings:?}"
    );
}

#[test]
fn a_server_may_be_added_with_a_weight() {
    for (word, weight) in [("weight=2", 2.0), ("weight=0.25", 0.25)] {
        let servers = add(&format!("id=a serverType=chat host=h {word}"), &running()).unwrap();
        assert_eq!(servers[0].weight, weight);
    }
    let error = add("id=a serverType=chat host=h weight=0", &running()).unwrap_err();
    assert_eq!(
        error,
        "add.weight: invalid value: integer 0, expected a weight, 0.001 to 1000, at the command line"
    );
}

proptest! {
    #[test]
    fn any_words_are_taken_or_refused(words in proptest::collection::vec("[a-zA-Z]{0,8}=?.{0,12}", 0..6), port in ".{0,8}") {
        let fixed = ["serverType=chat".to_owned(), "id=a".to_owned(), "host=h".to_owned(), format!("port={port}")];
        let all = words.iter().chain(&fixed).map(String::as_str);
        if let Ok(fields) = pairs(all) {
            for server in additions(&fields, &running()).unwrap_or_default() {
                prop_assert!(!server.id.as_str().is_empty());
            }
        }
    }
}

#[test]
fn a_server_that_is_down_takes_nothing_from_one_of_its_id() {
    let mut running = running();
    running[1].is_down = true;
    let again = add("id=chat-server-1 serverType=chat host=127.0.0.1 port=6050", &running).unwrap();
    assert_eq!((again[0].id.as_str(), again[0].port), ("chat-server-1", Some(6050)));
    let other = add("id=chat-server-2 serverType=chat host=127.0.0.1 port=6050", &running).unwrap_err();
    assert!(other.contains("127.0.0.1:6050 is used twice"), "{other}");
    let up = add("id=connector-server-1 serverType=connector host=127.0.0.1", &running).unwrap_err();
    assert!(up.contains("duplicate id \"connector-server-1\""), "{up}");
}
