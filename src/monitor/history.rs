//! The last minutes of a cluster, as columns of figures: the source of the charts.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::picture::{Picture, ServerPicture};
use crate::ids::{ServerId, ServerType};
use crate::stats::Balance;

/// Time between two samples, in milliseconds.
const STEP_MS: u64 = 1000;

/// Five minutes.
const SAMPLES_MAX: usize = 300;

/// The pictures of the last five minutes, one a second, reduced to the figures that charts need.
///
/// Serialises as columns of the same length, oldest first, with `null` where there was nothing:
/// `{"stepMs","atMs":[…],"servers":{id:{"load","messagesPerSecond","p99Ms"}},
/// "types":{type:{"byCount","byMessages"}},"totals":{"messagesPerSecond",
/// "deliveriesPerSecond","p50Ms","p99Ms","sessions"}}`.
#[derive(Clone, Default)]
pub struct History {
    samples: VecDeque<Sample>,
}

#[derive(Clone)]
struct Sample {
    at_ms: u64,
    servers: BTreeMap<ServerId, OfServer>,
    types: BTreeMap<ServerType, OfType>,
    totals: OfAll,
}

#[derive(Clone, Copy)]
struct OfServer {
    load: usize,
    messages_per_second: f64,
    p99_ms: Option<f64>,
}

#[derive(Clone, Copy)]
struct OfType {
    by_count: Option<Evenness>,
    by_messages: Option<Evenness>,
}

#[derive(Clone, Copy)]
struct OfAll {
    messages_per_second: f64,
    deliveries_per_second: f64,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
    sessions: usize,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
struct Evenness {
    peak_to_mean: f64,
    jain: f64,
}

impl History {
    /// Adds a picture, and drops the one that is older than five minutes.
    pub fn take(&mut self, picture: &Picture) {
        if self.samples.len() == SAMPLES_MAX {
            self.samples.pop_front();
        }
        let is_up = |server: &&ServerPicture| server.uptime_seconds > 0.0;
        let of_server = |server: &ServerPicture| OfServer {
            load: server.load,
            messages_per_second: server.messages_per_second,
            p99_ms: server.p99_ms,
        };
        let evenness = |Balance { peak_to_mean, jain, .. }| Evenness { peak_to_mean, jain };
        let servers = picture.servers.iter().filter(is_up);
        let types = picture.types.iter().map(|of_type| {
            let (by_count, by_messages) = (of_type.by_count.map(evenness), of_type.by_messages.map(evenness));
            (of_type.server_type.clone(), OfType { by_count, by_messages })
        });
        let totals = &picture.totals;
        self.samples.push_back(Sample {
            at_ms: picture.at_ms,
            servers: servers.map(|server| (server.id.clone(), of_server(server))).collect(),
            types: types.collect(),
            totals: OfAll {
                messages_per_second: totals.messages_per_second,
                deliveries_per_second: totals.deliveries_per_second,
                p50_ms: totals.p50_ms,
                p99_ms: totals.p99_ms,
                sessions: totals.sessions,
            },
        });
    }

    fn column<T>(&self, of: impl Fn(&Sample) -> T) -> Vec<T> {
        self.samples.iter().map(of).collect()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ServerColumns {
    load: Vec<Option<usize>>,
    messages_per_second: Vec<Option<f64>>,
    p99_ms: Vec<Option<f64>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TypeColumns {
    by_count: Vec<Option<Evenness>>,
    by_messages: Vec<Option<Evenness>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TotalColumns {
    messages_per_second: Vec<f64>,
    deliveries_per_second: Vec<f64>,
    p50_ms: Vec<Option<f64>>,
    p99_ms: Vec<Option<f64>>,
    sessions: Vec<usize>,
}

impl Serialize for History {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ids: BTreeSet<&ServerId> = self.samples.iter().flat_map(|sample| sample.servers.keys()).collect();
        let of_server = |id| ServerColumns {
            load: self.column(|sample| sample.servers.get(id).map(|of| of.load)),
            messages_per_second: self
                .column(|sample| sample.servers.get(id).map(|of| of.messages_per_second)),
            p99_ms: self.column(|sample| sample.servers.get(id).and_then(|of| of.p99_ms)),
        };
        let servers: BTreeMap<_, _> = ids.into_iter().map(|id| (id, of_server(id))).collect();
        let names: BTreeSet<&ServerType> =
            self.samples.iter().flat_map(|sample| sample.types.keys()).collect();
        let of_type = |name| TypeColumns {
            by_count: self.column(|sample| sample.types.get(name).and_then(|of| of.by_count)),
            by_messages: self.column(|sample| sample.types.get(name).and_then(|of| of.by_messages)),
        };
        let types: BTreeMap<_, _> = names.into_iter().map(|name| (name, of_type(name))).collect();
        let totals = TotalColumns {
            messages_per_second: self.column(|sample| sample.totals.messages_per_second),
            deliveries_per_second: self.column(|sample| sample.totals.deliveries_per_second),
            p50_ms: self.column(|sample| sample.totals.p50_ms),
            p99_ms: self.column(|sample| sample.totals.p99_ms),
            sessions: self.column(|sample| sample.totals.sessions),
        };
        let mut history = serializer.serialize_struct("History", 5)?;
        history.serialize_field("stepMs", &STEP_MS)?;
        history.serialize_field("atMs", &self.column(|sample| sample.at_ms))?;
        history.serialize_field("servers", &servers)?;
        history.serialize_field("types", &types)?;
        history.serialize_field("totals", &totals)?;
        history.end()
    }
}
