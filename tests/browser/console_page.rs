//! The console page's computations (history, layout, forecasts, texts) in Node.js without a
//! browser, and the types of all pages.

use std::process::Stdio;

use crate::support::browser::Browser;
use crate::support::node::{self, Played};

node::tests!(the_console_page_counts_places_and_words_rightly, the_types_of_the_pages_hold);

fn the_console_page_counts_places_and_words_rightly() -> Played {
    let mut command = node::node_command("console/all.mjs")?;
    let output = command.stdin(Stdio::null()).output().unwrap();
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{complained}");
    Ok(())
}

/// The JSDoc types of the pages, checked by TypeScript's compiler.
fn the_types_of_the_pages_hold() -> Played {
    let folder = Browser::folder();
    let mut command = node::command_in(&folder, "node_modules/typescript/bin/tsc")?;
    let output = command.args(["--project", "jsconfig.json"]).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    Ok(())
}
