//! What the console page computes: history, layout, forecasts and words, in Node.js without a browser.

use std::process::Stdio;

use crate::support::node::{self, Played};

node::tests!(the_console_page_counts_places_and_words_rightly,);

fn the_console_page_counts_places_and_words_rightly() -> Played {
    let mut command = node::node_command("console/all.mjs")?;
    let output = command.stdin(Stdio::null()).output().unwrap();
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{complained}");
    Ok(())
}
