//! Files of a report: tables that are read back, and the content of the directory.

use crate::report::sample;

use std::fs;
use std::path::Path;
use std::process::Command;

use pomelo_sim::experiments::report::{Document, EXPORTERS, write_all};
use pomelo_sim::experiments::{RESULTS_FILE, Results};
use pomelo_sim::ids::ServerId;
use sample::{Size, results};

fn documents(results: &Results) -> Vec<Document> {
    EXPORTERS.iter().flat_map(|exporter| exporter.documents(results)).collect()
}

#[test]
fn tables_are_read_back() {
    let mut results = results(5, Size { strategies: 2, servers: 2, replications: 3, steps: 7 });
    let odd = "a \"server\",\nof two lines";
    results.strategies[0].servers[0].id = ServerId::from(odd);
    results.strategies[1].figures.get_mut("attempted").unwrap().values[1] = None;
    let documents = documents(&results);
    let rows = |name: &str| -> Vec<Vec<String>> {
        let document = documents.iter().find(|document| document.path == Path::new(name)).unwrap();
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(document.text.as_bytes());
        let rows = reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect());
        rows.collect()
    };
    let figures = rows("figures.csv");
    assert_eq!(figures[0], ["strategy", "metric", "unit", "replication", "value"]);
    let mut wanted = Vec::new();
    for strategy in &results.strategies {
        for (metric, figure) in &strategy.figures {
            for (index, value) in figure.values.iter().enumerate() {
                wanted.push((strategy.strategy.to_string(), metric.clone(), (index + 1).to_string(), *value));
            }
        }
    }
    let value = |text: &str| (!text.is_empty()).then(|| text.parse::<f64>().unwrap());
    let found =
        figures[1..].iter().map(|row| (row[0].clone(), row[1].clone(), row[3].clone(), value(&row[4])));
    assert_eq!(found.collect::<Vec<_>>(), wanted);
    assert!(figures.iter().any(|row| row[1] == "send_ms.p99" && row[2] == "ms"));

    let servers = rows("servers.csv");
    assert_eq!(servers.len(), 1 + 2 * 2 * 7);
    assert_eq!(servers[1][1], odd);
    let series = &results.strategies[0].servers[0];
    for (step, row) in servers[1..=7].iter().enumerate() {
        let near = |text: &str, value: f64| (text.parse::<f64>().unwrap() - value).abs() <= 1e-5 * value;
        assert!(near(&row[3], step as f64 * series.step_s), "{row:?}");
        assert!(near(&row[5], series.handled_per_s[step]) && near(&row[6], series.busy[step]), "{row:?}");
        assert!(near(&row[7], series.in_system[step]), "{row:?}");
    }
    let latencies = rows("latencies.csv");
    let curve = &results.strategies[0].curves["deliver"].quantiles;
    assert_eq!(latencies[1][1], "deliver");
    assert_eq!(latencies[1][4].parse::<f64>().unwrap(), curve[0].ms);
    assert_eq!(latencies.len(), 1 + 2 * 3 * curve.len());
}

#[test]
fn files_are_whole_or_not_there() {
    let directory = tempfile::tempdir().unwrap();
    let results = results(5, Size::default());
    let into = directory.path().join("made/by/it");
    let written = write_all(&results, &into).unwrap();
    assert_eq!(written, write_all(&results, &into).unwrap(), "again, over what is there");
    for (path, document) in written.iter().zip(documents(&results)) {
        assert_eq!(*path, into.join(&document.path));
        assert_eq!(fs::read_to_string(path).unwrap(), document.text);
    }
    let count = |directory: &Path| fs::read_dir(directory).unwrap().count();
    assert_eq!(count(&into) - 1 + count(&into.join("plots")), written.len(), "nothing else is there");

    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let error = write_all(&results, &file).unwrap_err().to_string();
    assert!(error.contains("file") && error.contains("cannot be written"), "{error}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "");
}

#[test]
fn the_command_writes_the_report_beside_the_results() {
    let directory = tempfile::tempdir().unwrap();
    let results = results(5, Size { strategies: 2, servers: 2, replications: 2, steps: 10 });
    let file = directory.path().join(RESULTS_FILE);
    fs::write(&file, serde_json::to_string(&results).unwrap()).unwrap();
    for given in [directory.path(), &file] {
        let command = Command::new(env!("CARGO_BIN_EXE_pomelo-sim"))
            .args(["experiment", "report"])
            .arg(given)
            .output()
            .unwrap();
        assert_eq!(command.status.code(), Some(1), "a claim of the sample fails");
        let written = fs::read_to_string(directory.path().join("report.html")).unwrap();
        let wanted = documents(&results).into_iter().find(|of| of.path == Path::new("report.html"));
        assert_eq!(written, wanted.unwrap().text, "results are read back as they were");
        fs::remove_file(directory.path().join("report.html")).unwrap();
    }
}
