//! Errors and warnings of the configuration, word for word.

use std::path::Path;

use pomelo_sim::config::{Bites, ClusterSpec, ConfigError};
use pomelo_sim::servers::ROLES;

const GATE: &str =
    r#""gate": [{"id": "gate-server-1", "host": "10.0.0.1", "clientPort": 3014, "frontend": true}]"#;
const CONNECTOR: &str =
    r#""connector": [{"id": "co", "host": "10.0.0.1", "clientPort": 3050, "frontend": true}]"#;

fn load(text: &str) -> Result<ClusterSpec, ConfigError> {
    ClusterSpec::from_json(text, "development", Path::new("servers.json"))
}

fn assert_refused(text: &str, expected: &str) {
    assert_eq!(load(text).unwrap_err().to_string(), expected, "for {text}");
}

/// What is wrong in a file that Pomelo works with, and so loads: the error that it would be, and
/// what is done instead.
fn forgiven(text: &str) -> Vec<String> {
    load(text)
        .unwrap_or_else(|error| panic!("{error}"))
        .notes
        .iter()
        .map(|note| note.message.clone())
        .collect()
}

fn assert_forgiven(text: &str, expected: &str) {
    let notes = forgiven(text);
    let is_there =
        notes.iter().any(|note| note.strip_prefix(expected).is_some_and(|so| so.starts_with("; ")));
    assert!(is_there, "no {expected} in {notes:?}");
}

fn assert_chat_forgiven(servers: &str, expected: &str) {
    assert_forgiven(&with_gate(&format!("\"chat\": [{servers}]")), expected);
}

/// A cluster whose third line, from column 3, is `rest`.
fn with_gate(rest: &str) -> String {
    format!("{{\"development\": {{\n  {GATE},\n  {rest}\n}}}}")
}

/// A cluster whose list of chat servers is `servers`; the first starts at 3:12.
fn assert_chat_refused(servers: &str, expected: &str) {
    assert_refused(&with_gate(&format!("\"chat\": [{servers}]")), expected);
}

#[test]
fn text_that_is_not_json() {
    let end = "the end of the file";
    for (text, reason, met, at) in [
        ("", "EOF while parsing a value", end, "1:1"),
        ("{\n \"gate\": [\n", "EOF while parsing a list", end, "3:1"),
        ("{\n  // all\n}", "key must be a string", "`// all` (JSON has no comments)", "2:3"),
        ("{'gate': []}", "key must be a string", "`'gate': []}` (JSON quotes with \")", "1:2"),
        ("{\"a\": [1,\n]}", "expected value", "`]}` (JSON has no trailing commas)", "2:1"),
        ("{\"a\": 1} }", "trailing characters", "`}`", "1:10"),
        ("{\"ä\" 1}", "expected `:`", "`1}`", "1:6"),
        ("{\"a\": yes, \"b\": 1}", "expected value", "`yes, \"b\": 1}`", "1:7"),
    ] {
        assert_refused(text, &format!("not JSON: {reason}, met {met}, at servers.json:{at}"));
    }
}

#[test]
fn json_that_is_no_cluster() {
    for (text, expected) in [
        (
            "[]",
            "invalid value: an array, expected an object with environments such as \"development\", at servers.json:1:1",
        ),
        (
            "{\"development\": []}",
            "development: invalid value: an array, expected an object of server types, each with an array of servers, \
             at servers.json:1:17",
        ),
        (
            "{\"gate\": [], \"x\": null}",
            "x: invalid value: null, expected an array of servers, at servers.json:1:19",
        ),
        (
            "{\"gate\": [null]}",
            "gate[0]: invalid value: null, expected a server, an object with \"id\" and \"host\", at servers.json:1:11",
        ),
        (
            "{\"production\": {}, \"about\": \"x\", \"test\": {}}",
            "unknown environment \"development\": servers.json has production, test",
        ),
        (
            "{\"development\": {\"a\\u0007\": []}}",
            "development[\"a\\u{7}\"]: invalid value: server type \"a\\u{7}\", expected a name without control characters, \
             at servers.json:1:29",
        ),
    ] {
        assert_refused(text, expected);
    }
}

#[test]
fn what_is_no_list_of_servers_has_none() {
    for (rest, expected) in [
        (
            r#""x": 4"#,
            "development.x: invalid value: integer 4, expected an array of servers, at servers.json:3:8",
        ),
        (
            r#""x": {"url": "u"}"#,
            "development.x: invalid value: an object, expected an array of servers, at servers.json:3:8",
        ),
        (
            r#""x": ["text", {"id": "x", "host": "h"}]"#,
            "development.x[0]: invalid value: string \"text\", expected a server, an object with \"id\" and \"host\", \
             at servers.json:3:9",
        ),
        (
            "\"a\":[],\n\"a\":[]",
            "development.a: the key occurs twice in one object, at servers.json:3:3 and again at servers.json:4:1",
        ),
    ] {
        assert_forgiven(&with_gate(rest), expected);
    }
    let types = with_gate(r#""a.b": [{"id": "x", "host": "h"}], "two words": [{"id": "y", "host": "h"}]"#);
    let types = load(&types).unwrap().check_types(&["gate"]).unwrap_err().to_string();
    assert!(types.contains("--without a.b 'two words' leaves them out"), "{types}");
}

#[test]
fn a_cluster_without_servers() {
    let how = "expected server types such as \"gate\": [{\"id\": \"gate-server-1\", \"host\": \"127.0.0.1\", \
               \"clientPort\": 3014, \"frontend\": true}]";
    for (text, problem) in [
        ("{}", "no servers, at servers.json:1:1"),
        ("{\"gate\": []}", "no servers, at servers.json:1:1"),
        ("{\"development\": {}}", "development: no servers, at servers.json:1:17"),
        ("{\"development\": \"\", \"gate\": []}", "no servers, at servers.json:1:1"),
    ] {
        assert_refused(text, &format!("{problem}; {how}"));
    }
}

#[test]
fn a_cluster_without_a_gate_is_told_that_clients_must_know_a_connector() {
    let expected = "gate: no server of this type takes clients: they connect to a connector directly, and need to know one";
    let chat = r#""chat": [{"id": "ch", "host": "h"}]"#;
    assert_eq!(warnings(&format!("{{{CONNECTOR}, {chat}}}")), [expected]);
    let backend = r#""gate": [{"id": "g", "host": "h"}]"#;
    assert_eq!(warnings(&format!("{{{backend}, {CONNECTOR}, {chat}}}")), [expected]);
}

#[test]
fn fields_that_are_missing() {
    let why = "the port that clients connect to (the server has \"frontend\": true)";
    for (server, expected) in [
        ("{}", "\"id\", the name of the server, unique in the cluster, at servers.json:3:12".to_owned()),
        (r#"{"id": "c"}"#, "\"host\", the address of the server, at servers.json:3:12".to_owned()),
        (
            r#"{"ID": "c", "host": "h"}"#,
            "\"id\", the name of the server, unique in the cluster, at servers.json:3:12; is \"ID\" meant to be it?"
                .to_owned(),
        ),
        (
            r#"{"id": "c", "host": "h", "frontend": true}"#,
            format!("\"clientPort\", {why}, at servers.json:3:12"),
        ),
        (
            r#"{"id": "c", "host": "h", "frontend": "true", "clientport": 3}"#,
            format!("\"clientPort\", {why}, at servers.json:3:12; is \"clientport\" meant to be it?"),
        ),
    ] {
        assert_chat_forgiven(server, &format!("development.chat[0]: missing {expected}"));
    }
}

#[test]
fn what_is_missing_is_made_up() {
    let spec = load(&with_gate(
        r#""chat": [{}, {"id": "chat-server-1"}, {"id": null, "host": ""}],
           "connector": [{"id": " c 1 ", "host": " 10.0.0.1 ", "frontend": true, "wsPort": 3050},
                         {"id": 7, "host": "10.0.0.1", "frontend": true, "clientPort": "3051++"},
                         {"id": "c", "host": "10.0.0.1", "frontend": true, "clientPort": "x"},
                         {"id": "d", "host": "10.0.0.1", "frontend": "True", "clientPort": 3053}]"#,
    ))
    .unwrap();
    let chats: Vec<_> =
        spec.of_type("chat").map(|server| (server.id.as_str(), server.host.as_str())).collect();
    let here = "127.0.0.1";
    assert_eq!(chats, [("chat-server-2", here), ("chat-server-1", here), ("chat-server-3", here)]);
    let connectors: Vec<_> = spec
        .of_type("connector")
        .map(|server| (server.id.as_str(), server.host.as_str(), server.frontend, server.client_port))
        .collect();
    let host = "10.0.0.1";
    assert_eq!(
        connectors,
        [
            ("c-1", host, true, Some(3050)),
            ("7", host, true, Some(3051)),
            ("c", host, true, Some(0)),
            ("d", host, false, Some(3053))
        ]
    );
    let notes = spec.notes;
    assert!(
        notes
            .iter()
            .any(|note| note.about == "chat-server-2" && note.message.ends_with("; it is called so here"))
    );
}

#[test]
fn fields_that_cannot_be_what_they_say() {
    let name = "not empty, without spaces or control characters";
    for (field, met, expected, column) in [
        (r#""id": 1"#, "integer 1", format!("an id, {name}"), 19),
        (r#""id": """#, "string \"\"", format!("an id, {name}"), 19),
        (r#""id": "a b""#, "string \"a b\"", format!("an id, {name}"), 19),
        (r#""id": "a", "host": null"#, "null", format!("a host, {name}"), 32),
    ] {
        let expected = format!("invalid value: {met}, expected {expected}, at servers.json:3:{column}");
        let key = if field.contains("host") { "host" } else { "id" };
        assert_chat_forgiven(&format!("{{{field}}}"), &format!("development.chat[0].{key}: {expected}"));
    }
    let control = format!("invalid value: string \"a\\u0007\", expected an id, {name}, at servers.json:3:19");
    assert_chat_refused(r#"{"id": "a\u0007"}"#, &format!("development.chat[0].id: {control}"));
    for (key, value, met, expected) in [
        ("port", "70000", "integer 70000", "a port, 0 to 65535"),
        ("port", "-1", "integer -1", "a port, 0 to 65535"),
        ("port", "\"+5\"", "string \"+5\"", "a port, 0 to 65535"),
        ("clientPort", "1.5", "number 1.5", "a port, 0 to 65535"),
        ("clusterCount", "10001", "integer 10001", "a number of servers, 1 to 10000"),
    ] {
        let column = 40 + key.len();
        assert_chat_refused(
            &format!("{{\"id\": \"c\", \"host\": \"h\", \"{key}\":{value}}}"),
            &format!(
                "development.chat[0].{key}: invalid value: {met}, expected {expected}, at servers.json:3:{column}"
            ),
        );
    }
    for (key, value, met, expected) in [
        ("port", "\"x\"", "string \"x\"", "a port, 0 to 65535"),
        ("port", "\"\"", "string \"\"", "a port, 0 to 65535"),
        ("port", "null", "null", "a port, 0 to 65535"),
        (
            "port",
            "\"3050++\"",
            "string \"3050++\"",
            "a port, 0 to 65535 (++ counts up only together with clusterCount)",
        ),
        ("frontend", "1", "integer 1", "true or false"),
        ("clientHost", "{}", "an object", &format!("a host, {name}")),
        ("max-connections", "[]", "an array", "a number of connections, 0 for no bound"),
        ("clusterCount", "0", "integer 0", "a number of servers, 1 to 10000"),
        ("clusterCount", "\"two\"", "string \"two\"", "a number of servers, 1 to 10000"),
    ] {
        let column = 40 + key.len();
        assert_chat_forgiven(
            &format!("{{\"id\": \"c\", \"host\": \"h\", \"{key}\":{value}}}"),
            &format!(
                "development.chat[0].{key}: invalid value: {met}, expected {expected}, at servers.json:3:{column}"
            ),
        );
    }
    let long = "x".repeat(150) + " " + &"x".repeat(150);
    let shown = "x".repeat(39);
    assert_chat_refused(
        &format!("{{\"id\": \"{long}\"}}"),
        &format!(
            "development.chat[0].id: invalid value: string \"{shown}…, expected an id, {name}, at servers.json:3:19"
        ),
    );
}

#[test]
fn control_characters_of_a_file_reach_no_terminal() {
    // JSON lets the control characters of Unicode pass unescaped; \u{9b} starts a sequence as ESC [
    // does.
    assert_chat_forgiven(
        "{\"id\": \"c\", \"host\": \"h\", \"port\": \"\u{9b}31m\"}",
        "development.chat[0].port: invalid value: string \"\u{fffd}31m\", expected a port, 0 to 65535, at servers.json:3:45",
    );
    assert_refused(
        r#"{"production\n\u001b[31m": {}}"#,
        r#"unknown environment "development": servers.json has production\n\u{1b}[31m"#,
    );
}

#[test]
fn a_name_is_no_longer_than_any_host() {
    let long = "x".repeat(256);
    let shown = "x".repeat(39);
    assert_chat_refused(
        &format!("{{\"id\": \"{long}\"}}"),
        &format!(
            "development.chat[0].id: invalid value: string \"{shown}…, expected an id of at most 255 bytes, at servers.json:3:19"
        ),
    );
    assert!(
        load(&with_gate(&format!("\"{long}\": []"))).is_err(),
        "what errors call each server starts with its type"
    );
    assert!(load(&with_gate(&format!("\"{}\": []", &long[1..]))).is_ok());
}

#[test]
fn the_place_is_in_lines_and_characters() {
    assert_refused(
        "{\n  \"gate\": [\n    {\"id\": \"gää\", \"host\": \"h\",\r\n \"port\": 70000}]}",
        "gate[0].port: invalid value: integer 70000, expected a port, 0 to 65535, at servers.json:4:10",
    );
}

#[test]
fn ids_and_addresses_that_two_servers_claim() {
    for (servers, expected) in [
        (
            r#"{"id": "c", "host": "h"}, {"id": "c", "host": "h"}"#,
            "duplicate id \"c\": development.chat[1].id at servers.json:3:45, first development.chat[0].id at servers.json:3:19",
        ),
        (
            r#"{"id": "c", "host": "h", "id": "d"}"#,
            "development.chat[0].id: the key occurs twice in one object, at servers.json:3:13 and again at servers.json:3:37",
        ),
        (
            r#"{"id": "cluster-server-chat-0", "host": "h"}, {"host": "h", "clusterCount": 2}"#,
            "duplicate id \"cluster-server-chat-0\": development.chat[1] at servers.json:3:58, first development.chat[0].id at servers.json:3:19",
        ),
        (
            r#"{"id": "c", "host": "10.0.0.1", "port": 3014}"#,
            "address 10.0.0.1:3014 is used twice: development.chat[0].port at servers.json:3:52, first development.gate[0].clientPort at servers.json:2:70",
        ),
        (
            r#"{"id": "c", "host": "127.0.0.1", "port": 1}, {"id": "d", "host": "LocalHost", "port": 1}"#,
            "address LocalHost:1 is used twice: development.chat[1].port at servers.json:3:98, first development.chat[0].port at servers.json:3:53",
        ),
        (
            r#"{"host": "h", "clusterCount": 2, "port": 3050}"#,
            "address h:3050 is used twice: development.chat[0].port at servers.json:3:53, by servers of one clusterCount; write it as text with ++ at its end, to count up",
        ),
        (
            r#"{"id": "c", "host": "::1", "port": 1}, {"id": "d", "host": "0:0:0:0:0:0:0:1", "port": 1}"#,
            "address [0:0:0:0:0:0:0:1]:1 is used twice: development.chat[1].port at servers.json:3:98, first development.chat[0].port at servers.json:3:47",
        ),
    ] {
        assert_chat_forgiven(servers, expected);
    }
}

#[test]
fn the_last_of_two_servers_with_one_id_is_served() {
    let spec = load(&with_gate(
        r#""chat": [{"id": "a", "host": "h1"}, {"id": "b", "host": "h"}, {"id": "a", "host": "h2"}]"#,
    ));
    let spec = spec.unwrap();
    let chats: Vec<_> =
        spec.of_type("chat").map(|server| (server.id.as_str(), server.host.as_str())).collect();
    assert_eq!(chats, [("a", "h2"), ("b", "h")]);
}

#[test]
fn client_ports_that_cannot_be_open_at_once() {
    let clash = |connector: &str, bind: Option<&str>| {
        let spec = load(&with_gate(&format!("\"connector\": [{connector}]"))).unwrap();
        let clashes = spec.clashes(bind.map(|bind| bind.parse().unwrap()));
        clashes.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let same = r#"{"id": "c", "host": "10.0.0.1", "clientPort": 3014, "frontend": true}"#;
    assert_eq!(
        clash(same, None),
        [
            "address 10.0.0.1:3014 is used twice: development.connector[0].clientPort at servers.json:3:63, first \
          development.gate[0].clientPort at servers.json:2:70"
        ]
    );
    let other = r#"{"id": "c", "host": "10.0.0.2", "clientPort": 3014, "frontend": true}"#;
    assert_eq!(clash(other, None), [""; 0]);
    assert!(clash(other, Some("0.0.0.0"))[0].starts_with("address 0.0.0.0:3014 is used twice: "));
    // Nothing listens on it.
    assert_eq!(clash(r#"{"id": "c", "host": "10.0.0.1", "clientPort": 3014}"#, None), [""; 0]);
    let counted = r#"{"host": "h", "clusterCount": 2, "clientPort": 3050, "frontend": true}"#;
    assert!(
        clash(counted, None)[0]
            .ends_with("by servers of one clusterCount; write it as text with ++ at its end, to count up")
    );
}

#[test]
fn every_address_of_the_machine_is_used_twice_beside_any_of_them() {
    let clash = |first: &str, second: &str| {
        let server = |id: &str, host: &str| format!(r#"{{"id": "{id}", "host": "{host}", "port": 1}}"#);
        let notes =
            forgiven(&with_gate(&format!("\"chat\": [{}, {}]", server("c", first), server("d", second))));
        let so = "; Pomelo could start only one of them; here nothing listens on ports between servers";
        notes.into_iter().next().map(|note| note.strip_suffix(so).unwrap().to_owned())
    };
    for (one, other, wildcard) in [
        ("0.0.0.0", "127.0.0.1", "0.0.0.0"),
        ("0.0.0.0", "localhost", "0.0.0.0"),
        ("0.0.0.0", "chat.example", "0.0.0.0"),
        ("0.0.0.0", "::ffff:10.0.0.9", "0.0.0.0"),
        ("::", "127.0.0.1", "::"),
        ("::", "::1", "::"),
        ("::", "0.0.0.0", "::"),
        ("::", "chat.example", "::"),
    ] {
        for (first, second) in [(one, other), (other, one)] {
            let error = clash(first, second).unwrap_or_else(|| panic!("{first} {second}"));
            let shown = if second.contains(':') { format!("[{second}]") } else { second.to_owned() };
            let begin = format!("address {shown}:1 is used twice: development.chat[1].port at ");
            assert!(error.starts_with(&begin), "{error}");
            assert!(error.contains("first development.chat[0].port at "), "{error}");
            assert!(error.ends_with(&format!("; {wildcard} is every address of the machine")), "{error}");
        }
    }
    for (first, second) in [("0.0.0.0", "::1"), ("10.0.0.1", "10.0.0.2"), ("a.example", "10.0.0.1")] {
        assert!(clash(first, second).is_none() && clash(second, first).is_none(), "{first} {second}");
    }
    let same = clash("0.0.0.0", "0.0.0.0").unwrap();
    assert!(!same.contains("every address"), "{same}");
}

#[test]
fn cluster_counts_that_do_not_work_out() {
    for (server, expected) in [
        (
            r#"{"host": "h", "clusterCount": 2, "port": "65535++"}"#,
            "development.chat[0].port: invalid value: 65536 (counted up by clusterCount), expected a port, 0 to 65535, at servers.json:3:53",
        ),
        // An entry of four kilobytes, ten thousand times, would be forty megabytes of text.
        (
            &format!(r#"{{"host": "h", "note": "{}", "clusterCount": 10000}}"#, "x".repeat(4048)),
            "development.chat[0].clusterCount: invalid value: integer 10000, expected a number of servers, 1 to 1024 with so much in each, at servers.json:3:4102",
        ),
        (
            r#"{"host": "h", "clusterCount": 10000}"#,
            "development.chat[0]: more than 10000 servers in all, at servers.json:3:12",
        ),
    ] {
        assert_chat_refused(server, expected);
    }
}

#[test]
fn a_type_that_no_code_serves() {
    let served = ["gate", "connector", "chat"];
    let refused = |rest: &str| load(&with_gate(rest)).unwrap().check_types(&served).unwrap_err().to_string();
    assert_eq!(
        refused(r#""area": [{"id": "a1", "host": "h"}, {"id": "a2", "host": "h"}]"#),
        "no code serves the server type \"area\" (a1, a2 in servers.json); types that are served: gate, connector, chat; \
         --without area leaves it out"
    );
    assert_eq!(
        refused(r#""conector": [{"clusterCount": 5, "host": "h"}]"#),
        "no code serves the server type \"conector\" (cluster-server-conector-0, cluster-server-conector-1, \
         cluster-server-conector-2 and 2 more in servers.json); types that are served: gate, connector, chat; \
         --without conector leaves it out; did you mean \"connector\"?"
    );
    assert_eq!(
        refused(r#""game": [{"id": "g1", "host": "h"}], "auth": [{"id": "a1", "host": "h"}]"#),
        "no code serves the server types \"game\" (g1), \"auth\" (a1) in servers.json; types that are served: gate, \
         connector, chat; --without game auth leaves them out",
        "names of their own are no misspellings"
    );
    assert!(
        load(&with_gate(r#""area": []"#)).unwrap().check_types(&served).is_ok(),
        "an empty list needs no code"
    );
}

fn warnings(text: &str) -> Vec<String> {
    load(text).unwrap().warnings(&ROLES, &["chat"], None).iter().map(ToString::to_string).collect()
}

fn warnings_bound(text: &str, bind: &str) -> Vec<(String, Bites)> {
    let warnings = load(text).unwrap().warnings(&ROLES, &["chat"], Some(bind.parse().unwrap()));
    warnings.into_iter().map(|warning| (warning.to_string(), warning.bites)).collect()
}

#[test]
fn a_cluster_that_will_not_bite_has_no_warnings() {
    let chat = r#""chat": [{"id": "ch", "host": "h", "weight": 2, "args": " --x", "auto-restart": "true"}]"#;
    assert_eq!(warnings(&with_gate(&format!("{CONNECTOR}, {chat}"))), [""; 0]);
}

#[test]
fn warnings_say_what_will_bite() {
    let chat = r#""chat": [{"id": "ch", "host": "h"}]"#;
    assert_eq!(
        warnings(&with_gate("\"chat\": []")),
        [
            "connector: no server of this type: no client can log in, and a gate answers 500",
            "chat: no server of this type: no client can enter a room",
        ]
    );
    let local = r#""connector": [
        {"id": "c1", "host": "127.0.0.1", "clientPort": 3050, "frontend": true},
        {"id": "c2", "host": "127.0.0.1", "clientPort": 3051, "frontend": true},
        {"id": "c3", "host": "0.0.0.0", "clientPort": 80, "frontend": true},
        {"id": "c4", "host": "127.0.0.1", "clientPort": 3053, "frontend": true, "clientHost": "chat.example"}]"#;
    assert_eq!(
        warnings(&with_gate(&format!("{local}, {chat}"))),
        [
            "c3: the gate tells clients to connect to 0.0.0.0, which from another machine is that machine; set \
             \"clientHost\" to the address that clients can reach",
            "c1, c2: the gate tells clients to connect to 127.0.0.1, which from another machine is that machine; set \
             \"clientHost\" to the address that clients can reach",
            "c3: clientPort 80 is below 1024: to open it may need privileges",
        ]
    );
    let same = r#""connector": [
        {"id": "c1", "host": "10.0.0.1", "clientPort": 3050, "frontend": true, "clientHost": "chat.example"},
        {"id": "c2", "host": "10.0.0.2", "clientPort": 3050, "frontend": true, "clientHost": "chat.example"}]"#;
    assert_eq!(
        warnings(&with_gate(&format!("{same}, {chat}"))),
        [
            "c1, c2: clients are told the same address chat.example:3050 for each of them",
            "c1, c2: clientPort 3050 on 2 hosts: fine as it stands, but --bind, which opens all ports on one address, \
             will fail",
        ]
    );
    let area = r#""area": [{"id": "a1", "host": "h"}, {"id": "a2", "host": "h"}], "one": [{"id": "o1", "host": "h"}]"#;
    assert_eq!(
        warnings(&with_gate(&format!("{CONNECTOR}, {chat}, {area}"))),
        [
            "area: 2 servers but no route: nothing says which of them gets a message; register a route for the type, or \
          keep one server"
        ]
    );
    let slips =
        r#""chat": [{"id": "ch", "host": "h", "clientPort": 3060, "Frontend": true, "max_conections": 10}]"#;
    assert_eq!(
        warnings(&with_gate(&format!("{CONNECTOR}, {slips}"))),
        [
            "ch: clientPort 3060 will not open: the server lacks \"frontend\": true",
            "ch: unknown field \"Frontend\": did you mean \"frontend\"?",
            "ch: unknown field \"max_conections\": did you mean \"max-connections\"?",
        ]
    );
}

#[test]
fn roles_that_do_not_fit_are_warned_of() {
    let chat = r#""chat": [{"id": "ch", "host": "h"}]"#;
    let chats = r#""chat": [{"id": "ch1", "host": "10.0.0.1", "clientPort": 3060, "frontend": true}, {"id": "ch2", "host": "h"}]"#;
    assert_eq!(
        warnings(&with_gate(&format!("{CONNECTOR}, {chats}"))),
        [
            "ch1: with \"frontend\": true it serves only the clients that connect to it: what clients of other servers, such \
          as connectors, send to chat is refused; take \"frontend\" away"
        ]
    );
    let backends = r#""connector": [{"id": "co1", "host": "h", "clientPort": 3050}, {"id": "co2", "host": "h", "port": 4050}]"#;
    assert_eq!(
        warnings(&with_gate(&format!("{backends}, {chat}"))),
        [
            "co1, co2: without \"frontend\": true no port opens for clients: the gate has nothing to hand out to the users \
          whom it sends there"
        ]
    );
    let own = r#""area": [{"id": "a", "host": "h"}]"#;
    assert_eq!(
        warnings(&with_gate(own)),
        [""; 0],
        "a cluster of other types may do without connectors and chats"
    );
}

#[test]
fn frontends_that_nobody_hands_out_are_warned_of_by_where_they_listen() {
    let with = |gate: &str| {
        let chat = r#""chat": [{"id": "ch", "host": "h"}]"#;
        warnings(&format!("{{\"gate\": [{gate}], {CONNECTOR}, {chat}}}"))
    };
    let local = r#"{"id": "g", "host": "localhost", "clientPort": 3014, "frontend": true}"#;
    assert_eq!(with(local), ["g: listens on localhost, which only clients on this machine can reach"]);
    assert_eq!(
        with(
            r#"{"id": "g", "host": "127.0.0.1", "clientPort": 3014, "frontend": true, "clientHost": "a.example"}"#
        ),
        [""; 0],
        "something before it passes clients on"
    );
    assert_eq!(with(r#"{"id": "g", "host": "0.0.0.0", "clientPort": 3014, "frontend": true}"#), [""; 0]);
}

#[test]
fn one_port_on_two_hosts_is_warned_of_as_long_as_nothing_is_bound() {
    let servers = r#""connector": [
        {"id": "c1", "host": "10.0.0.1", "clientPort": 3050, "frontend": true},
        {"id": "c2", "host": "10.0.0.2", "clientPort": 3050, "frontend": true},
        {"id": "c3", "host": "10.0.0.2", "clientPort": 0, "frontend": true},
        {"id": "c4", "host": "10.0.0.1", "clientPort": 0, "frontend": true}], "chat": [{"id": "ch", "host": "h"}]"#;
    let servers = with_gate(servers);
    assert_eq!(
        warnings(&servers),
        [
            "c1, c2: clientPort 3050 on 2 hosts: fine as it stands, but --bind, which opens all ports on one address, will \
          fail"
        ]
    );
    assert_eq!(warnings_bound(&servers, "0.0.0.0"), []);
}

#[test]
fn bound_ports_are_not_where_the_gate_sends_clients() {
    let servers = r#""connector": [
        {"id": "c1", "host": "10.0.0.1", "clientPort": 3050, "frontend": true},
        {"id": "c2", "host": "10.0.0.1", "clientPort": 3051, "frontend": true, "clientHost": "10.0.0.7"},
        {"id": "c3", "host": "127.0.0.1", "clientPort": 3052, "frontend": true}], "chat": [{"id": "ch", "host": "h"}]"#;
    let servers = with_gate(servers);
    let local = "c3: the gate tells clients to connect to 127.0.0.1, which from another machine is that machine; set \
                 \"clientHost\" to the address that clients can reach";
    let left = "c1: the gate tells clients to connect to 10.0.0.1, but the port opens on 127.0.0.1; set \"clientHost\" to \
                the address that clients can reach";
    let gate = "gate-server-1: listens on 127.0.0.1, which only clients on this machine can reach";
    let (always, elsewhere) = (Bites::Always, Bites::FromElsewhere);
    assert_eq!(
        warnings_bound(&servers, "127.0.0.1"),
        [(local.to_owned(), elsewhere), (left.to_owned(), always), (gate.to_owned(), elsewhere)]
    );
    assert_eq!(warnings_bound(&servers, "10.0.0.1"), [(local.to_owned(), elsewhere)]);
    assert_eq!(warnings_bound(&servers, "0.0.0.0"), [(local.to_owned(), elsewhere)]);
}

#[test]
fn a_weight_that_is_none() {
    for (value, met) in [
        ("0", "integer 0"),
        ("-1", "integer -1"),
        ("1000.5", "number 1000.5"),
        ("1e400", "number 1e400"),
        ("\"heavy\"", "string \"heavy\""),
        ("\"nan\"", "string \"nan\""),
        ("true", "boolean true"),
        ("null", "null"),
    ] {
        let server = format!(r#"{{"id": "ch", "host": "h", "weight": {value}}}"#);
        let expected = format!(
            "development.chat[0].weight: invalid value: {met}, expected a weight, 0.001 to 1000, at servers.json:3:48"
        );
        let text = with_gate(&format!("\"chat\": [{server}]"));
        match value {
            "1e400" => assert!(load(&text).unwrap_err().to_string().contains("not JSON")),
            _ => assert_forgiven(&text, &expected),
        }
    }
}

#[test]
fn a_weight_is_a_number_also_as_text_and_1_when_there_is_none() {
    let chat = r#""chat": [{"id": "a", "host": "h", "weight": 2.5}, {"id": "b", "host": "h", "weight": "3"}, {"id": "c", "host": "h"}]"#;
    let spec = load(&with_gate(chat)).unwrap();
    let weights: Vec<f64> = spec.of_type("chat").map(|server| server.weight).collect();
    assert_eq!(weights, [2.5, 3.0, 1.0]);
    let warned = |heeds: bool| spec.warnings_of_weights(|_| heeds).len();
    assert_eq!((warned(false), warned(true)), (1, 0));
    let json = serde_json::to_value(&spec.servers).unwrap();
    assert_eq!(json[1]["weight"], 2.5);
    assert!(json[3].get("weight").is_none(), "what is usual is not said");
}
