//! Labels that do not overlap, and the look of the lines and points they name.

use unicode_width::UnicodeWidthStr;

use super::canvas::{Anchor, Canvas};

/// Height of a line of text.
pub(super) const LINE: f64 = 14.0;

/// Width of a column of text of 12 pixels. Rather too wide: a plot does not know the font.
const COLUMN: f64 = 6.7;

/// Upper bound on the width of a text.
pub(super) fn width(text: &str) -> f64 {
    text.width() as f64 * COLUMN
}

/// Colour and dash of a line. There are twenty-four looks; neighbours differ in colour and marker.
pub(super) fn look(index: usize) -> String {
    format!("c{} d{}", index % 8, index / 8 % 4)
}

/// Positions near the wanted ones, at least `gap` apart, from `low` to `high`; closer when there is
/// too little room.
pub(super) fn spread(wanted: &[f64], gap: f64, low: f64, high: f64) -> Vec<f64> {
    let gap = gap.min((high - low) / wanted.len().saturating_sub(1).max(1) as f64);
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|a, b| wanted[*a].total_cmp(&wanted[*b]).then(a.cmp(b)));
    let mut places = wanted.to_vec();
    let mut least = low;
    for index in &order {
        places[*index] = places[*index].max(least);
        least = places[*index] + gap;
    }
    let mut most = high;
    for index in order.iter().rev() {
        places[*index] = places[*index].min(most);
        most = places[*index] - gap;
    }
    places
}

/// Draws the marker of a line or a point: shape and colour vary together.
pub(super) fn marker(canvas: &mut Canvas, (x, y): (f64, f64), index: usize) {
    let radius = 4.5;
    let around: &[(f64, f64)] = match index % 5 {
        0 => &[
            (0.38, 0.92),
            (0.92, 0.38),
            (0.92, -0.38),
            (0.38, -0.92),
            (-0.38, -0.92),
            (-0.92, -0.38),
            (-0.92, 0.38),
            (-0.38, 0.92),
        ],
        1 => &[(0.85, 0.85), (0.85, -0.85), (-0.85, -0.85), (-0.85, 0.85)],
        2 => &[(0.0, -1.15), (1.05, 0.8), (-1.05, 0.8)],
        3 => &[(0.0, 1.25), (1.25, 0.0), (0.0, -1.25), (-1.25, 0.0)],
        _ => &[(0.0, 1.15), (1.05, -0.8), (-1.05, -0.8)],
    };
    let corners: Vec<(f64, f64)> = around.iter().map(|(dx, dy)| (x + dx * radius, y + dy * radius)).collect();
    canvas.polygon(&corners, &format!("p c{}", index % 8));
}

/// Boxes of placed text.
#[derive(Default)]
pub(super) struct Taken(Vec<[f64; 4]>);

impl Taken {
    /// Reserves a box.
    pub(super) fn add(&mut self, x: f64, y: f64, width: f64, height: f64) {
        self.0.push([x, y, x + width, y + height]);
    }

    fn is_free(&self, [left, top, right, bottom]: [f64; 4]) -> bool {
        self.0
            .iter()
            .all(|other| right <= other[0] || other[2] <= left || bottom <= other[1] || other[3] <= top)
    }

    /// Writes a label near a point, within the frame (left, top, right, bottom), with a thin line
    /// to it when it is far.
    pub(super) fn label(
        &mut self,
        canvas: &mut Canvas,
        (x, y): (f64, f64),
        text: &str,
        class: &str,
        frame: [f64; 4],
    ) {
        let (wide, high) = (width(text), LINE - 1.0);
        let fits = |distance: f64, step: u32| {
            let angle = f64::from(step) * std::f64::consts::PI / 8.0;
            let (dx, dy) = (angle.cos() * distance, angle.sin() * distance);
            let left = if dx.abs() < 1.0 {
                x - wide / 2.0
            } else if dx > 0.0 {
                x + dx
            } else {
                x + dx - wide
            };
            [left, y + dy - high / 2.0, left + wide, y + dy + high / 2.0]
        };
        let rings = (0..28).map(|ring| 11.0 + f64::from(ring) * 9.0);
        // To the right first, then around.
        let places = rings.flat_map(|distance| {
            [0, 2, 14, 1, 15, 4, 12, 8, 6, 10, 3, 13, 5, 11, 7, 9]
                .map(|step| (distance, fits(distance, step)))
        });
        let inside = |place: &[f64; 4]| {
            place[0] >= frame[0] && place[1] >= frame[1] && place[2] <= frame[2] && place[3] <= frame[3]
        };
        let mut places = places;
        let Some((distance, place)) = places.find(|(_, place)| inside(place) && self.is_free(*place)) else {
            return;
        };
        if distance > 20.0 {
            let end = x.clamp(place[0], place[2]);
            canvas.line((x, y), (end, (place[1] + place[3]) / 2.0), "lead");
        }
        // Anchor the near end, so that its distance holds however wide the text is rendered.
        let (end, anchor) = if place[2] < x { (place[2], Anchor::End) } else { (place[0], Anchor::Start) };
        canvas.text(end, place[3] - 3.0, anchor, class, text);
        self.0.push(place);
    }
}
