//! Distributions of random times and sizes: service times, gaps between arrivals, lengths of
//! visits.

use serde::{Deserialize, Serialize};

use super::Random;

/// A distribution of non-negative random numbers, in the caller's unit: a mean and a shape.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distribution {
    /// The mean.
    pub mean: f64,
    /// The spread.
    #[serde(default)]
    pub shape: Shape,
}

/// The shape of a distribution. `cv2` is the variance divided by the square of the mean.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// Always the mean.
    Deterministic,
    /// Exponential, memoryless; cv2 = 1.
    #[default]
    Exponential,
    /// Uniform from 0 to twice the mean; cv2 = 1/3.
    Uniform,
    /// Erlang: the sum of k exponential stages; cv2 = 1/k.
    Erlang(u32),
    /// Lognormal with this cv2. A sigma of the logarithm has cv2 = exp(sigma²) - 1, and mean =
    /// median · exp(sigma²/2).
    Lognormal(f64),
    /// Hyperexponential: one of two exponentials, each with half of the load (balanced means); cv2
    /// above 1.
    Hyperexponential(f64),
    /// Pareto with this tail index, above 1; below 2 the variance is infinite.
    Pareto(f64),
}

impl Distribution {
    /// Always this value.
    pub const fn fixed(value: f64) -> Self {
        Self { mean: value, shape: Shape::Deterministic }
    }

    /// Exponential with this mean.
    pub const fn exponential(mean: f64) -> Self {
        Self { mean, shape: Shape::Exponential }
    }

    /// Draws a value.
    pub fn draw(&self, random: &mut Random) -> f64 {
        self.mean * self.shape.draw(random)
    }
}

impl Shape {
    /// Draws a value with mean 1.
    pub fn draw(self, random: &mut Random) -> f64 {
        match self {
            Shape::Deterministic => 1.0,
            Shape::Exponential => random.exponential(),
            Shape::Uniform => 2.0 * random.unit(),
            Shape::Erlang(stages) => {
                let sum: f64 = (0..stages).map(|_| random.exponential()).sum();
                sum / f64::from(stages)
            }
            Shape::Lognormal(cv2) => {
                let variance = cv2.ln_1p();
                random.lognormal((-variance / 2.0).exp(), variance.sqrt())
            }
            Shape::Hyperexponential(cv2) => {
                let share = 0.5 * (1.0 + ((cv2 - 1.0) / (cv2 + 1.0)).sqrt());
                let share = if random.chance(share) { share } else { 1.0 - share };
                random.exponential() / (2.0 * share)
            }
            Shape::Pareto(index) => {
                // Inverse of the distribution function; the least value makes the mean 1.
                let least = (index - 1.0) / index;
                least * (1.0 - random.unit()).powf(-1.0 / index)
            }
        }
    }

    /// Variance divided by the square of the mean.
    pub fn cv2(self) -> f64 {
        match self {
            Shape::Deterministic => 0.0,
            Shape::Exponential => 1.0,
            Shape::Uniform => 1.0 / 3.0,
            Shape::Erlang(stages) => 1.0 / f64::from(stages),
            Shape::Lognormal(cv2) | Shape::Hyperexponential(cv2) => cv2,
            Shape::Pareto(index) if index > 2.0 => 1.0 / (index * (index - 2.0)),
            Shape::Pareto(_) => f64::INFINITY,
        }
    }
}
