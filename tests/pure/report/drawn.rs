//! Reads plots and pages back, and returns the positions of their parts.

use roxmltree::{Document, Node, ParsingOptions};

/// It must be well-formed XML; the page is that, too.
pub(crate) fn parse(text: &str) -> Document<'_> {
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).unwrap_or_else(|error| panic!("{error} in {text:.2000}"))
}

/// All text that is not code.
pub(crate) fn texts<'a>(document: &'a Document<'_>) -> Vec<&'a str> {
    let code = |node: &Node<'_, '_>| {
        node.parent().is_some_and(|parent| ["style", "script"].contains(&parent.tag_name().name()))
    };
    document
        .descendants()
        .filter(|node| node.is_text() && !code(node))
        .filter_map(|node| node.text())
        .collect()
}

/// Each place in a plot lies within the view box of the `svg` that it is in.
pub(crate) fn assert_inside(name: &str, document: &Document<'_>) {
    let mut seen = 0;
    for node in document.descendants().filter(Node::is_element) {
        let Some(svg) = node.ancestors().skip(1).find(|ancestor| ancestor.tag_name().name() == "svg") else {
            continue;
        };
        let view = numbers(svg.attribute("viewBox").unwrap());
        let (width, height) = (view[2], view[3]);
        assert!(width > 0.0 && height > 0.0, "{name}: {view:?}");
        for (x, y) in places(&node) {
            seen += 1;
            let inside = (-0.05..=width + 0.05).contains(&x) && (-0.05..=height + 0.05).contains(&y);
            let tag = node.tag_name().name();
            assert!(inside, "{name}: {tag} at {x} {y} in {width} × {height}: {:?}", node.text());
        }
    }
    let plots = document.descendants().any(|node| node.tag_name().name() == "svg");
    assert!(seen > 10 || !plots, "{name}: only {seen} places were read");
}

/// Each plot of the document, by itself.
pub(crate) fn plots<'a>(document: &'a Document<'_>) -> impl Iterator<Item = Node<'a, 'a>> {
    document.descendants().filter(|node| node.attribute("class") == Some("plot"))
}

/// Texts of a plot, as wide as the plots take them to be, neither overlap nor leave it.
pub(crate) fn assert_labels_apart(name: &str, plot: &Node<'_, '_>) {
    let right = numbers(plot.attribute("viewBox").unwrap())[2];
    let labels: Vec<([f64; 4], &str)> = plot
        .descendants()
        .filter(|node| node.tag_name().name() == "text")
        .filter_map(|node| {
            let text = node.text()?;
            let (x, y) = places(&node)[0];
            let classes: Vec<&str> = node.attribute("class").unwrap_or_default().split(' ').collect();
            let width = text.chars().count() as f64 * if classes.contains(&"q") { 5.9 } else { 6.5 };
            let left = match classes.last() {
                Some(&"e") => x - width,
                Some(&"m") => x - width / 2.0,
                _ => x,
            };
            Some(([left, y - 8.0, left + width, y + 1.0], text))
        })
        .collect();
    assert!(labels.len() > 3, "{name}: the labels were not read");
    for (index, (a, text)) in labels.iter().enumerate() {
        // A tick in a corner may stand out by half its width of what is only an upper bound.
        assert!(a[0] >= -8.0 && a[2] <= right + 8.0, "{name}: {text:?} at {a:?} is wider than {right}");
        for (b, other) in &labels[index + 1..] {
            let apart = a[2] <= b[0] || b[2] <= a[0] || a[3] <= b[1] || b[3] <= a[1];
            assert!(apart, "{name}: {text:?} at {a:?} lies on {other:?} at {b:?}");
        }
    }
}

/// Points that an element names.
fn places(node: &Node<'_, '_>) -> Vec<(f64, f64)> {
    let number = |name: &str| -> Option<f64> {
        let text = node.attribute(name)?;
        (!text.ends_with('%')).then(|| text.parse().unwrap())
    };
    let pair = |x: &str, y: &str| number(x).zip(number(y));
    match node.tag_name().name() {
        "text" => pair("x", "y").into_iter().collect(),
        "line" => pair("x1", "y1").into_iter().chain(pair("x2", "y2")).collect(),
        "rect" | "svg" => {
            let Some((x, y)) = pair("x", "y") else { return Vec::new() };
            let (width, height) = pair("width", "height").unwrap();
            assert!(width >= 0.0 && height >= 0.0);
            vec![(x, y), (x + width, y + height)]
        }
        "polyline" | "polygon" => {
            let points = numbers(node.attribute("points").unwrap());
            assert_eq!(points.len() % 2, 0);
            points.chunks(2).map(|point| (point[0], point[1])).collect()
        }
        // M x y h length, again and again.
        "path" => {
            let runs = node.attribute("d").unwrap().split('M').skip(1);
            let ends = runs.flat_map(|run| {
                let run = numbers(&run.replace('h', " "));
                assert_eq!(run.len(), 3);
                [(run[0], run[1]), (run[0] + run[2], run[1])]
            });
            ends.collect()
        }
        _ => Vec::new(),
    }
}

fn numbers(text: &str) -> Vec<f64> {
    let parts = text.split([' ', ',']).filter(|part| !part.is_empty());
    let numbers: Vec<f64> = parts.map(|part| part.parse().unwrap()).collect();
    assert!(numbers.iter().all(|number| number.is_finite()), "{text}");
    numbers
}
