//! Reports of experiments: their content, for any results.

pub(crate) mod drawn;
pub(crate) mod sample;

use std::collections::BTreeSet;
use std::path::Path;

use drawn::{assert_inside, assert_labels_apart, parse, texts};
use pomelo_sim::experiments::report::{Document, EXPORTERS};
use pomelo_sim::experiments::{Mode, Results, VerdictKind};
use pomelo_sim::ids::ServerId;
use pomelo_sim::stats::{Estimate, Quantile};
use sample::{Size, results};

fn documents(results: &Results) -> Vec<Document> {
    EXPORTERS.iter().flat_map(|exporter| exporter.documents(results)).collect()
}

fn plots(results: &Results) -> Vec<(String, String)> {
    let name = |document: &Document| document.path.display().to_string();
    let all = documents(results);
    all.iter().filter(|of| name(of).ends_with(".svg")).map(|of| (name(of), of.text.clone())).collect()
}

fn page(results: &Results) -> String {
    let all = documents(results);
    all.into_iter().find(|document| document.path == Path::new("report.html")).unwrap().text
}

const LARGE: Size = Size { strategies: 20, servers: 100, replications: 10, steps: 60 };
const ONE: Size = Size { strategies: 1, servers: 3, replications: 1, steps: 40 };

#[test]
fn every_strategy_is_in_every_plot_and_everything_is_inside() {
    for size in [Size::default(), LARGE, ONE] {
        let results = results(3, size);
        let plots = plots(&results);
        assert_eq!(plots.len(), 7, "bars, load, moved keys, balance, and three latencies");
        for (name, svg) in &plots {
            let document = parse(svg);
            assert_inside(name, &document);
            let texts = texts(&document);
            for strategy in &results.strategies {
                let strategy = strategy.strategy.to_string();
                assert!(texts.iter().any(|text| *text == strategy), "{name} has no {strategy}: {texts:?}");
            }
            let root = document.root_element();
            assert_eq!(root.attribute("role"), Some("img"), "{name}");
            for told in ["title", "desc"] {
                let told =
                    root.children().find(|child| child.has_tag_name(told) || child.tag_name().name() == told);
                assert!(told.unwrap().text().unwrap().len() > 3, "{name}");
            }
        }
    }
}

/// On a desk and on a phone.
#[test]
fn texts_do_not_lie_on_each_other() {
    for size in [LARGE, Size::default(), ONE, Size { strategies: 12, servers: 12, ..Size::default() }] {
        for seed in 1..=2 {
            let page = page(&results(seed, size));
            let document = parse(&page);
            let plots: Vec<_> = drawn::plots(&document).collect();
            assert_eq!(
                plots.len(),
                12 + 1 + size.strategies,
                "two of each width, a legend, a panel a strategy"
            );
            for (index, plot) in plots.iter().enumerate() {
                let title = plot.descendants().find_map(|node| node.text()).unwrap();
                assert_labels_apart(&format!("plot {index}, {title}"), plot);
            }
        }
    }
}

#[test]
fn the_page_asks_nobody_for_anything() {
    let results = results(5, Size::default());
    for document in documents(&results) {
        let text = document.text.replace("http://www.w3.org/2000/svg", "");
        for outside in ["http:", "https:", "//cdn", "src=", "@import", "url(", "<link", "<iframe"] {
            assert!(!text.contains(outside), "{} contains {outside}", document.path.display());
        }
    }
}

#[test]
fn the_page_says_what_was_asked_what_came_and_how_to_run_it_again() {
    let results = results(5, Size::default());
    let page = page(&results);
    let document = parse(&page);
    let texts = texts(&document).join("\n");
    let scenario = serde_json::to_string_pretty(&results.scenario).unwrap();
    let parts = [&results.scenario.question, &results.answer, &results.replay, &results.digest, &scenario];
    for part in parts {
        assert!(texts.contains(&**part), "{part}");
    }
    for verdict in &results.verdicts {
        assert!(texts.contains(&verdict.text), "{}", verdict.text);
    }
    for (kind, word) in [(VerdictKind::Holds, " holds"), (VerdictKind::Fails, " fails")] {
        let wanted = results.verdicts.iter().filter(|verdict| verdict.verdict == kind).count();
        let found = document.descendants().filter(|node| {
            node.attribute("class").is_some_and(|class| class.starts_with("verdict "))
                && node.descendants().any(|inner| inner.text() == Some(word))
        });
        assert!(wanted > 0, "the sample has claims of both kinds");
        assert_eq!(found.count(), wanted, "{word}");
    }
    let headings = document.descendants().filter(|node| node.has_tag_name("h2")).count();
    let links = document.descendants().filter(|node| node.has_tag_name("nav")).flat_map(|nav| nav.children());
    assert_eq!(links.count(), headings);
    for table in document.descendants().filter(|node| node.has_tag_name("table")) {
        assert!(table.children().any(|child| child.has_tag_name("caption")));
        let heads = table.descendants().filter(|node| node.has_tag_name("th"));
        assert!(heads.into_iter().all(|head| head.attribute("scope").is_some()));
    }
}

/// Every anchor that the page points to is there, and there once.
#[test]
fn anchors_are_there_once() {
    let page = page(&results(5, Size::default()));
    let document = parse(&page);
    let mut ids = BTreeSet::new();
    for id in document.descendants().filter_map(|node| node.attribute("id")) {
        assert!(ids.insert(id), "{id} is there twice");
    }
    let references = document.descendants().flat_map(|node| {
        let link = node.attribute("href").and_then(|link| link.strip_prefix('#'));
        link.into_iter().chain(node.attribute("aria-labelledby"))
    });
    for reference in references {
        assert!(ids.contains(reference), "{reference}");
    }
}

#[test]
fn the_best_is_in_bold_and_what_chance_explains_is_marked() {
    let mut results = results(5, Size { strategies: 3, ..Size::default() });
    let metric = results.metric.clone();
    let first = results.strategies[0].figures[&metric].clone();
    // The second is as the first but for noise, the third half of it.
    for (index, factor) in [(1, 1.0), (2, 0.5)] {
        let noise = |(index, value): (usize, &Option<f64>)| {
            value.unwrap() * factor * if index % 2 == 0 { 1.01 } else { 0.99 }
        };
        let values: Vec<f64> = first.values.iter().enumerate().map(noise).collect();
        let other: Vec<f64> = first.values.iter().flatten().copied().collect();
        let figure = results.strategies[index].figures.get_mut(&metric).unwrap();
        figure.estimate = Estimate::of(&values).unwrap();
        figure.against_first.as_mut().unwrap().difference = Estimate::of_difference(&values, &other).unwrap();
        figure.against_first.as_mut().unwrap().ratio = Estimate::of_ratio(&values, &other);
        figure.values = values.into_iter().map(Some).collect();
    }
    let (_, bars) = plots(&results).into_iter().find(|(name, _)| name.ends_with("answer.svg")).unwrap();
    let document = parse(&bars);
    let bars: Vec<&str> = document.descendants().filter_map(|node| node.attribute("class")).collect();
    let best = bars.iter().position(|class| *class == "bar best").unwrap();
    assert!(bars[best + 1..].contains(&"bar"), "the best comes first");
    assert_eq!(bars.iter().filter(|class| **class == "bar best").count(), 1);
    let texts = texts(&document);
    assert_eq!(texts.iter().filter(|text| **text == "n.s.").count(), 1, "{texts:?}");
    assert!(texts.iter().any(|text| text.starts_with("−50 %")), "{texts:?}");
}

/// The sample's curves have points at 90 %, 99 % and so on: the axis says so where they are.
#[test]
fn percentiles_are_written_beneath_their_points() {
    let results = results(5, Size::default());
    let shares: Vec<f64> =
        results.strategies[0].curves["deliver"].quantiles.iter().map(|point| point.share).collect();
    let (_, svg) =
        plots(&results).into_iter().find(|(name, _)| name.ends_with("latency-deliver.svg")).unwrap();
    let document = parse(&svg);
    let line = document.descendants().find(|node| node.attribute("class") == Some("c0 d0 strong")).unwrap();
    let points: Vec<&str> = line.attribute("points").unwrap().split(' ').collect();
    assert_eq!(points.len(), shares.len());
    for (percentile, share) in [("50", 0.5), ("90", 0.9), ("99", 0.99), ("99.9", 0.999), ("99.999", 0.99999)]
    {
        let tick = document.descendants().find(|node| {
            node.has_tag_name(("http://www.w3.org/2000/svg", "text")) && node.text() == Some(percentile)
        });
        let index = shares.iter().position(|other| *other == share).unwrap();
        let x = points[index].split(',').next().unwrap();
        assert_eq!(tick.unwrap().attribute("x"), Some(x), "{percentile}");
    }
}

#[test]
fn one_replication_has_no_interval_and_says_so() {
    let mut results = results(1, ONE);
    results.verdicts.clear();
    let page = page(&results);
    assert!(page.contains("One replication: there are no intervals"));
    assert!(!page.contains('±'), "there is nothing to be sure of");
}

#[test]
fn hostile_text_stays_text() {
    let evil = "<script>alert(1)</script><img src=x onerror=y>\"'&amp;]]>\u{0}\u{1b}\u{202e}";
    let shown = "<script>alert(1)</script><img src=x onerror=y>\"'&amp;]]>\u{fffd}\u{fffd}\u{fffd}";
    let mut results = results(5, Size::default());
    for text in [
        &mut results.scenario.name,
        &mut results.scenario.question,
        &mut results.answer,
        &mut results.replay,
        &mut results.program,
        &mut results.digest,
    ] {
        *text = evil.to_owned();
    }
    results.machine = Some(evil.to_owned());
    for verdict in &mut results.verdicts {
        verdict.text = evil.to_owned();
    }
    let mut moved = results.clone();
    for strategy in &mut moved.strategies {
        for server in &mut strategy.servers {
            server.id = ServerId::from(evil);
        }
        for mark in &mut strategy.marks {
            mark.what = evil.to_owned();
        }
        let curve = strategy.curves["send"].clone();
        strategy.curves.insert(evil.to_owned(), curve);
        strategy.curves.insert("../../escaped".to_owned(), strategy.curves["send"].clone());
        let figure = strategy.figures["attempted"].clone();
        strategy.figures.insert(evil.to_owned(), figure);
    }
    moved.metric = evil.to_owned();
    for document in documents(&moved) {
        let path = document.path.display().to_string();
        assert!(!path.contains(".."), "{path}");
        if path.ends_with(".csv") {
            continue;
        }
        let read = parse(&document.text);
        let scripts = read.descendants().filter(|node| node.tag_name().name() == "script").count();
        assert_eq!(scripts, usize::from(path == "report.html"), "{path}");
        assert!(read.descendants().all(|node| node.tag_name().name() != "img"), "{path}");
        let handlers = read.descendants().flat_map(|node| node.attributes());
        assert!(handlers.into_iter().all(|attribute| !attribute.name().starts_with("on")), "{path}");
    }
    let page = page(&moved);
    let seen = texts(&parse(&page)).iter().filter(|text| text.contains(shown)).count();
    assert!(seen > 20, "it is shown as it is written, wherever it stands: {seen}");
}

/// Missing figures, figures that are not numbers, and extreme ones.
#[test]
fn whatever_the_numbers_the_report_can_be_read() {
    let whole = results(2, Size { strategies: 4, servers: 4, replications: 3, steps: 20 });
    let mut cases = vec![("whole", whole.clone())];
    let mut case = |name: &'static str, change: &dyn Fn(&mut Results)| {
        let mut results = whole.clone();
        change(&mut results);
        cases.push((name, results));
    };
    case("no strategies", &|results| results.strategies.clear());
    case("nothing measured", &|results| {
        for strategy in &mut results.strategies {
            strategy.figures.clear();
            strategy.curves.clear();
            strategy.servers.clear();
            strategy.marks.clear();
        }
    });
    case("empty series", &|results| {
        for series in results.strategies.iter_mut().flat_map(|strategy| &mut strategy.servers) {
            (series.handled_per_s, series.busy, series.in_system) = (Vec::new(), Vec::new(), Vec::new());
        }
    });
    case("only what was handled, as in live mode", &|results| {
        results.mode = Mode::Live;
        for series in results.strategies.iter_mut().flat_map(|strategy| &mut strategy.servers) {
            (series.busy, series.in_system) = (Vec::new(), Vec::new());
        }
    });
    case("one series", &|results| {
        results.strategies[1].servers.truncate(1);
        results.strategies[1].servers[0].busy.truncate(1);
        results.strategies[2].servers[0].step_s = 0.0;
    });
    for value in [f64::NAN, f64::INFINITY, -1.0, 0.0, 1e-300, 1e-9, 1.0, 1e12, 1e300] {
        case("one odd number for all", &|results| put(results, |_| value));
        case("an odd number among others", &|results| {
            put(results, |index| if index % 3 == 0 { value } else { 2.0 });
        });
        case("from least to most", &|results| {
            put(results, |index| if index % 3 == 0 { value } else { 10f64.powi(index as i32 % 21 - 9) });
        });
    }
    for (name, results) in cases {
        for document in documents(&results) {
            let path = document.path.display().to_string();
            for no_number in ["NaN", "inf"] {
                let words = document.text.split(|c: char| !c.is_ascii_alphanumeric());
                assert!(words.into_iter().all(|word| word != no_number), "{name}: {path} has {no_number}");
            }
            if !path.ends_with(".csv") {
                let read = parse(&document.text);
                assert_inside(&format!("{name}: {path}"), &read);
            }
        }
    }
}

/// Puts numbers everywhere.
fn put(results: &mut Results, value: impl Fn(usize) -> f64) {
    let mut count = 0;
    let mut next = || {
        count += 1;
        value(count - 1)
    };
    results.warmup_s = next();
    for strategy in &mut results.strategies {
        for figure in strategy.figures.values_mut() {
            figure.estimate.value = next();
            figure.estimate.half_width = Some(next());
            figure.values = vec![Some(next()), None];
            if let Some(against) = &mut figure.against_first {
                against.difference.value = next();
                against.ratio = against.ratio.map(|ratio| Estimate { value: next(), ..ratio });
            }
        }
        for curve in strategy.curves.values_mut() {
            curve.quantiles.iter_mut().for_each(|Quantile { ms, .. }| *ms = next());
        }
        for series in &mut strategy.servers {
            series.step_s = next();
            for values in [&mut series.busy, &mut series.in_system, &mut series.handled_per_s] {
                values.iter_mut().for_each(|value| *value = next());
            }
        }
        strategy.marks.iter_mut().for_each(|mark| mark.at_s = next());
    }
}

#[test]
fn the_same_results_give_the_same_bytes_and_not_many() {
    let (once, again) = (documents(&results(9, LARGE)), documents(&results(9, LARGE)));
    assert_eq!(once, again);
    let page = once.iter().find(|document| document.path.ends_with("report.html")).unwrap();
    assert!(page.text.len() < 1_000_000, "{} bytes", page.text.len());
}
