//! An order hangs: a stop still tells the clients.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::{Command, Stdio};

use nix::libc::O_NONBLOCK;

use crate::support::client::{BOTH, Client};
use crate::support::served::World;
use crate::support::wait_until;

#[test]
fn a_stop_overtakes_an_order_that_hangs() {
    let mut world = World::served(&[]);
    let frontend = world.address("connector-server-1");
    let mut clients =
        BOTH.map(|transport| Client::enter(frontend, transport, &format!("{transport:?}"), "lobby"));
    // Reading the configuration does not end while a writer has it open.
    let path = world.directory.path().join("servers.json");
    fs::remove_file(&path).unwrap();
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let mut reload = world.command(&["reload"]);
    let mut reload = reload.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut writer = None;
    wait_until("the cluster reads the configuration", || {
        writer = OpenOptions::new().write(true).custom_flags(O_NONBLOCK).open(&path).ok();
        writer.is_some()
    });
    let mut serve = world.serve.take().unwrap();
    serve.terminate();
    for client in &mut clients {
        client.assert_closed_by_stop("server stopped");
    }
    assert_eq!(serve.ended().code(), Some(0));
    drop(writer);
    assert_eq!(reload.wait().unwrap().code(), Some(2));
}
