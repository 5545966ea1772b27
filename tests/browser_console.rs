//! The console page in a real Chromium, on the binary that serves. The scripts are in `tests/browser`.
#![allow(clippy::unwrap_used)]

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
fn the_page_is_for_keyboards_phones_both_themes_and_those_who_only_look() {
    let Some(browser) = Browser::on_a_cluster(&[]) else { return };
    browser.play("console_looks.js");
}
