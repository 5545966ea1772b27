//! Links between servers: their traffic and their state.

use std::collections::BTreeMap;

use super::picture::{EdgePicture, EdgeState};
use crate::ids::{ServerId, ServerType};
use crate::live::{ClusterView, EdgeView};
use crate::router::LinkRule;
use crate::router::links::{End, Link};

/// Most links in a picture: of a hundred servers, each may send to each.
const EDGES_MAX: usize = 1000;

/// The links that carried envelopes between two views, or hold some now; if there are too many, the
/// busiest.
pub(super) fn between(before: Option<&ClusterView>, now: &ClusterView, seconds: f64) -> Vec<EdgePicture> {
    let before: BTreeMap<(&ServerId, &ServerId), u64> =
        before.iter().flat_map(|view| &view.edges).map(|edge| (ends(edge), edge.envelopes)).collect();
    let types: BTreeMap<&ServerId, &ServerType> =
        now.servers.iter().map(|server| (&server.id, &server.server_type)).collect();
    let picture = |edge: &EdgeView| {
        // The link of a restarted receiver counts from 0 again.
        let earlier = before.get(&ends(edge)).filter(|earlier| **earlier <= edge.envelopes).copied();
        let more = edge.envelopes - earlier.unwrap_or(0);
        EdgePicture {
            from: edge.from.clone(),
            to: edge.to.clone(),
            per_second: if seconds > 0.0 { more as f64 / seconds } else { 0.0 },
            held: edge.held,
            state: state(&now.rules, edge, &types),
        }
    };
    let mut edges: Vec<EdgePicture> =
        now.edges.iter().map(picture).filter(|edge| edge.per_second > 0.0 || edge.held > 0).collect();
    if edges.len() > EDGES_MAX {
        edges.sort_by(|a, b| b.held.cmp(&a.held).then(b.per_second.total_cmp(&a.per_second)));
        edges.truncate(EDGES_MAX);
        edges.sort_by(|a, b| (&a.from, &a.to).cmp(&(&b.from, &b.to)));
    }
    edges
}

fn ends(edge: &EdgeView) -> (&ServerId, &ServerId) {
    (&edge.from, &edge.to)
}

/// The state by the first rule that holds for the link.
fn state(rules: &[LinkRule], edge: &EdgeView, types: &BTreeMap<&ServerId, &ServerType>) -> EdgeState {
    let (Some(from), Some(to)) = (types.get(&edge.from), types.get(&edge.to)) else { return EdgeState::Ok };
    let link =
        Link { from: End { id: &edge.from, server_type: from }, to: End { id: &edge.to, server_type: to } };
    match rules.iter().find(|rule| rule.holds_for(&link)) {
        Some(rule) if rule.cut => EdgeState::Cut,
        Some(rule) if rule.loss > 0.0 => EdgeState::Lossy,
        Some(_) => EdgeState::Slow,
        None => EdgeState::Ok,
    }
}
