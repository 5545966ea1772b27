//! What the pages are made of: embedded, so that the binary needs no folder beside it.

/// A file of `src/console/web`.
#[derive(Debug)]
pub struct Asset {
    /// Its path there, such as `chat/app.js`; it is served under `/assets/`.
    pub path: &'static str,
    /// What is in it.
    pub bytes: &'static [u8],
}

macro_rules! assets {
    ($($path:literal),* $(,)?) => {
        &[$(Asset { path: $path, bytes: include_bytes!(concat!("web/", $path)) }),*]
    };
}

/// Every file of the folder. To add one, write it there and name it here.
pub const ASSETS: &[Asset] = assets![
    "chat.css",
    "chat.html",
    "chat/app.js",
    "chat/dom.js",
    "chat/hash.js",
    "chat/log.js",
    "chat/pane.js",
    "chat/people.js",
    "chat/session.js",
    "chat/state.js",
    "chat/where.js",
    "chat/where_view.js",
    "console.css",
    "console.html",
    "console/additions.js",
    "console/api.js",
    "console/app.js",
    "console/balance.js",
    "console/detail.js",
    "console/dom.js",
    "console/edges.js",
    "console/events.js",
    "console/explain.js",
    "console/faults.js",
    "console/forecast.js",
    "console/format.js",
    "console/head.js",
    "console/heat.js",
    "console/history.js",
    "console/layout.js",
    "console/links.js",
    "console/live.js",
    "console/load.js",
    "console/map.js",
    "console/notices.js",
    "console/orders.js",
    "console/people.js",
    "console/plot.js",
    "console/request.js",
    "console/robots.js",
    "console/series.js",
    "console/servers.js",
    "console/strategy.js",
    "console/timeline.js",
    "console/trace.js",
    "console/traces.js",
    "console/words.js",
    "guide.css",
    "package.json",
    "pomelo.js",
    "pomelo/backoff.js",
    "pomelo/client.js",
    "pomelo/codec.js",
    "pomelo/connection.js",
    "pomelo/errors.js",
    "pomelo/heartbeat.js",
    "pomelo/message.js",
    "pomelo/package.js",
    "pomelo/protobuf.js",
    "pomelo/text.js",
    "pomelo/varint.js",
    "shared.css",
];

impl Asset {
    /// The one of that path.
    pub fn find(path: &str) -> Option<&'static Self> {
        ASSETS.iter().find(|asset| asset.path == path)
    }

    /// What a browser is told that it is.
    pub fn content_type(&self) -> &'static str {
        match self.path.rsplit('.').next() {
            Some("html") => "text/html; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("json") => "application/json",
            Some("js") => "text/javascript; charset=utf-8",
            Some("svg") => "image/svg+xml",
            Some("png") => "image/png",
            Some("woff2") => "font/woff2",
            _ => "application/octet-stream",
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::{ASSETS, Asset};

    fn files(folder: &Path, inside: &str, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{inside}{}", entry.file_name().into_string().unwrap());
            if entry.file_type().unwrap().is_dir() {
                files(&entry.path(), &format!("{path}/"), found);
            } else {
                found.insert(path);
            }
        }
    }

    #[test]
    fn every_file_of_the_folder_is_embedded_and_has_a_type() {
        let mut found = BTreeSet::new();
        files(Path::new("src/console/web"), "", &mut found);
        let named: BTreeSet<String> = ASSETS.iter().map(|asset| asset.path.to_owned()).collect();
        assert_eq!(named, found, "name the files of src/console/web in src/console/assets.rs");
        assert_eq!(named.len(), ASSETS.len(), "each once");
        for asset in ASSETS {
            assert_ne!(asset.content_type(), "application/octet-stream", "{}: say what it is", asset.path);
            assert!(!asset.bytes.is_empty(), "{}", asset.path);
        }
        assert!(Asset::find("../assets.rs").is_none());
    }

    #[test]
    fn nothing_is_inline_that_the_policy_forbids() {
        for asset in ASSETS.iter().filter(|asset| asset.path.ends_with(".html")) {
            let text = std::str::from_utf8(asset.bytes).unwrap().to_ascii_lowercase();
            let foreign = ["src=\"http", "src=\"//", "<link rel=\"stylesheet\" href=\"http"];
            for bad in
                [" style=", "<style", " onclick=", " onload=", "javascript:"].into_iter().chain(foreign)
            {
                assert!(!text.contains(bad), "{}: {bad}", asset.path);
            }
            for script in text.split("<script").skip(1) {
                let (tag, rest) = script.split_once('>').unwrap();
                assert!(tag.contains(" src=\"/assets/"), "{}: <script{tag}>", asset.path);
                assert!(rest.starts_with("</script>"), "{}: <script{tag}> has a text", asset.path);
            }
        }
    }
}
