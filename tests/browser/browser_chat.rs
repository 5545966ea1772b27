//! The chat page and Pomelo's own browser client in a real Chromium, against the serving binary.
//! The scripts are in `tests/browser`.

use crate::support::browser::Browser;
use crate::support::node::{self, Played};
use serde_json::json;

node::tests!(
    people_chat_in_windows_and_in_panes,
    hostile_names_rooms_and_messages_stay_text,
    lost_connections_come_back_and_kicks_are_shown,
    a_login_elsewhere_is_told_and_not_fought,
    the_page_is_for_keyboards_phones_and_screen_readers,
    the_official_browser_client_chats_in_a_real_browser,
    pictures_of_a_lively_conversation_are_made,
);

fn people_chat_in_windows_and_in_panes() -> Played {
    let browser = Browser::on_a_cluster(&[])?;
    browser.play("chat_talk.js")
}

fn hostile_names_rooms_and_messages_stay_text() -> Played {
    let browser = Browser::on_a_cluster(&[])?;
    browser.play("chat_hostile.js")
}

fn lost_connections_come_back_and_kicks_are_shown() -> Played {
    let browser = Browser::on_a_cluster(&[])?;
    browser.play_with("chat_lost.js", &json!({ "gates": ["gate-server-1"] }))
}

fn a_login_elsewhere_is_told_and_not_fought() -> Played {
    let browser = Browser::on_a_cluster(&["--on-duplicate", "kick"])?;
    browser.play("chat_elsewhere.js")
}

fn the_page_is_for_keyboards_phones_and_screen_readers() -> Played {
    let browser = Browser::on_a_cluster(&[])?;
    browser.play("chat_access.js")
}

fn the_official_browser_client_chats_in_a_real_browser() -> Played {
    let browser = Browser::on_a_cluster(&[])?;
    browser.play("official_client.js")
}

fn pictures_of_a_lively_conversation_are_made() -> Played {
    let browser = Browser::on_a_cluster(&[])?;
    let readme = std::env::var_os("README_PICTURES").map(|_| Browser::folder().join("pictures"));
    browser.play_with("chat_pictures.js", &json!({ "readme": readme }))
}
