//! A strategy in its written form: `two-choices`, `ring(100)`, `directory(rendezvous)`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

use super::{ALL, DEFAULT, Kind, Needs, Strategy, StrategyEntry, entry};
use crate::nearest::{did_you_mean, nearest};

/// Deepest nesting of strategies.
const DEPTH_MAX: usize = 4;

/// The parameter in parentheses after a strategy's name.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Parameter {
    /// No parameter.
    None,
    /// A number.
    Number {
        /// Its meaning, in a few words: `points of each server`.
        what: &'static str,
        /// Value without parentheses.
        default: f64,
        /// Smallest value.
        min: f64,
        /// Largest value.
        max: f64,
        /// Whether it must be an integer.
        whole: bool,
    },
    /// Another strategy, which is required.
    Inner,
}

impl Parameter {
    /// A whole number.
    pub(super) const fn whole(what: &'static str, default: u32, min: u32, max: u32) -> Self {
        Self::Number { what, default: default as f64, min: min as f64, max: max as f64, whole: true }
    }
}

/// The argument of a strategy.
#[derive(Clone, PartialEq, Debug)]
pub enum Argument {
    /// No argument.
    None,
    /// This number, given or default.
    Number(f64),
    /// This strategy.
    Inner(Box<StrategySpec>),
}

impl Argument {
    /// The number, or 0 without one.
    pub(super) fn number(&self) -> f64 {
        match self {
            Argument::Number(number) => *number,
            _ => 0.0,
        }
    }

    /// The inner strategy, or the default without one.
    pub(super) fn inner(&self) -> StrategySpec {
        match self {
            Argument::Inner(inner) => (**inner).clone(),
            _ => StrategySpec::default(),
        }
    }
}

/// A strategy with its checked argument.
#[derive(Clone)]
pub struct StrategySpec {
    entry: &'static StrategyEntry,
    argument: Argument,
}

/// Why a text is not a strategy.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum UnknownStrategy {
    /// No strategy has this name.
    #[error("unknown strategy {name:?}: expected one of {}{}", known(), did_you_mean(nearest(name, names())))]
    Name {
        /// The unknown name.
        name: String,
    },
    /// The argument is invalid.
    #[error("strategy {text:?}: expected {expected}")]
    Argument {
        /// The whole text.
        text: String,
        /// The accepted argument, in words.
        expected: String,
    },
}

impl UnknownStrategy {
    pub(super) fn of(name: &str) -> Self {
        UnknownStrategy::Name { name: name.to_owned() }
    }
}

impl StrategySpec {
    /// Its entry in [`ALL`].
    pub fn entry(&self) -> &'static StrategyEntry {
        self.entry
    }

    /// Whether a server of twice the weight gets twice the keys.
    pub fn heeds_weights(&self) -> bool {
        match &self.argument {
            Argument::Inner(inner) => inner.heeds_weights(),
            _ => self.entry.weighted,
        }
    }

    /// The strategy that places keys not remembered: the one inside all directories, or this one.
    pub fn innermost(&self) -> &StrategySpec {
        match &self.argument {
            Argument::Inner(inner) => inner.innermost(),
            _ => self,
        }
    }

    /// The information it uses.
    pub fn needs(&self) -> Needs {
        self.make(0).needs()
    }

    /// Whether it remembers the servers of keys.
    pub fn remembers(&self) -> bool {
        self.make(0).placements().is_some()
    }

    /// Its argument.
    pub fn argument(&self) -> &Argument {
        &self.argument
    }

    /// Whether it finds a placed key again.
    pub fn is_sticky(&self) -> bool {
        self.entry.kind == Kind::Sticky
    }

    /// Makes the strategy, without servers. `seed` is the seed of its random numbers.
    pub fn make(&self, seed: u64) -> Box<dyn Strategy> {
        (self.entry.make)(&self.argument, seed)
    }

    fn parse(text: &str, depth: usize) -> Result<Self, UnknownStrategy> {
        let text = text.trim();
        let wrong = |expected: String| UnknownStrategy::Argument { text: text.to_owned(), expected };
        let (name, inside) = match text.split_once('(') {
            None => (text, None),
            Some((name, rest)) => {
                let inside = rest.strip_suffix(')');
                let inside = inside.ok_or_else(|| wrong("a closing parenthesis at the end".to_owned()))?;
                (name.trim_end(), Some(inside.trim()))
            }
        };
        let entry = entry(name)?;
        let argument = match (entry.parameter, inside) {
            (Parameter::None, None) => Argument::None,
            (Parameter::None, Some(_)) => return Err(wrong(format!("{name} without parentheses"))),
            (Parameter::Number { default, .. }, None) => Argument::Number(default),
            (Parameter::Number { what, min, max, whole, .. }, Some(inside)) => {
                let number = inside
                    .parse()
                    .ok()
                    .filter(|number: &f64| (min..=max).contains(number) && (!whole || number.fract() == 0.0));
                let kind = if whole { "a whole number" } else { "a number" };
                Argument::Number(number.ok_or_else(|| {
                    wrong(format!("{kind} from {min} to {max} in the parentheses ({what})"))
                })?)
            }
            (Parameter::Inner, inside) => {
                let inside = inside.filter(|_| depth < DEPTH_MAX);
                let inside = inside.ok_or_else(|| {
                    wrong(format!("another strategy in parentheses, such as {name}(two-choices)"))
                })?;
                Argument::Inner(Box::new(Self::parse(inside, depth + 1)?))
            }
        };
        Ok(Self { entry, argument })
    }
}

impl StrategyEntry {
    /// The strategy with its default argument; a directory gets `two-choices`.
    pub fn spec(&'static self) -> StrategySpec {
        let argument = match self.parameter {
            Parameter::None => Argument::None,
            Parameter::Number { default, .. } => Argument::Number(default),
            Parameter::Inner => Argument::Inner(Box::new("two-choices".parse().unwrap_or_default())),
        };
        StrategySpec { entry: self, argument }
    }
}

impl Default for StrategySpec {
    /// [`DEFAULT`].
    fn default() -> Self {
        DEFAULT.parse().unwrap_or(Self { entry: &ALL[0], argument: Argument::None })
    }
}

impl PartialEq for StrategySpec {
    fn eq(&self, other: &Self) -> bool {
        self.entry.name == other.entry.name && self.argument == other.argument
    }
}

impl FromStr for StrategySpec {
    type Err = UnknownStrategy;

    fn from_str(text: &str) -> Result<Self, UnknownStrategy> {
        Self::parse(text, 0)
    }
}

impl fmt::Display for StrategySpec {
    /// The form that parses back, without a default argument.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.entry.name;
        match (&self.argument, self.entry.parameter) {
            (Argument::Number(number), Parameter::Number { default, .. }) if *number != default => {
                f.pad(&format!("{name}({number})"))
            }
            (Argument::Inner(inner), _) => f.pad(&format!("{name}({inner})")),
            _ => f.pad(name),
        }
    }
}

impl fmt::Debug for StrategySpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for StrategySpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for StrategySpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|entry| entry.name)
}

fn known() -> String {
    names().collect::<Vec<_>>().join(", ")
}
