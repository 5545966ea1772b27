//! The configuration: Pomelo's own files, their layouts, `clusterCount`, and arbitrary input.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use pomelo_sim::config::{ClusterSpec, Fit, MAX_SERVERS, TUTORIAL};
use pomelo_sim::servers::ROLES;
use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

fn load(value: &Value) -> ClusterSpec {
    ClusterSpec::from_json(&value.to_string(), "development", Path::new("servers.json")).unwrap()
}

fn ids(spec: &ClusterSpec) -> Vec<&str> {
    spec.servers.iter().map(|server| server.id.as_str()).collect()
}

fn gate(id: &str) -> Value {
    json!({"gate": [{"id": id, "host": "127.0.0.1", "clientPort": 3014, "frontend": true}]})
}

/// Files in a directory of their own.
fn directory(files: &[(&str, &[u8])]) -> TempDir {
    let directory = TempDir::new().unwrap();
    for (name, bytes) in files {
        let file = directory.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
    }
    directory
}

/// The error of loading a directory, with the directory's own name taken out.
fn error_in(directory: &TempDir, path: &str) -> String {
    let error = ClusterSpec::load(&directory.path().join(path), "development").unwrap_err().to_string();
    error.replace(&format!("{}/", directory.path().display()), "")
}

#[test]
fn the_tutorials_own_files_load_in_the_order_of_the_file() {
    let spec = ClusterSpec::load(Path::new("config"), "production").unwrap();
    assert_eq!(spec.env, "production");
    assert_eq!(spec.source, Path::new("config/servers.json"));
    let types: Vec<&str> = spec.server_types().map(|name| name.as_str()).collect();
    assert_eq!(types, ["connector", "chat", "gate"]);
    assert_eq!(
        ids(&spec),
        [
            "connector-server-1",
            "connector-server-2",
            "connector-server-3",
            "chat-server-1",
            "chat-server-2",
            "chat-server-3",
            "gate-server-1"
        ]
    );
    let chats: Vec<Option<u16>> = spec.of_type("chat").map(|server| server.port).collect();
    assert_eq!(chats, [Some(6050), Some(6051), Some(6052)]);
    let connector = &spec.servers[1];
    assert_eq!((connector.frontend, connector.client_port, connector.port), (true, Some(3051), Some(4051)));
    assert_eq!(connector.advertised_host(), "127.0.0.1");
    assert_eq!(spec.master.as_ref().unwrap().port, 3005);
    assert!(spec.dictionary.is_none() && spec.protos.is_none());
    assert!(spec.check_types(&["gate", "connector", "chat"]).is_ok());
}

#[test]
fn values_may_be_text_and_unknown_fields_are_kept_in_order() {
    let mut file = gate("g");
    file["connector"] = json!([{
        "zone": {"b": [1, 2], "a": null}, "id": "c", "host": "10.0.0.1", "port": "4050", "clientPort": "3050",
        "frontend": "true", "clientHost": "chat.example", "max-connections": "20", "args": " --inspect", "serverType": "x"
    }]);
    let spec = load(&file);
    let connector = spec.of_type("connector").next().unwrap();
    assert_eq!((connector.port, connector.client_port), (Some(4050), Some(3050)));
    assert!(connector.frontend);
    assert_eq!(connector.advertised_host(), "chat.example");
    assert_eq!(connector.max_connections, Some(20));
    assert_eq!(connector.extra.keys().collect::<Vec<_>>(), ["zone", "args"]);
    assert_eq!(
        serde_json::to_string(connector).unwrap(),
        r#"{"id":"c","serverType":"connector","host":"10.0.0.1","port":4050,"frontend":true,"clientPort":3050,"clientHost":"chat.example","max-connections":20,"zone":{"b":[1,2],"a":null},"args":" --inspect"}"#
    );
}

#[test]
fn zero_connections_are_no_bound_and_port_zero_is_never_taken() {
    let spec = load(&json!({
        "gate": [{"id": "g", "host": "h", "clientPort": 0, "frontend": true, "max-connections": 0}],
        "connector": [{"id": "c1", "host": "h", "port": 0, "clientPort": 0, "frontend": true},
                      {"id": "c2", "host": "h", "port": 0, "clientPort": "0", "frontend": true}],
    }));
    assert_eq!(spec.servers[0].max_connections, None);
    assert!(spec.servers.iter().all(|server| server.client_port == Some(0)));
}

#[test]
fn cluster_count_writes_servers_out_as_pomelo_does() {
    let mut file = gate("g");
    file["chat"] = json!([
        {"id": "ignored", "host": "127.0.0.1", "port": "6050++", "clusterCount": 2, "name": "++x", "rack": " 7 a++"},
        {"id": "chat-server-1", "host": "127.0.0.1", "port": 6000},
        {"host": "127.0.0.1", "port": "6060++", "clusterCount": "1"},
    ]);
    file["area"] = json!([{"host": "127.0.0.1", "port": "7000++", "clusterCount": 1}]);
    let spec = load(&file);
    assert_eq!(
        ids(&spec),
        [
            "g",
            "cluster-server-chat-0",
            "cluster-server-chat-1",
            "chat-server-1",
            "cluster-server-chat-2",
            "cluster-server-area-0"
        ],
        "numbers go on over the entries of a type, and start at 0 in each type"
    );
    let ports: Vec<Option<u16>> = spec.of_type("chat").map(|server| server.port).collect();
    assert_eq!(
        ports,
        [Some(6050), Some(6051), Some(6000), Some(6060)],
        "each entry counts up from its own port"
    );
    assert_eq!(
        Value::Object(spec.servers[2].extra.clone()),
        json!({"clusterCount": 2, "name": "++x", "rack": 8}),
        "++ counts up anywhere but at the start, from what parseInt makes of the rest"
    );
}

#[test]
fn a_cluster_of_the_largest_size_loads() {
    let mut file = gate("g");
    file["chat"] = json!([{"host": "h", "port": "1++", "clusterCount": MAX_SERVERS - 1}]);
    assert_eq!(load(&file).servers.len(), MAX_SERVERS);
}

#[test]
fn a_dictionary_of_many_routes_is_read_in_their_order() {
    // Each was once compared with all before it.
    let routes: Vec<String> = (0..100_000).map(|n| format!("push.of.some.length.{n}")).collect();
    let text = serde_json::to_string(&routes).unwrap();
    let servers = gate("g").to_string();
    let directory = directory(&[("servers.json", servers.as_bytes()), ("dictionary.json", text.as_bytes())]);
    let spec = ClusterSpec::load(directory.path(), "development").unwrap();
    assert_eq!(spec.dictionary, Some(routes));
}

#[test]
fn the_whole_file_is_the_cluster_when_it_has_no_environments() {
    assert_eq!(ids(&load(&gate("whole"))), ["whole"]);
    assert_eq!(ids(&load(&json!({"production": gate("p"), "development": gate("d")}))), ["d"]);
    // A byte order mark, which Node drops.
    let text = format!("\u{feff}{}", gate("marked"));
    let spec = ClusterSpec::from_json(&text, "any", Path::new("servers.json")).unwrap();
    assert_eq!(ids(&spec), ["marked"]);
}

#[test]
fn servers_json_is_looked_for_in_pomelos_two_places() {
    let (top, inner) = (gate("top").to_string(), gate("inner").to_string());
    let both = directory(&[("servers.json", top.as_bytes()), ("development/servers.json", inner.as_bytes())]);
    let spec = ClusterSpec::load(both.path(), "development").unwrap();
    assert_eq!((ids(&spec), spec.source.clone()), (vec!["top"], both.path().join("servers.json")));

    let only_inner = directory(&[("development/servers.json", inner.as_bytes())]);
    assert_eq!(ids(&ClusterSpec::load(only_inner.path(), "development").unwrap()), ["inner"]);
    let file = only_inner.path().join("development/servers.json");
    assert_eq!(ids(&ClusterSpec::load(&file, "anything").unwrap()), ["inner"]);
}

#[test]
fn neighbours_are_read_from_either_place() {
    let servers = gate("g").to_string();
    let server = r#"{"onChat":{"required string msg":1,"a":2},"onAdd":{"required string user":1}}"#;
    let both = directory(&[
        ("servers.json", servers.as_bytes()),
        ("master.json", br#"{"development": {"id": "m", "host": "127.0.0.1", "port": "3005"}}"#),
        ("development/dictionary.json", br#"["onChat", "onAdd"]"#),
        ("serverProtos.json", server.as_bytes()),
    ]);
    let spec = ClusterSpec::load(both.path(), "development").unwrap();
    let master = spec.master.unwrap();
    assert_eq!((master.id.as_str(), master.host.as_str(), master.port), ("m", "127.0.0.1", 3005));
    assert_eq!(spec.dictionary.unwrap(), ["onChat", "onAdd"]);
    let protos = spec.protos.unwrap();
    assert_eq!(protos.server.to_string(), server, "the order of the file is kept");
    assert_eq!(protos.client, json!({}));

    let whole = directory(&[
        ("servers.json", servers.as_bytes()),
        ("master.json", br#"{"id": "m", "host": "127.0.0.1", "port": 3005}"#),
        ("clientProtos.json", br#"{"development": {"chat.chatHandler.send": {}}, "production": {}}"#),
    ]);
    let spec = ClusterSpec::load(whole.path(), "development").unwrap();
    assert_eq!(spec.master.unwrap().id.as_str(), "m");
    assert_eq!(spec.protos.unwrap().client, json!({"chat.chatHandler.send": {}}));

    // What Pomelo's template ships says nothing, so clients need not know of protobuf.
    let template = directory(&[
        ("servers.json", servers.as_bytes()),
        ("serverProtos.json", b"{}"),
        ("clientProtos.json", b"{}"),
    ]);
    assert!(ClusterSpec::load(template.path(), "development").unwrap().protos.is_none());
}

#[test]
fn files_that_are_missing_or_unreadable() {
    let empty = directory(&[("servers.json/not-a-file", b"")]);
    assert_eq!(
        error_in(&empty, "none"),
        "no servers.json: none does not exist; --config names the directory that holds it, or the file itself"
    );
    assert!(error_in(&empty, "").starts_with("servers.json: cannot be read: "), "{}", error_in(&empty, ""));
    let bytes = directory(&[("servers.json", b"{\n\"\xff\": 1}")]);
    assert!(error_in(&bytes, "").starts_with("no servers, at servers.json:1:1"), "as Node reads it");
    let bytes = directory(&[("servers.json", b"{\n\"\xff\": }")]);
    assert_eq!(error_in(&bytes, ""), "not UTF-8 text at servers.json:2:2");
    assert_eq!(error_in(&bytes, "servers.json"), "not UTF-8 text at servers.json:2:2");
    let none = directory(&[("development/master.json", b"{}")]);
    assert_eq!(
        error_in(&none, ""),
        "no servers.json: looked for servers.json and development/servers.json; --config names the directory that holds it, or the file itself"
    );
    let large = directory(&[("servers.json", &vec![b' '; (16 << 20) + 1])]);
    assert_eq!(error_in(&large, ""), "servers.json: larger than 16777216 bytes, the most that is read");
}

#[test]
fn faults_of_neighbours_name_the_neighbour() {
    let servers = gate("g").to_string();
    for (name, text, expected) in [
        ("master.json", r#"{"test": {}}"#, "missing \"port\", the port of the master, at master.json:1:1"),
        ("master.json", "[]", "invalid value: an array, expected the master, an object with \"id\", "),
        ("crons.json", "[", "pomelo-sim does not run its jobs"),
        (
            "dictionary.json",
            r#"{"onChat": 1}"#,
            "invalid value: an object, expected an array of push routes, at dictionary.json:1:1; no route is taken from it",
        ),
        (
            "dictionary.json",
            r#"["onChat "]"#,
            "$[0]: invalid value: string \"onChat \", expected a push route such as \"onChat\", each once, at dictionary.json:1:2",
        ),
        (
            "serverProtos.json",
            "{\"onChat\": {\"required string msg\": 1,\n  \"message A\": {\"optional bool b\": 1}}}",
            "or a message defined at serverProtos.json.onChat.A or at the top, got `bool`, at serverProtos.json:2:36; the \
             field travels without its value, as in Pomelo",
        ),
        (
            "serverProtos.json",
            r#"{"onChat": {"requird string msg": 1}}"#,
            "got `requird string msg`: unknown first word, at serverProtos.json:1:35; passed over, as in Pomelo",
        ),
        (
            "master.json",
            r#"{"id": "m", "host": "h"}"#,
            "missing \"port\", the port of the master, at master.json:1:1",
        ),
        (
            "dictionary.json",
            r#"["onChat", "onAdd", "onChat"]"#,
            "$[2]: invalid value: string \"onChat\", expected a push route such as \"onChat\", each once, at dictionary.json:1:21",
        ),
        (
            "development/serverProtos.json",
            r#"{"onChat": 3}"#,
            "onChat: invalid value: integer 3, expected an object of protobuf fields, at development/serverProtos.json:1:12",
        ),
    ] {
        let both = directory(&[("servers.json", servers.as_bytes()), (name, text.as_bytes())]);
        let spec = ClusterSpec::load(both.path(), "development").unwrap();
        let root = format!("{}/", both.path().display());
        let notes: Vec<String> = spec.notes.iter().map(|note| note.to_string().replace(&root, "")).collect();
        let is_there = |note: &String| note.starts_with(name) && note.contains(expected);
        assert!(notes.iter().any(is_there), "{name}: {text}: no {expected:?} in {notes:?}");
    }
    for (name, text, expected) in [
        (
            "clientProtos.json",
            "{\"a\": {},}".to_owned(),
            "not JSON: key must be a string, met `}` (JSON has no trailing commas), at clientProtos.json:1:10",
        ),
        (
            "clientProtos.json",
            format!("{{\"a\":{}{{}}{}}}", "{\"message M\":".repeat(40), "}".repeat(40)),
            "expected at most 32 levels of messages, got more, at clientProtos.json:1:422",
        ),
    ] {
        let both = directory(&[("servers.json", servers.as_bytes()), (name, text.as_bytes())]);
        assert_eq!(error_in(&both, ""), expected, "{name}: {text}");
    }
    // Commands find the cluster by that port; serve --admin takes another.
    let master = br#"{"id": "m", "host": "127.0.0.1", "port": 3014}"#;
    let both = directory(&[("servers.json", servers.as_bytes()), ("master.json", master)]);
    let clashes = ClusterSpec::load(both.path(), "development").unwrap().clashes(None);
    let clash = clashes[0].to_string().replace(&format!("{}/", both.path().display()), "");
    assert_eq!(
        clash,
        "address 127.0.0.1:3014 is used twice: port at master.json:1:42, first gate[0].clientPort at servers.json:1:52"
    );
}

#[test]
fn an_object_is_no_dictionary_and_an_empty_list_is_one() {
    let dictionary = |text: &str| {
        let servers = gate("g").to_string();
        let both = directory(&[("servers.json", servers.as_bytes()), ("dictionary.json", text.as_bytes())]);
        ClusterSpec::load(both.path(), "development").unwrap()
    };
    // What Pomelo's template and its tutorial ship.
    let template = dictionary("{}");
    assert!(template.dictionary.is_none() && template.notes.is_empty());
    assert_eq!(dictionary("[]").dictionary, Some(Vec::new()));
    assert_eq!(dictionary(r#"{"onChat": 0}"#).dictionary, None);
    let routes = dictionary(r#"[" a ", 5, "a", "a", null]"#).dictionary.unwrap();
    assert_eq!(routes, [" a ", "5", "a", "a", "null"], "each place has its code");
}

#[test]
fn a_project_is_found_from_its_root_and_from_its_servers() {
    let servers = gate("g").to_string();
    let project = directory(&[("game-server/config/servers.json", servers.as_bytes())]);
    for path in ["", "game-server", "game-server/config", "game-server/config/servers.json"] {
        let spec = ClusterSpec::load(&project.path().join(path), "development").unwrap();
        assert_eq!(ids(&spec), ["g"], "{path}");
    }
    let error = error_in(&directory(&[("config/x.json", b"{}")]), "");
    assert!(error.starts_with("no servers.json: looked for servers.json and development/servers.json and config/servers.json and "), "{error}");
}

#[test]
fn everything_is_here() {
    let file = json!({
        "connector": [
            {"id": "c1", "host": "10.0.0.1", "clientPort": 3050, "frontend": true, "clientHost": "chat.example"},
            {"id": "c2", "host": "10.0.0.2", "clientPort": 3050, "frontend": true},
            {"id": "c3", "host": "10.0.0.2", "clientPort": 80, "frontend": true},
            {"id": "c4", "host": "::1", "clientPort": 3051, "frontend": true},
            {"id": "c5", "host": "10.0.0.2", "clientPort": 0, "frontend": true},
            {"id": "c6", "host": "127.0.0.1", "clientPort": 3051, "frontend": true}],
        "chat": [{"id": "ch", "host": "10.0.0.3", "port": 3052}],
    });
    let spec = load(&file).here();
    let clients: Vec<_> = spec.servers.iter().map(|server| server.client_port).collect();
    assert_eq!(clients, [Some(3050), Some(3053), Some(8080), Some(3051), Some(0), Some(3054), None]);
    assert!(spec.servers.iter().all(|server| server.advertised_host() == "127.0.0.1"));
    assert!(spec.clashes(None).is_empty());
    let notes: Vec<String> = spec.notes.iter().map(ToString::to_string).collect();
    assert_eq!(
        notes,
        [
            "c2, c3, c5: --here: on 127.0.0.1 instead of 10.0.0.2, and clients are told so",
            "c4: --here: on 127.0.0.1 instead of ::1, and clients are told so",
            "c1: --here: on 127.0.0.1 instead of chat.example, and clients are told so",
            "c2: --here: clientPort 3050 is c1's; it opens 3053 instead",
            "c3: --here: clientPort 80 needs privileges; it opens 8080 instead",
            "c6: --here: clientPort 3051 is c4's; it opens 3054 instead",
        ]
    );
    assert_eq!(spec.clone().here().servers, spec.servers, "once is enough");
}

#[test]
fn types_are_left_out_with_what_was_said_of_them() {
    let file = json!({
        "connector": [{"id": "c", "host": "h", "clientPort": 3050, "frontend": true}],
        "area": [{"id": "a", "host": "h", "clientPort": 3050, "frontend": true, "port": "x"}],
        "log": "text",
    });
    let spec = load(&file);
    assert_eq!((spec.notes.len(), spec.clashes(None).len()), (2, 1));
    let less = spec.clone().without(&["area".to_owned(), "log".to_owned()]);
    assert_eq!(ids(&less), ["c"]);
    assert!(less.clashes(None).is_empty());
    let notes: Vec<String> = less.notes.iter().map(ToString::to_string).collect();
    assert_eq!(notes, ["log: --without: no server has this type"]);
    let none = less.without(&["connector".to_owned()]);
    assert!(none.servers.is_empty());
    assert!(none.notes.iter().any(|note| note.message.starts_with("no server is left")));
}

#[test]
fn the_tutorial_is_built_in() {
    let files = ClusterSpec::load(Path::new("config"), "development").unwrap();
    let built_in = ClusterSpec::load(Path::new(TUTORIAL), "development").unwrap();
    assert_eq!((&built_in.servers, &built_in.master), (&files.servers, &files.master));
    assert!(built_in.is_tutorial() && !files.is_tutorial());
    assert_eq!(ClusterSpec::load(&built_in.source, "development").unwrap(), built_in);
    assert_eq!(ClusterSpec::default_path(), Path::new("config"));
}

/// JSON that is nearly a configuration: the keys and values that occur in one, in any arrangement.
fn nearly_a_cluster() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2_i64..70_000).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec![
            "true",
            "3050",
            "3050++",
            "++",
            "é++",
            "1++",
            "9223372036854775807++",
            "127.0.0.1",
            "g",
            "c"
        ])
        .prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    let server = prop::collection::btree_map(
        prop::sample::select(vec![
            "id",
            "host",
            "port",
            "clientPort",
            "frontend",
            "clusterCount",
            "clientHost",
            "max-connections",
            "x",
        ]),
        leaf.clone(),
        0..9,
    );
    let good = (0..40_u16, any::<bool>()).prop_map(|(n, frontend)| {
        json!({"host": "h", "port": 0, "clientPort": format!("{}++", n * 10), "frontend": frontend, "clusterCount": n % 4 + 1})
    });
    let server = prop_oneof![1 => server.prop_map(|fields| json!(fields)), 10 => good, 1 => leaf];
    let servers = prop::collection::vec(server, 0..4);
    let types =
        prop::collection::btree_map(prop::sample::select(vec!["connector", "chat", "a.b"]), servers, 0..4);
    let types = (types, 0..8).prop_map(|(types, gates)| {
        let mut types = json!(types);
        if gates > 0 {
            types["gate"] = json!([{"id": "g", "host": "g", "clientPort": 0, "frontend": true}]);
        }
        types
    });
    prop_oneof![
        types.clone().prop_map(|types| json!({"development": types})),
        types.clone().prop_map(|types| json!(types)),
        types.prop_map(|types| json!({"production": types})),
    ]
}

/// What holds for every cluster that loads.
fn assert_lawful(spec: &ClusterSpec) {
    let ids: HashSet<_> = spec.servers.iter().map(|server| &server.id).collect();
    assert_eq!(ids.len(), spec.servers.len());
    assert!(spec.servers.iter().all(|server| !server.frontend || server.client_port.is_some()));
    assert!(spec.servers.len() <= MAX_SERVERS);
    assert_eq!(
        spec.server_types().map(|name| spec.of_type(name.as_str()).count()).sum::<usize>(),
        spec.servers.len()
    );
    spec.warnings(&ROLES, &["chat"], None);
    spec.warnings(&ROLES, &[], Some(std::net::Ipv4Addr::LOCALHOST.into()));
    serde_json::to_string(spec).unwrap();
    let here = spec.clone().fitted(&Fit { without: vec!["chat".to_owned()], here: true });
    assert!(here.clashes(None).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn what_loads_is_lawful_and_what_does_not_says_where(value in nearly_a_cluster(), pretty in any::<bool>()) {
        let text = if pretty { format!("{value:#}") } else { value.to_string() };
        match ClusterSpec::from_json(&text, "development", Path::new("servers.json")) {
            Ok(spec) => assert_lawful(&spec),
            Err(error) => prop_assert!(error.to_string().contains("servers.json"), "{}", error),
        }
    }

    #[test]
    fn damaged_text_is_refused_and_never_panics(at in 0_usize..400, with in any::<char>(), cut in any::<bool>()) {
        let text = format!("{:#}", gate("gäte"));
        let mut chars: Vec<char> = text.chars().collect();
        let at = at % chars.len();
        if cut { chars.truncate(at) } else { chars[at] = with }
        let text: String = chars.into_iter().collect();
        if let Ok(spec) = ClusterSpec::from_json(&text, "development", Path::new("servers.json")) {
            assert_lawful(&spec);
        }
    }

    #[test]
    fn any_text_at_all_never_panics(text in any::<String>(), env in any::<String>()) {
        let _ = ClusterSpec::from_json(&text, &env, Path::new("servers.json"));
    }
}

#[test]
fn nesting_without_end_is_refused() {
    for text in
        ["[".repeat(100_000), format!("{{\"gate\": [{{\"x\": {}1{}}}]}}", "[".repeat(5000), "]".repeat(5000))]
    {
        let error = ClusterSpec::from_json(&text, "development", Path::new("servers.json")).unwrap_err();
        assert!(error.to_string().starts_with("not JSON: "), "{error}");
    }
}
