//! The scenarios of `config/experiments`, which come with the program.

use std::path::Path;

use crate::config::TUTORIAL;
use crate::scenario::{Scenario, ScenarioError};

/// Name and text of each, in the order of their names.
const SHIPPED: &[(&str, &str)] = &[
    ("add-a-chat-server", include_str!("../../../config/experiments/add-a-chat-server.json")),
    (
        "connector-crash-reconnect-storm",
        include_str!("../../../config/experiments/connector-crash-reconnect-storm.json"),
    ),
    ("flash-crowd", include_str!("../../../config/experiments/flash-crowd.json")),
    ("hot-room", include_str!("../../../config/experiments/hot-room.json")),
    ("network-partition", include_str!("../../../config/experiments/network-partition.json")),
    ("remove-a-chat-server", include_str!("../../../config/experiments/remove-a-chat-server.json")),
    ("rolling-restart", include_str!("../../../config/experiments/rolling-restart.json")),
    ("seed-3x3", include_str!("../../../config/experiments/seed-3x3.json")),
    ("slow-server", include_str!("../../../config/experiments/slow-server.json")),
    ("stale-load-info", include_str!("../../../config/experiments/stale-load-info.json")),
    ("theory-suite", include_str!("../../../config/experiments/theory-suite.json")),
    ("zipf-10m-users", include_str!("../../../config/experiments/zipf-10m-users.json")),
];

/// The `servers.json` next to their directory.
const TUTORIAL_FILE: &str = "../servers.json";

/// Their names.
pub(super) fn names() -> Vec<&'static str> {
    SHIPPED.iter().map(|(name, _)| *name).collect()
}

/// All of them, by name.
pub(super) fn all() -> impl Iterator<Item = (&'static str, Result<Scenario, ScenarioError>)> {
    SHIPPED.iter().map(|(name, text)| (*name, read(name, text)))
}

/// One of them, if there is one of that name.
pub(super) fn scenario(name: &str) -> Option<Result<Scenario, ScenarioError>> {
    SHIPPED.iter().find(|(known, _)| *known == name).map(|(name, text)| read(name, text))
}

/// A built-in scenario has no neighbouring files; the tutorial's configuration is built in too.
fn read(name: &str, text: &str) -> Result<Scenario, ScenarioError> {
    let find =
        |config: &Path| if config == Path::new(TUTORIAL_FILE) { TUTORIAL.into() } else { config.into() };
    Scenario::from_json_with(text, &format!("built-in {name}"), find)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::{SHIPPED, names, scenario};
    use crate::scenario::Scenario;

    #[test]
    fn every_scenario_of_the_directory_is_shipped_and_is_the_same() {
        let dir = Path::new("config/experiments");
        let files = fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("an entry").path());
        let mut files: Vec<_> =
            files.filter(|path| path.extension().is_some_and(|end| end == "json")).collect();
        files.sort();
        let stems: Vec<_> = files.iter().filter_map(|path| path.file_stem()?.to_str()).collect();
        assert_eq!(names(), stems);
        for ((name, _), file) in SHIPPED.iter().zip(&files) {
            let shipped = scenario(name).expect("a name").expect("a scenario");
            let read = Scenario::load(file).expect("a scenario");
            let servers = |scenario: &Scenario| {
                scenario.chat.as_ref().map(|chat| chat.spec().expect("servers").servers)
            };
            assert_eq!(servers(&shipped), servers(&read), "{name}");
            assert_eq!((shipped.name, shipped.strategies), (read.name, read.strategies));
        }
    }
}
