//! The admin file: only its user can read it, and it is removed with its cluster.

use std::fs::{self, Permissions};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};

use crate::support::admin::{AdminWorld, credentials, private_directory};
use pomelo_sim::admin::{AdminClient, AdminFile, ClientError, Credentials, Identity, Token};
use pomelo_sim::config::Ports;
use pomelo_sim::orders::{Code, Order};
use serde_json::{Value, json};
use tempfile::TempDir;

fn address() -> SocketAddr {
    "127.0.0.1:3005".parse().unwrap()
}

fn identity() -> Identity {
    Identity::new(Path::new("/no/such/servers.json"), "development", Ports::default())
}

fn create(path: &Path) -> Result<AdminFile, String> {
    let told = credentials(identity(), address(), &Token::random().unwrap());
    AdminFile::create(path, &told).map_err(|error| error.to_string())
}

fn read_error(path: &Path) -> String {
    Credentials::read(path).err().unwrap().to_string()
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn only_its_user_can_read_it_and_its_directory() {
    let parent = TempDir::new().unwrap();
    let path = parent.path().join("new/admin.json");
    let token = Token::random().unwrap();
    AdminFile::make_directory(path.parent().unwrap()).unwrap();
    let file = AdminFile::create(&path, &credentials(identity(), address(), &token)).unwrap();
    let mode = |path: &Path| fs::symlink_metadata(path).unwrap().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    let text: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(
        text,
        json!({
            "config": "/no/such/servers.json", "env": "development", "ports": {"offset": 0},
            "address": "127.0.0.1:3005", "token": token.as_str(), "pid": std::process::id()
        })
    );
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing is left beside it");
    let read = Credentials::read(&path).unwrap();
    assert_eq!((read.address, read.token), (address(), token));
    drop(file);
    assert!(!path.exists());
}

#[test]
fn each_start_has_a_token_of_its_own() {
    let parent = TempDir::new().unwrap();
    let path = private_directory(&parent, "run").join("admin.json");
    let tokens: Vec<String> = (0..2)
        .map(|_| {
            let _file = create(&path).unwrap();
            Credentials::read(&path).unwrap().token.as_str().to_owned()
        })
        .collect();
    assert_ne!(tokens[0], tokens[1]);
    assert_eq!(tokens[0].len(), 32);
}

#[test]
fn it_is_removed_only_by_the_cluster_that_it_is_of() {
    let parent = TempDir::new().unwrap();
    let path = private_directory(&parent, "run").join("admin.json");
    let first = create(&path).unwrap();
    let second = create(&path).unwrap();
    let theirs = fs::read_to_string(&path).unwrap();
    drop(first);
    assert_eq!(fs::read_to_string(&path).unwrap(), theirs);
    drop(second);
    assert!(!path.exists());
}

#[test]
fn directories_that_others_can_write_are_refused() {
    let parent = TempDir::new().unwrap();
    for mode in [0o755, 0o711, 0o750, 0o701] {
        let directory = private_directory(&parent, &format!("{mode:o}"));
        set_mode(&directory, mode);
        drop(create(&directory.join("admin.json")).unwrap());
    }
    for mode in [0o775, 0o757, 0o770, 0o720, 0o1777] {
        let directory = private_directory(&parent, &format!("{mode:o}"));
        set_mode(&directory, mode);
        let error = create(&directory.join("admin.json")).unwrap_err();
        let open = format!("others can write there (mode {:03o})", mode & 0o777);
        assert!(error.contains(&open) && error.contains("--admin-file"), "{error}");
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
    }
}

#[test]
fn directories_of_others_are_refused() {
    let parent = TempDir::new().unwrap();
    let own = private_directory(&parent, "theirs");
    let is_root = fs::metadata(&own).unwrap().uid() == 0;
    // Only root can give a directory away; to everybody else the root directory is another's.
    let directory = if is_root {
        chown(&own, Some(12345), None).unwrap();
        own
    } else {
        PathBuf::from("/")
    };
    let error = create(&directory.join("admin.json")).unwrap_err();
    assert!(error.contains("belongs to user"), "{error}");
}

#[test]
fn links_are_not_followed() {
    let parent = TempDir::new().unwrap();
    let directory = private_directory(&parent, "run");
    let (path, bait) = (directory.join("admin.json"), parent.path().join("bait"));
    fs::write(&bait, "untouched").unwrap();
    symlink(&bait, &path).unwrap();
    assert!(read_error(&path).contains("not a plain file"));
    let file = create(&path).unwrap();
    assert_eq!(fs::read_to_string(&bait).unwrap(), "untouched");
    assert!(fs::symlink_metadata(&path).unwrap().is_file());
    drop(file);

    let link = parent.path().join("link");
    symlink(&directory, &link).unwrap();
    let error = create(&link.join("admin.json")).unwrap_err();
    assert!(error.contains("not a directory, or a link"), "{error}");
}

#[test]
fn files_of_which_others_know_are_not_believed() {
    let parent = TempDir::new().unwrap();
    let path = private_directory(&parent, "run").join("admin.json");
    let _file = create(&path).unwrap();
    set_mode(&path, 0o644);
    assert!(read_error(&path).contains("open to others (mode 644)"));
    set_mode(&path, 0o600);
    let text = fs::read_to_string(&path).unwrap();
    let elsewhere = text.replace("127.0.0.1:3005", "192.0.2.7:3005");
    for (text, expected) in [
        (String::new(), "EOF"),
        ("{}".to_owned(), "missing field"),
        (elsewhere, "not on this machine"),
        (" ".repeat(5000), "too long"),
    ] {
        fs::write(&path, text).unwrap();
        let error = read_error(&path);
        assert!(error.contains("no admin file") && error.contains(expected), "{error}");
    }
    fs::write(&path, b"\xff").unwrap();
    assert!(read_error(&path).contains("cannot read"));
}

#[test]
fn where_nobody_runs_the_error_says_what_to_do() {
    let parent = TempDir::new().unwrap();
    let directory = private_directory(&parent, "run");
    let error = read_error(&directory.join("3005.json"));
    assert!(
        error.contains("no cluster runs with") && error.contains("pomelo-sim serve starts one"),
        "{error}"
    );
    // No directory is made for it: a slip in a path must not leave one somewhere.
    let error = create(&parent.path().join("no/admin.json")).unwrap_err();
    assert!(error.contains("it must exist") && error.contains("--admin-file"), "{error}");
    assert!(!parent.path().join("no").exists());

    // Left behind by a process that was killed: nobody listens there any more.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let path = directory.join("admin.json");
    let told = credentials(identity(), closed, &Token::random().unwrap());
    let _file = AdminFile::create(&path, &told).unwrap();
    let error = AdminClient::of_file(&path).unwrap().ask(&Order::Links).err().unwrap().to_string();
    assert!(
        error.contains("no cluster answers at") && error.contains("pomelo-sim serve starts one"),
        "{error}"
    );
}

#[test]
fn a_client_finds_the_port_by_it_and_hears_refusals() {
    let mut world = AdminWorld::start();
    let client = AdminClient::of_file(world.file.path()).unwrap();
    assert_eq!(client.ask(&Order::Links).unwrap(), json!({"rules": []}));
    let kill = |id: &str| client.ask(&Order::Kill { id: id.to_owned() });
    assert_eq!(kill("chat-server-1").unwrap(), json!({"done": ["chat-server-1"]}));
    match kill("nobody / ?#%&+").unwrap_err() {
        ClientError::Refused(refusal) => {
            assert_eq!(refusal.code, Code::UnknownServer);
            assert!(refusal.message.starts_with("no server nobody / ?#%&+: expected one of "), "{refusal}");
        }
        other => panic!("{other}"),
    }
    let long = kill(&"x".repeat(32 * 1024)).unwrap_err().to_string();
    assert!(long.starts_with("the order is ") && long.ends_with("at most 32768 can be sent"), "{long}");
    let fields = [("id".to_owned(), Value::from("x".repeat(65536)))].into_iter().collect();
    let long = client.ask(&Order::Add(fields)).unwrap_err().to_string();
    assert!(long.starts_with("the order is ") && long.ends_with("at most 65536 can be sent"), "{long}");
    world.console.take().unwrap().end();
    let gone = client.ask(&Order::Links).unwrap_err().to_string();
    assert!(gone.starts_with("no cluster answers at"), "{gone}");
}

/// What a client makes of a program that answers with these bytes, and closes.
fn met(answer: Vec<u8>) -> ClientError {
    let parent = TempDir::new().unwrap();
    let path = private_directory(&parent, "run").join("admin.json");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let told = credentials(identity(), listener.local_addr().unwrap(), &Token::random().unwrap());
    let _file = AdminFile::create(&path, &told).unwrap();
    let liar = std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        // Of an answer that is too long, the client does not read the end.
        let _ = stream.write_all(&answer);
    });
    let error = AdminClient::of_file(&path).unwrap().ask(&Order::List).unwrap_err();
    liar.join().unwrap();
    error
}

#[test]
fn what_another_program_answers_is_not_believed_and_bounded() {
    for answer in [
        "HTTP/1.1 200 OK\r\n\r\nnot JSON",
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 404 Not Found\r\n\r\n{\"error\":\"nothing\"}",
        "HTTP/1.1 302 Found\r\nLocation: http://evil.example/\r\n\r\n",
        "{\"ok\":{}}\n",
        "HTTP/1.1 200 OK\r\nX: ",
        "\u{1b}[31m\r\n\r\n",
    ] {
        let error = met(answer.as_bytes().to_vec()).to_string();
        assert!(error.starts_with("unexpected response (not a pomelo-sim port?): "), "{error}");
        assert!(!error.contains(|c: char| c.is_control()) && error.len() < 300, "{error}");
    }
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n{{}}", "X: 1\r\n".repeat(100));
    let long = [b"HTTP/1.1 200 OK\r\n\r\n\"".to_vec(), vec![b'x'; 17 << 20]].concat();
    for answer in [many.into_bytes(), long] {
        assert!(matches!(met(answer), ClientError::NoAnswer { .. }));
    }
    assert!(met(Vec::new()).to_string().starts_with("the cluster ended before it answered"));
}
