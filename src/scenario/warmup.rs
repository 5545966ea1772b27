//! The warm-up of a run.

use std::fmt;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// The warm-up of a run.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
#[serde(untagged)]
pub enum Warmup {
    /// This many virtual seconds.
    Seconds(f64),
    /// Found by White's rule MSER-5 in a pilot run.
    Rule(WarmupRule),
}

/// A rule that finds the end of a warm-up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub enum WarmupRule {
    /// Marginal standard error rule over means of five (White 1997).
    #[serde(rename = "mser-5")]
    Mser5,
}

impl Default for Warmup {
    fn default() -> Self {
        Warmup::Seconds(0.0)
    }
}

// Written by hand so that an error says what was expected.
impl<'de> Deserialize<'de> for Warmup {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl Visitor<'_> for Either {
            type Value = Warmup;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of seconds, or \"mser-5\"")
            }

            fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<Warmup, E> {
                Ok(Warmup::Seconds(seconds))
            }

            fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Warmup, E> {
                Ok(Warmup::Seconds(seconds as f64))
            }

            fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Warmup, E> {
                Ok(Warmup::Seconds(seconds as f64))
            }

            fn visit_str<E: de::Error>(self, rule: &str) -> Result<Warmup, E> {
                match rule {
                    "mser-5" => Ok(Warmup::Rule(WarmupRule::Mser5)),
                    _ => Err(E::invalid_value(de::Unexpected::Str(rule), &self)),
                }
            }
        }

        deserializer.deserialize_any(Either)
    }
}
