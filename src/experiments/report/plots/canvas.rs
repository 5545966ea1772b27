//! A plot under construction: SVG elements at pixel positions, coloured by a style sheet.

use std::fmt::{self, Display};

use super::super::markup::{Attribute, Markup};

/// Colours and dashes of all plots, by class. Rules rather than variables, which only browsers
/// support.
pub(in crate::experiments::report) const STYLE: &str = include_str!("plots.css");

/// Alignment of a text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A plot.
#[derive(Clone)]
pub(in crate::experiments::report) struct Canvas {
    /// In pixels.
    pub(super) width: f64,
    /// In pixels.
    pub(super) height: f64,
    title: String,
    description: String,
    body: Markup,
}

/// A position or length in pixels, written to a tenth.
#[derive(Clone, Copy)]
pub(super) struct Px(pub(super) f64);

impl Display for Px {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = (self.0 * 10.0).round();
        if tenths % 10.0 == 0.0 {
            write!(f, "{}", (tenths / 10.0) as i64)
        } else {
            write!(f, "{:.1}", tenths / 10.0)
        }
    }
}

impl Canvas {
    /// An empty plot. Screen readers read out the title and the description.
    pub(super) fn new(
        width: f64,
        height: f64,
        title: impl Into<String>,
        description: impl Into<String>,
    ) -> Self {
        let (title, description) = (title.into(), description.into());
        Self { width, height, title, description, body: Markup::default() }
    }

    /// A line of text with its baseline at `y`.
    pub(super) fn text(&mut self, x: f64, y: f64, anchor: Anchor, class: &str, text: impl Display) {
        let class = match anchor {
            Anchor::Start => class.to_owned(),
            Anchor::Middle => format!("{class} m"),
            Anchor::End => format!("{class} e"),
        };
        self.body.leaf("text", &[("x", &Px(x)), ("y", &Px(y)), ("class", &class.trim())], text);
    }

    /// A straight line.
    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), class: &str) {
        let ends: [Attribute<'_>; 5] = [
            ("x1", &Px(from.0)),
            ("y1", &Px(from.1)),
            ("x2", &Px(to.0)),
            ("y2", &Px(to.1)),
            ("class", &class),
        ];
        self.body.empty("line", &ends);
    }

    /// A rectangle.
    pub(super) fn rect(&mut self, corner: (f64, f64), size: (f64, f64), class: &str) {
        let attributes: [Attribute<'_>; 5] = [
            ("x", &Px(corner.0)),
            ("y", &Px(corner.1)),
            ("width", &Px(size.0.max(0.0))),
            ("height", &Px(size.1.max(0.0))),
            ("class", &class),
        ];
        self.body.empty("rect", &attributes);
    }

    /// A line through the points.
    pub(super) fn polyline(&mut self, points: &[(f64, f64)], class: &str) {
        let text: Vec<String> = points.iter().map(|(x, y)| format!("{},{}", Px(*x), Px(*y))).collect();
        self.body.empty("polyline", &[("points", &text.join(" ")), ("class", &class)]);
    }

    /// A filled area.
    pub(super) fn polygon(&mut self, points: &[(f64, f64)], class: &str) {
        let text: Vec<String> = points.iter().map(|(x, y)| format!("{},{}", Px(*x), Px(*y))).collect();
        self.body.empty("polygon", &[("points", &text.join(" ")), ("class", &class)]);
    }

    /// Dots, made round by their class. One path holds all of them, to save bytes.
    pub(super) fn dots(&mut self, points: &[(f64, f64)], class: &str) {
        let text: String = points.iter().map(|(x, y)| format!("M{} {}h0", Px(*x), Px(*y))).collect();
        self.body.empty("path", &[("d", &text), ("class", &class)]);
    }

    /// Cells of a grid stretched over a rectangle. Each path has a class, and coordinates in
    /// columns and rows.
    pub(super) fn cells(
        &mut self,
        corner: (f64, f64),
        size: (f64, f64),
        grid: (usize, usize),
        paths: &[(String, String)],
    ) {
        let view = format!("0 0 {} {}", grid.0, grid.1);
        let attributes: [Attribute<'_>; 7] = [
            ("x", &Px(corner.0)),
            ("y", &Px(corner.1)),
            ("width", &Px(size.0)),
            ("height", &Px(size.1)),
            ("viewBox", &view),
            ("preserveAspectRatio", &"none"),
            ("class", &"cells"),
        ];
        self.body.open("svg", &attributes);
        for (class, path) in paths {
            self.body.empty("path", &[("class", class), ("d", path)]);
        }
        self.body.close("svg");
    }

    /// Begins a group with a tooltip.
    pub(super) fn open(&mut self, hint: impl Display) {
        self.body.open("g", &[]);
        self.body.leaf("title", &[], hint);
    }

    /// Ends a group.
    pub(super) fn close(&mut self) {
        self.body.close("g");
    }

    /// Embeds another plot at a position.
    pub(super) fn place(&mut self, corner: (f64, f64), other: &Canvas) {
        let view = format!("0 0 {} {}", Px(other.width), Px(other.height));
        let attributes: [Attribute<'_>; 5] = [
            ("x", &Px(corner.0)),
            ("y", &Px(corner.1)),
            ("width", &Px(other.width)),
            ("height", &Px(other.height)),
            ("viewBox", &view),
        ];
        self.body.open("svg", &attributes);
        self.body.leaf("title", &[], &other.title);
        self.body.append(&other.body);
        self.body.close("svg");
    }

    /// The title.
    pub(in crate::experiments::report) fn title(&self) -> &str {
        &self.title
    }

    /// Writes the plot into a page that includes [`STYLE`].
    pub(in crate::experiments::report) fn inline(&self, out: &mut Markup) {
        self.write(out, &[], false);
    }

    /// The plot as a standalone file.
    pub(in crate::experiments::report) fn file(&self) -> String {
        let mut out = Markup::default();
        out.literal("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        let namespace: Attribute<'_> = ("xmlns", &"http://www.w3.org/2000/svg");
        self.write(&mut out, &[namespace, ("width", &Px(self.width)), ("height", &Px(self.height))], true);
        out.literal("\n");
        out.into_string()
    }

    fn write(&self, out: &mut Markup, attributes: &[Attribute<'_>], alone: bool) {
        let view = format!("0 0 {} {}", Px(self.width), Px(self.height));
        let mut attributes = attributes.to_vec();
        attributes.extend([("viewBox", &view as &dyn Display), ("class", &"plot"), ("role", &"img")]);
        out.open("svg", &attributes);
        out.leaf("title", &[], &self.title);
        out.leaf("desc", &[], &self.description);
        if alone {
            out.open("style", &[]);
            out.literal(STYLE);
            out.close("style");
            out.empty("rect", &[("width", &"100%"), ("height", &"100%"), ("class", &"paper")]);
        }
        out.append(&self.body);
        out.close("svg");
    }
}
