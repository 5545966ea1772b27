//! The console page in a real Chromium, against the serving binary. The scripts are in
//! `tests/browser`.

use crate::support::browser::Browser;
use crate::support::node::{self, Played};
use serde_json::json;

node::tests!(
    servers_links_and_strategies_are_changed_in_the_page,
    messages_are_made_followed_and_explained_and_hostile_names_stay_text,
    focus_stays_hidden_tabs_rest_and_some_may_only_look,
    pictures_are_made_with_a_crowd_and_everybody_can_use_what_is_on_them,
);

fn servers_links_and_strategies_are_changed_in_the_page() -> Played {
    let browser = Browser::on_a_cluster(&[])?;
    browser.play("console_orders.js")
}

fn messages_are_made_followed_and_explained_and_hostile_names_stay_text() -> Played {
    let browser = Browser::on_a_cluster(&[])?;
    browser.play("console_messages.js")
}

fn focus_stays_hidden_tabs_rest_and_some_may_only_look() -> Played {
    let browser = Browser::on_a_cluster(&[])?;
    browser.play("console_looks.js")
}

fn pictures_are_made_with_a_crowd_and_everybody_can_use_what_is_on_them() -> Played {
    let browser = Browser::on_a_cluster(&[])?;
    let readme = std::env::var_os("README_PICTURES").map(|_| Browser::folder().join("pictures"));
    browser.play_with("console_pictures.js", &json!({ "readme": readme }))
}
