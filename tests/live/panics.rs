//! Panics in user code fail the current message, and nothing else.

use std::borrow::Cow;
use std::sync::Arc;

use crate::support::client::{Client, Transport};
use crate::support::watch::connectors;
use crate::support::{patient, tutorial};
use bytes::Bytes;
use pomelo_sim::cluster::Cluster;
use pomelo_sim::envelope::{AppError, Session};
use pomelo_sim::router::RouteKey;
use pomelo_sim::servers::{Filter, FilterCall};
use serde_json::json;

/// Panics on messages and answers that hold these words.
struct Mine;

impl Filter for Mine {
    fn before(&self, call: &mut FilterCall<'_>) -> Result<(), AppError> {
        assert!(!holds(call.body, "panic before"));
        Ok(())
    }

    fn after(&self, _: &str, _: Option<&Session>, result: &mut Result<Bytes, AppError>) {
        assert!(!result.as_ref().is_ok_and(|body| holds(body, "panic after")));
    }
}

fn holds(body: &[u8], word: &str) -> bool {
    body.windows(word.len()).any(|window| window == word.as_bytes())
}

fn panics_alone(cluster: Cluster, words: &[&str]) {
    let cluster = cluster.options(patient()).start().unwrap();
    let mut other = Client::enter(connectors(&cluster)[0], Transport::WebSocket, "other", "lobby");
    let mut client = Client::enter(connectors(&cluster)[0], Transport::Tcp, "client", "lobby");
    assert_eq!(other.push().0, "onAdd");
    let send = |client: &mut Client, word: &str| {
        // The answer repeats `route`, so that filters see it on both ways.
        client.request("chat.chatHandler.send", json!({"content": word, "route": word, "target": "*"}))
    };
    for word in words {
        let answer = send(&mut client, word);
        assert_eq!(answer["code"], 500, "{word}: {answer}");
    }
    assert_eq!(send(&mut client, "all is well"), json!({"route": "all is well"}));
    client.close();
    let pushes = std::iter::from_fn(|| Some(other.push())).take_while(|(route, _)| route != "onLeave");
    assert_eq!(pushes.last().unwrap().1["msg"], "all is well");
    assert_eq!(cluster.view().unwrap().uids, 1);
}

#[test]
fn in_a_filter_of_a_backend() {
    panics_alone(tutorial().filter("chat", Mine), &["panic before", "panic after"]);
}

#[test]
fn in_a_global_filter() {
    panics_alone(tutorial().global_filter(Mine), &["panic before", "panic after"]);
}

#[test]
fn in_a_route() {
    let route: RouteKey = Arc::new(|input| {
        assert!(!holds(input.body, "panic in the route"));
        Ok(Cow::Borrowed("one for all"))
    });
    panics_alone(tutorial().route("chat", route), &["panic in the route"]);
}
