//! Rules of the links between servers: what happens to an envelope from one server to another.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::ids::{ServerId, ServerType};
use crate::nearest::{did_you_mean, nearest};
use crate::random::Random;

/// The two ends of a link.
#[derive(Clone, Copy, Debug)]
pub struct Link<'a> {
    /// The sender.
    pub from: End<'a>,
    /// The receiver.
    pub to: End<'a>,
}

/// One end of a link.
#[derive(Clone, Copy, Debug)]
pub struct End<'a> {
    /// The server.
    pub id: &'a ServerId,
    /// Its type.
    pub server_type: &'a ServerType,
}

/// What a rule decides for one envelope.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Nothing: the next rule is asked. If no rule decides, the envelope arrives at once.
    Pass,
    /// It arrives after this time, behind everything sent before it.
    Deliver(Duration),
    /// It is lost on the wire. Links are streams, as TCP's are: it is sent again a little later,
    /// and everything behind it waits. On a cut link it waits until the link heals.
    Drop,
}

/// Decides about the envelopes of links. The first rule that does not [`Pass`](Verdict::Pass) wins.
pub trait Rule: Send {
    /// Decides about one envelope on this link. `random` is the link's own stream.
    fn verdict(&mut self, link: &Link<'_>, random: &mut Random) -> Verdict;
}

/// The rule that files and commands describe. `from` and `to` are a server id, a server type, or
/// `*`.
///
/// In JSON:
/// `{"name":"slow","from":"connector","to":"chat-server-1","both":true,"latency":"20ms..50ms",
/// "loss":0.01}`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkRule {
    /// Its name, for removing it. One is given if it has none.
    #[serde(default)]
    pub name: String,
    /// The sender: id, type or `*`.
    #[serde(default = "any")]
    pub from: String,
    /// The receiver: id, type or `*`.
    #[serde(default = "any")]
    pub to: String,
    /// Whether it applies in the other direction too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub both: bool,
    /// Whether nothing arrives at all.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
    /// The share of envelopes that are lost, 0 to 1.
    #[serde(default, skip_serializing_if = "is_zero", deserialize_with = "share")]
    pub loss: f64,
    /// How long an envelope takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<Latency>,
}

impl fmt::Display for LinkRule {
    /// For people: `slow: connector to chat, both ways, latency 20ms, loss 0.01`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} to {}", self.name, self.from, self.to)?;
        if self.both {
            write!(f, ", both ways")?;
        }
        if let Some(latency) = self.latency {
            write!(f, ", latency {latency}")?;
        }
        if self.loss > 0.0 {
            write!(f, ", loss {}", self.loss)?;
        }
        if self.cut { write!(f, ", cut") } else { Ok(()) }
    }
}

impl LinkRule {
    /// Whether the rule applies to this link.
    pub fn holds_for(&self, link: &Link<'_>) -> bool {
        let holds = |from: &End<'_>, to: &End<'_>| names(&self.from, from) && names(&self.to, to);
        holds(&link.from, &link.to) || self.both && holds(&link.to, &link.from)
    }
}

impl Rule for LinkRule {
    fn verdict(&mut self, link: &Link<'_>, random: &mut Random) -> Verdict {
        if !self.holds_for(link) {
            return Verdict::Pass;
        }
        if self.cut || (self.loss > 0.0 && random.chance(self.loss)) {
            return Verdict::Drop;
        }
        self.latency.map_or(Verdict::Pass, |latency| Verdict::Deliver(latency.draw(random)))
    }
}

fn names(pattern: &str, end: &End<'_>) -> bool {
    pattern == "*" || pattern == end.id.as_str() || pattern == end.server_type.as_str()
}

fn any() -> String {
    "*".to_owned()
}

fn is_zero(loss: &f64) -> bool {
    *loss == 0.0
}

fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let share = f64::deserialize(deserializer)?;
    if (0.0..=1.0).contains(&share) {
        return Ok(share);
    }
    Err(serde::de::Error::custom(format!("expected a share from 0 to 1, got {share}")))
}

/// How long an envelope takes. Written `20ms`, `20ms..50ms` (uniform) or `~20ms/0.5` (lognormal:
/// the median, and the standard deviation of the logarithm).
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Latency {
    /// Always the same.
    Fixed(Duration),
    /// Uniform between the two.
    Uniform(Duration, Duration),
    /// Lognormal: the median, and the standard deviation of the logarithm.
    Lognormal(Duration, f64),
}

/// The longest latency; a longer one is a typing error.
const LATENCY_MAX: Duration = Duration::from_secs(60);

impl Latency {
    /// Draws one.
    pub fn draw(self, random: &mut Random) -> Duration {
        match self {
            Latency::Fixed(time) => time,
            Latency::Uniform(low, high) => {
                let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
                Duration::from_nanos(random.between(nanos(low), nanos(high)))
            }
            Latency::Lognormal(median, sigma) => {
                let seconds = random.lognormal(median.as_secs_f64(), sigma);
                Duration::from_secs_f64(seconds.min(LATENCY_MAX.as_secs_f64()))
            }
        }
    }

    /// Reads the form that the type describes.
    ///
    /// # Errors
    /// The text has another form.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "expected a latency such as 20ms, 20ms..50ms (uniform) or ~20ms/0.5 (lognormal), at most 60s; got {text:?}"
            )
        };
        let parsed = if let Some(law) = text.strip_prefix('~') {
            let (median, sigma) = law.split_once('/').unwrap_or((law, "0.5"));
            let sigma: f64 = sigma.parse().map_err(|_| wrong())?;
            let median = time(median).filter(|median| !median.is_zero()).ok_or_else(wrong)?;
            (0.0..=4.0).contains(&sigma).then_some(Latency::Lognormal(median, sigma))
        } else if let Some((low, high)) = text.split_once("..") {
            time(low).zip(time(high)).filter(|(low, high)| low <= high).map(|(l, h)| Latency::Uniform(l, h))
        } else {
            time(text).map(Latency::Fixed)
        };
        parsed.ok_or_else(wrong)
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Latency::Fixed(time) => write!(f, "{time:?}"),
            Latency::Uniform(low, high) => write!(f, "{low:?}..{high:?}"),
            Latency::Lognormal(median, sigma) => write!(f, "~{median:?}/{sigma}"),
        }
    }
}

impl Serialize for Latency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Latency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Latency::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// A time with its unit: `20ms`, `1.5s`, `300us`.
fn time(text: &str) -> Option<Duration> {
    let split = text.find(|c: char| c.is_ascii_alphabetic() || c == 'µ')?;
    let (number, unit) = text.split_at(split);
    let scale = match unit {
        "s" => 1.0,
        "ms" => 1e-3,
        "us" | "µs" => 1e-6,
        "ns" => 1e-9,
        _ => return None,
    };
    let seconds = number.parse::<f64>().ok()? * scale;
    (0.0..=LATENCY_MAX.as_secs_f64()).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}

/// No rule has this name.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("no rule {name:?}: {}{}", known_rules(known), did_you_mean(nearest(name, known.iter().map(String::as_str))))]
pub struct UnknownRule {
    /// The name that was asked for.
    pub name: String,
    /// The names that exist.
    pub known: Vec<String>,
}

fn known_rules(known: &[String]) -> String {
    if known.is_empty() {
        return "the links have no rules".to_owned();
    }
    format!("expected one of {}", known.join(", "))
}
