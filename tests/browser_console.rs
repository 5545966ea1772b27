//! The console page in a real Chromium, on the binary that serves. The scripts are in `tests/browser`.
#![allow(clippy::unwrap_used)]

use serde_json::json;
use support::browser::Browser;

mod support;

#[test]
fn servers_links_and_strategies_are_changed_in_the_page() {
    let Some(browser) = Browser::on_a_cluster(&[]) else { return };
    browser.play("console_orders.js");
}

#[test]
fn messages_are_made_followed_and_explained_and_hostile_names_stay_text() {
    let Some(browser) = Browser::on_a_cluster(&[]) else { return };
    browser.play("console_messages.js");
}

#[test]
fn focus_stays_hidden_tabs_rest_and_some_may_only_look() {
    let Some(browser) = Browser::on_a_cluster(&[]) else { return };
    browser.play("console_looks.js");
}

#[test]
fn pictures_are_made_with_a_crowd_and_everybody_can_use_what_is_on_them() {
    let Some(browser) = Browser::on_a_cluster(&[]) else { return };
    let readme = std::env::var_os("README_PICTURES").map(|_| Browser::folder().join("pictures"));
    browser.play_with("console_pictures.js", &json!({ "readme": readme }));
}
