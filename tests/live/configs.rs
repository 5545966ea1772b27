//! Configurations of real shape: each loads, and is served on this machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use pomelo_sim::cli::check;
use pomelo_sim::cluster::Cluster;
use pomelo_sim::config::{ClusterSpec, Fit};
use pomelo_sim::robots::{self, Settings};
use serde_json::Value;

/// The types that the tutorial's code serves.
const SERVED: [&str; 3] = ["chat", "connector", "gate"];

/// Every folder with the environments that have servers.
fn environments() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for folder in entries(Path::new("tests/data/configs")).into_iter().filter(|folder| folder.is_dir()) {
        let Ok(text) = fs::read_to_string(folder.join("servers.json")) else {
            let inner = entries(&folder).into_iter().filter(|inner| inner.join("servers.json").is_file());
            found.extend(inner.map(|inner| (folder.clone(), name(&inner))));
            continue;
        };
        let file: Value = serde_json::from_str(&text).unwrap();
        let has_servers = |types: &Value| {
            let mut lists = types.as_object().into_iter().flat_map(|types| types.values());
            lists.any(|list| list.as_array().is_some_and(|list| list.iter().any(Value::is_object)))
        };
        if has_servers(&file) {
            found.push((folder, "development".to_owned()));
            continue;
        }
        let environments = file.as_object().unwrap().iter().filter(|(_, types)| has_servers(types));
        found.extend(environments.map(|(env, _)| (folder.clone(), env.clone())));
    }
    found
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

fn load((folder, env): &(PathBuf, String)) -> ClusterSpec {
    ClusterSpec::load(folder, env).unwrap_or_else(|error| panic!("{} {env}: {error}", folder.display()))
}

/// As `serve --here --without` the types that no code serves would have it.
fn fitted(spec: ClusterSpec) -> ClusterSpec {
    let types = spec.server_types().map(ToString::to_string);
    let without = types.filter(|name| !SERVED.contains(&name.as_str())).collect();
    spec.fitted(&Fit { without, here: true })
}

#[test]
fn every_environment_can_be_served_here() {
    let all = environments();
    assert_eq!(all.len(), 77);
    for at in &all {
        let report = check::report(&Cluster::from_spec(fitted(load(at))), false);
        assert!(report.errors.is_empty(), "{at:?}: {:?}", report.errors);
    }
}

#[test]
fn a_check_without_flags_says_what_stands_in_the_way() {
    for at in environments() {
        let spec = load(&at);
        let unserved = spec.check_types(&SERVED).err().map(|error| error.to_string());
        let errors = check::report(&Cluster::from_spec(spec), false).errors;
        assert_eq!(
            errors.iter().find(|error| error.starts_with("no code serves")),
            unserved.as_ref(),
            "{at:?}"
        );
        let flags = |error: &String| {
            error.contains("--without") || error.contains("--here") || error.contains("twice")
        };
        assert!(errors.iter().all(flags), "{at:?}: {errors:?}");
    }
}

#[test]
fn every_environment_is_served() {
    for at in environments() {
        let mut spec = fitted(load(&at));
        // Other tests run at the same time.
        spec.servers.iter_mut().for_each(|server| server.client_port = server.client_port.map(|_| 0));
        let expected = spec.servers.iter().filter(|server| server.frontend).count();
        let cluster = Cluster::from_spec(spec).start().unwrap_or_else(|error| panic!("{at:?}: {error}"));
        let open = cluster.servers().filter_map(|(_, address)| address).count();
        assert_eq!(open, expected, "{at:?}");
        cluster.stop();
    }
}

#[test]
fn robots_log_in_at_a_connector_where_there_is_no_gate() {
    let without_gate = environments().into_iter().map(|at| fitted(load(&at))).find(|spec| {
        let has = |name: &str| spec.of_type(name).next().is_some();
        !has("gate") && has("connector")
    });
    let mut spec = without_gate.unwrap();
    // Robots speak JSON.
    spec.protos = None;
    spec.servers.iter_mut().for_each(|server| server.client_port = server.client_port.map(|_| 0));
    // Most have rooms of another type, which is left out.
    if spec.of_type("chat").next().is_none() {
        spec.servers.push(crate::support::spec(1, 1).of_type("chat").next().unwrap().clone());
    }
    let cluster = Cluster::from_spec(spec).start().unwrap();
    let connector = cluster.servers().find_map(|(_, address)| address).unwrap();
    let settings = Settings {
        connector: Some(connector.to_string()),
        users: Some(4),
        rooms: Some(2),
        duration: Some(0.5),
        warmup: Some(0.1),
        rate: Some(20.0),
        ..Settings::default()
    };
    let plan = settings.plan().unwrap();
    assert!(plan.direct);
    let report = robots::run(&plan, &AtomicBool::new(false), |_| {}).unwrap();
    assert!(report.is_clean(), "{:?}", report.errors);
    assert_eq!((report.logins.ok, report.latency_us.gate.count), (4, 0));
    assert!(report.deliveries.count > 0);
    cluster.stop();
}
