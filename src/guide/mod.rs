//! The guide: one page a subject, as Markdown next to the code that it describes.
//!
//! Each page is a module here, so its Rust code is compiled and run as a doctest. The command
//! `pomelo-sim guide` prints the same text, and the console serves it at `/guide`. To add a page,
//! write it next to its code and add a line to the table below; `tests/cli/guide.rs` and
//! `tests/pure/prose.rs` check it from then on.

/// A page of the guide.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Page {
    /// Its name at the command line and in URLs.
    pub topic: &'static str,
    /// Its subject, in one line.
    pub summary: &'static str,
    /// Its file, from the root of the repository.
    pub file: &'static str,
    /// Its text, in Markdown.
    pub text: &'static str,
}

impl Page {
    /// The page of that topic.
    pub fn find(topic: &str) -> Option<&'static Self> {
        PAGES.iter().find(|page| page.topic == topic)
    }

    /// Its first heading.
    pub fn title(&self) -> &'static str {
        self.text.lines().next().unwrap_or_default().trim_start_matches("# ")
    }
}

/// The anchor of a heading, as GitHub makes it.
pub fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

macro_rules! pages {
    ($($module:ident $topic:literal $file:literal $summary:literal)*) => {
        /// Every page, in reading order.
        pub const PAGES: &[Page] = &[$(Page {
            topic: $topic,
            summary: $summary,
            file: $file,
            text: include_str!(concat!("../../", $file)),
        }),*];

        $(
            #[doc = include_str!(concat!("../../", $file))]
            pub mod $module {}
        )*
    };
}

pages! {
    pomelo "pomelo" "src/servers/pomelo.md"
        "Pomelo's ideas: gate, connector, session, route, crc32 mod n"
    config "config" "src/config/guide.md"
        "servers.json; a production configuration on one machine"
    operating "operating" "src/admin/guide.md"
        "look at a running cluster, grow it, shrink it and break it"
    console "console" "src/console/guide.md"
        "the same in a browser, and the chat page"
    http "http" "src/console/http.md"
        "the HTTP API, with every method and path"
    metrics "metrics" "src/console/metrics.md"
        "figures for Prometheus"
    coming_back "coming-back" "src/ports/guide.md"
        "sessions that outlive a connection; clients after a stop"
    limits "limits" "src/cluster/limits.md"
        "limits of sessions and connections, and what happens over them"
    clients "clients" "src/client/guide.md"
        "clients for Rust and for the browser"
    wire "wire" "src/wire/guide.md"
        "a chat on the wire, byte by byte"
    robots "robots" "src/robots/guide.md"
        "put a chat under load, and judge what arrives"
    strategies "strategies" "src/strategies/guide.md"
        "how servers are chosen, what moves, and how to change it"
    experiments "experiments" "src/experiments/guide.md"
        "the laboratory: compare strategies on a virtual clock"
    server_types "server-types" "src/servers/guide.md"
        "write your own server types"
    differences "differences" "src/servers/differences.md"
        "where pomelo-sim differs from Pomelo, on purpose"
    faults "faults" "tests/README.md"
        "the tests, and fault-injection results"
    speed "speed" "benches/README.md"
        "measurements, each with its command and its date"
    style "style" "src/guide/style.md"
        "how this project is written"
}
