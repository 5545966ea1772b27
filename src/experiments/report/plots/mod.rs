//! Plots of results: pure functions to SVG, the same bytes for the same results.
//!
//! They are drawn here and not by a charting crate, since none gives SVG that takes its colours
//! from a style sheet (one plot for a page in light and in dark), names itself to who cannot see
//! it, and is the same to the byte everywhere. Colours are those of Okabe and Ito, told apart by
//! all eyes; lines differ in dash, points in shape besides.
//!
//! A plot is drawn for a width in pixels, so that its text is as large as that of the page: a page
//! has a wide and a narrow one of each, and shows what fits.

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

/// Width of a plot on a desk, in pixels.
pub(super) const WIDE: f64 = 860.0;

/// Width of a plot on a phone, and of one of several side by side, in pixels.
pub(super) const NARROW: f64 = 340.0;
