//! `serve --console`: its address, the fallback when the port is taken, and how commands and
//! scripts find it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

use crate::support::console::{Reply, read_reply};
use crate::support::served::World;
use crate::support::{PATIENCE, servers_json};
use serde_json::Value;

/// The console's address from the banner.
fn told(world: &World) -> SocketAddr {
    let url = world.banner().split("console http://").nth(1).unwrap().split("/console").next().unwrap();
    url.parse().unwrap()
}

fn get(address: SocketAddr, path: &str) -> Reply {
    ask(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"))
}

fn ask(address: SocketAddr, request: &str) -> Reply {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    read_reply(&answer)
}

fn stderr(world: &World) -> String {
    fs::read_to_string(world.directory.path().join("stderr")).unwrap()
}

#[test]
fn the_banner_and_the_admin_file_say_where_it_is() {
    let world = World::served(&["--console", "0"]);
    let address = told(&world);
    assert!(address.ip().is_loopback());
    assert!(
        world.banner().contains(&format!("Chat page http://{address}/, console http://{address}/console.\n"))
    );
    assert!(
        world.banner().contains(&format!("open http://{address}/console in a browser")),
        "{}",
        world.banner()
    );
    let file: Value = serde_json::from_str(&fs::read_to_string(world.file()).unwrap()).unwrap();
    assert_eq!(file["console"], address.to_string());
    // Both share one token.
    let token = file["token"].as_str().unwrap();
    assert!(get(address, "/console").body.contains(token));
    let kill = format!(
        "POST /api/v1/servers/chat-server-1/kill HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
         Connection: close\r\n\r\n"
    );
    assert_eq!(ask(address, &kill).status, 200);
    assert_eq!(world.state("chat-server-1"), "killed");
    // Otherwise anyone on the network could fill the log.
    let stranger = kill.replace(token, "0");
    assert_eq!(ask(address, &stranger).status, 401);
    assert_eq!(ask(address, "nothing\r\n\r\n").status, 400);
    let log = stderr(&world);
    assert!(!log.contains("warning") && !log.contains("refused"), "{log}");
    world.end();
}

#[test]
fn off_is_off() {
    let world = World::served(&["--console", "off"]);
    assert!(!world.banner().contains("onsole"), "{}", world.banner());
    assert!(!fs::read_to_string(world.file()).unwrap().contains("console"));
    world.end();
}

#[test]
fn a_console_that_hands_its_token_to_nobody_works_with_it() {
    let world = World::served(&["--console", "0", "--console-token", "off"]);
    let address = told(&world);
    let file: Value = serde_json::from_str(&fs::read_to_string(world.file()).unwrap()).unwrap();
    let token = file["token"].as_str().unwrap();
    assert!(!get(address, "/console").body.contains(token));
    let kill = |token: &str| {
        format!(
            "POST /api/v1/servers/chat-server-1/kill HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
    };
    assert_eq!(ask(address, &kill("0")).status, 401);
    assert_eq!(ask(address, &kill(token)).status, 200);
}

#[test]
fn without_an_admin_port_the_page_has_the_token() {
    let (mut world, _taken) = World::new();
    world.serve(&["--admin", "off", "--console", "0"]);
    let page = get(told(&world), "/console").body;
    let token = page.split("name=\"pomelo-token\" content=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(token.len(), 32, "{page}");
    assert!(world.files().is_empty());
    world.end();
}

#[test]
fn a_taken_port_that_was_asked_for_is_an_error_before_anything_starts() {
    let (world, _taken) = World::new();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port().to_string();
    let error = world.refused(&["serve", "--admin", "off", "--console", &port]);
    assert!(error.starts_with(&format!("error: ports are taken: 127.0.0.1:{port} (console); ")), "{error}");
    assert!(error.contains("--ports any") && error.lines().count() == 1, "{error}");
    let error = world.refused(&["serve", "--admin", "off", "--console", "nonsense"]);
    assert!(error.contains("expected off, a port, or HOST:PORT"), "{error}");
}

/// One test, since all would share the default port.
#[test]
fn a_default_port_that_is_not_to_be_had_is_a_warning_and_another_is_taken() {
    let warned = |world: &World, who: &str| {
        let address = told(world);
        assert_ne!(address.port(), 3080);
        let expected = format!(
            "warning: console: {who} has port 3080: it is at {address}; --console PORT takes another\n"
        );
        assert_eq!(stderr(world), expected);
        assert_eq!(get(address, "/healthz").status, 200);
    };
    // Another program may already use the port; then the server cannot.
    if TcpListener::bind("127.0.0.1:3080").is_ok() {
        let (mut world, _taken) = World::new();
        let servers = servers_json(1, 1).replacen(r#""clientPort":0"#, r#""clientPort":3080"#, 1);
        fs::write(world.directory.path().join("servers.json"), servers).unwrap();
        world.serve_at_default(&["--admin", "off"]);
        warned(&world, "connector-server-1");
        world.end();
    }
    let _other = TcpListener::bind("127.0.0.1:3080");
    let (mut world, _taken) = World::new();
    world.serve_at_default(&["--admin", "off"]);
    warned(&world, "another program");
    world.end();
}

#[test]
fn open_to_other_machines_it_says_so() {
    let (mut world, _taken) = World::new();
    world.serve(&["--admin", "off", "--console", "0.0.0.0:0"]);
    assert!(world.banner().contains("/console; others can look, not change.\n"), "{}", world.banner());
    assert!(get(told(&world), "/console").body.contains("pomelo-token"));
    world.end();
}

#[test]
fn a_stop_ends_streams_and_silent_connections_at_once() {
    let world = World::served(&["--console", "0"]);
    let address = told(&world);
    let silent = TcpStream::connect(address).unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(format!("GET /api/v1/live HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes()).unwrap();
    let mut start = [0; 64];
    stream.read_exact(&mut start).unwrap();
    world.end();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    drop(silent);
}
