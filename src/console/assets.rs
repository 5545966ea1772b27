//! The files of the pages, embedded so that the binary needs no folder.

use include_dir::{Dir, DirEntry, include_dir};

/// A file of `src/console/web`.
#[derive(Clone, Copy, Debug)]
pub struct Asset {
    /// Its path there, such as `chat/app.js`; it is served under `/assets/`.
    pub path: &'static str,
    /// Its content.
    pub bytes: &'static [u8],
}

static WEB: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/src/console/web");

impl Asset {
    /// Every file of the folder.
    pub fn all() -> Vec<Self> {
        fn collect(dir: &'static Dir<'static>, all: &mut Vec<Asset>) {
            for entry in dir.entries() {
                match entry {
                    DirEntry::Dir(dir) => collect(dir, all),
                    DirEntry::File(file) => {
                        let path = file.path().to_str();
                        all.extend(path.map(|path| Asset { path, bytes: file.contents() }));
                    }
                }
            }
        }
        let mut all = Vec::new();
        collect(&WEB, &mut all);
        all
    }

    /// The file with exactly this path.
    pub fn find(path: &str) -> Option<Self> {
        Self::all().into_iter().find(|asset| asset.path == path)
    }

    /// Its media type.
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

    use super::Asset;

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
        let embedded: BTreeSet<String> = Asset::all().iter().map(|asset| asset.path.to_owned()).collect();
        assert_eq!(embedded, found, "touch src/console/assets.rs: a new file alone does not build it again");
        for asset in Asset::all() {
            assert_ne!(asset.content_type(), "application/octet-stream", "{}: say what it is", asset.path);
            assert!(!asset.bytes.is_empty(), "{}", asset.path);
        }
        assert!(Asset::find("../assets.rs").is_none());
    }

    #[test]
    fn nothing_is_inline_that_the_policy_forbids() {
        for asset in Asset::all().iter().filter(|asset| asset.path.ends_with(".html")) {
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
