//! The file that tells where an admin port is: for its user's eyes only, and gone when its cluster is.

use std::fs::{self, Permissions};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};

use crate::support::admin::{AdminWorld, credentials, private_directory};
use pomelo_sim::admin::{AdminClient, AdminFile, Credentials, Identity, Token};
use pomelo_sim::config::Ports;
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
    let error = AdminClient::connect(&path).err().unwrap().to_string();
    assert!(
        error.contains("no cluster answers at") && error.contains("pomelo-sim serve starts one"),
        "{error}"
    );
}

#[test]
fn a_client_finds_the_port_by_it_and_hears_refusals() {
    let world = AdminWorld::start();
    let mut client = AdminClient::connect(world.file.path()).unwrap();
    assert_eq!(client.ask("links", json!({})).unwrap(), json!({"rules": []}));
    let refused = client.ask("kill", json!({"ids": ["chat-server-1", "nobody"]})).unwrap_err().to_string();
    assert!(refused.ends_with("; done before: chat-server-1"), "{refused}");
    let long = client.ask("kill", json!({"ids": ["x".repeat(65536)]})).unwrap_err().to_string();
    assert!(long.starts_with("the order is "), "{long}");
    world.server.end();
    let ended = client.ask("links", json!({})).unwrap_err().to_string();
    assert!(ended.starts_with("the cluster ended before it answered"), "{ended}");
}
