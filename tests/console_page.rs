//! What the console page computes: history, layout, forecasts and words, in Node.js without a browser.
#![allow(clippy::unwrap_used)]

use std::process::Stdio;

use node::Played;

#[path = "support/node.rs"]
mod node;

node::tests!(the_console_page_counts_places_and_words_rightly,);

fn the_console_page_counts_places_and_words_rightly() -> Played {
    let mut command = node::node_command("console/all.mjs")?;
    let output = command.stdin(Stdio::null()).output().unwrap();
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{complained}");
    Ok(())
}
