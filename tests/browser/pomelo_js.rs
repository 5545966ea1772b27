//! The module `pomelo.js` of the chat page: its tests in Node.js, with Pomelo's npm packages for
//! comparison.

use std::process::Stdio;

use crate::support::node::{self, Played};

node::tests!(the_module_reads_and_writes_what_pomelo_does_and_endures_strangers,);

fn the_module_reads_and_writes_what_pomelo_does_and_endures_strangers() -> Played {
    let mut command = node::node_command("pomelo_js/all.mjs")?;
    let output = command.stdin(Stdio::null()).output().unwrap();
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{complained}");
    Ok(())
}
