//! Plots of results: pure functions to SVG, with the same bytes for the same results.
//!
//! They are drawn here because no charting crate gives SVG that takes its colours from a style
//! sheet (one plot for light and dark pages), describes itself to screen readers, and is
//! byte-identical everywhere. The colours are those of Okabe and Ito, distinguishable to
//! colour-blind readers; lines also differ in dash, points in shape.
//!
//! A plot is drawn for a width in pixels, so that its text matches the page's. A page contains a
//! wide and a narrow version of each, and shows the one that fits.

mod balance;
mod bars;
mod canvas;
mod curves;
mod labels;
mod load;
mod load_panel;
mod moves;
mod scale;

pub(super) use balance::balance;
pub(super) use bars::bars;
pub(super) use canvas::{Canvas, STYLE};
pub(super) use curves::{curves, kinds};
pub(super) use load::{common_marks, grid, heat_legend, panels, steps};
pub(super) use moves::moves;

/// Width of a plot on a desktop, in pixels.
pub(super) const WIDE: f64 = 860.0;

/// Width of a plot on a phone, or of one in a row of several, in pixels.
pub(super) const NARROW: f64 = 340.0;
