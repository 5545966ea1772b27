//! The chat page and Pomelo's own browser client in a real Chromium, on the binary that serves. The scripts are in `tests/browser`.
#![allow(clippy::unwrap_used)]

use serde_json::json;
use support::browser::Browser;

mod support;

#[test]
fn people_chat_in_windows_and_in_panes() {
    let Some(browser) = Browser::on_a_cluster(&[]) else { return };
    browser.play("chat_talk.js");
}

#[test]
fn hostile_names_rooms_and_messages_stay_text() {
    let Some(browser) = Browser::on_a_cluster(&[]) else { return };
    browser.play("chat_hostile.js");
}

#[test]
fn lost_connections_come_back_and_kicks_are_shown() {
    let Some(browser) = Browser::on_a_cluster(&[]) else { return };
    browser.play_with("chat_lost.js", &json!({ "gates": ["gate-server-1"] }));
}

#[test]
fn a_login_elsewhere_is_told_and_not_fought() {
    let Some(browser) = Browser::on_a_cluster(&["--on-duplicate", "kick"]) else { return };
    browser.play("chat_elsewhere.js");
}

#[test]
fn the_page_is_for_keyboards_phones_and_screen_readers() {
    let Some(browser) = Browser::on_a_cluster(&[]) else { return };
    browser.play("chat_access.js");
}

#[test]
fn the_official_browser_client_chats_in_a_real_browser() {
    let Some(browser) = Browser::on_a_cluster(&[]) else { return };
    browser.play("official_client.js");
}

#[test]
fn pictures_of_a_lively_conversation_are_made() {
    let Some(browser) = Browser::on_a_cluster(&[]) else { return };
    let readme = std::env::var_os("README_PICTURES").map(|_| Browser::folder().join("pictures"));
    browser.play_with("chat_pictures.js", &json!({ "readme": readme }));
}
