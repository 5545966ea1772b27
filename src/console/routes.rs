//! Method and path to what is to be done: one table, and how its arguments are read. Pure.

use serde_json::{Map, Value};

use super::failure::Failure;
use super::path::{pairs, parts};
use crate::nearest::{did_you_mean, nearest};

/// The methods that the console has. HEAD is a GET whose body is not sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// Look.
    Get,
    /// Do something.
    Post,
    /// Make it so.
    Put,
    /// Take it away.
    Delete,
}

/// What a path of the API stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// The order of that name, as on the admin port.
    Order(&'static str),
    /// What the console knows without asking the cluster.
    Own(Own),
}

/// What the console knows or does by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Own {
    /// Where clients connect, and what this page may do.
    Cluster,
    /// The last picture.
    Picture,
    /// The last minutes.
    History,
    /// All of it as it comes.
    Live,
    /// How the robots are.
    Robots,
    /// Let them load the cluster.
    StartRobots,
    /// Let them end.
    StopRobots,
}

/// Where arguments come from, beside the path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Beside {
    Nowhere,
    Query(&'static [&'static str]),
    Body(&'static [&'static str]),
    /// The fields of a server: the order knows them.
    AnyBody,
}

/// A line of the table.
#[derive(Debug)]
pub struct Route {
    method: Method,
    /// `{name}` is an argument, `{name[]}` one in an array of its own.
    path: &'static str,
    /// What it stands for.
    pub target: Target,
    from: Beside,
    /// An argument that the path implies.
    implied: Option<&'static str>,
}

const fn order(method: Method, path: &'static str, name: &'static str, from: Beside) -> Route {
    Route { method, path, target: Target::Order(name), from, implied: None }
}

const fn own(method: Method, path: &'static str, what: Own, from: Beside) -> Route {
    Route { method, path, target: Target::Own(what), from, implied: None }
}

use Beside::{AnyBody, Body, Nowhere, Query};
use Method::{Delete, Get, Post, Put};

/// The API, whole.
pub const ROUTES: &[Route] = &[
    own(Get, "/api/v1/cluster", Own::Cluster, Nowhere),
    own(Get, "/api/v1/picture", Own::Picture, Nowhere),
    own(Get, "/api/v1/history", Own::History, Nowhere),
    own(Get, "/api/v1/live", Own::Live, Nowhere),
    order(Get, "/api/v1/view", "view", Nowhere),
    order(Get, "/api/v1/audit", "audit", Nowhere),
    order(Get, "/api/v1/events", "events", Query(&["since"])),
    order(Get, "/api/v1/servers", "list", Nowhere),
    order(Post, "/api/v1/servers", "add", AnyBody),
    order(Delete, "/api/v1/servers/{ids[]}", "remove", Nowhere),
    order(Post, "/api/v1/servers/{ids[]}/stop", "stop", Body(&[])),
    order(Post, "/api/v1/servers/{ids[]}/kill", "kill", Body(&[])),
    order(Post, "/api/v1/servers/{ids[]}/pause", "pause", Body(&[])),
    order(Post, "/api/v1/servers/{ids[]}/resume", "resume", Body(&[])),
    order(Post, "/api/v1/servers/{ids[]}/restart", "restart", Body(&[])),
    order(Post, "/api/v1/cluster/stop", "stop", Body(&[])),
    order(Post, "/api/v1/cluster/reload", "reload", Nowhere),
    order(Get, "/api/v1/rooms", "rooms", Query(&["search", "sort", "limit"])),
    order(Get, "/api/v1/rooms/{room}", "room", Nowhere),
    order(Get, "/api/v1/users", "users", Query(&["search", "limit"])),
    order(Post, "/api/v1/users/{uid}/kick", "kick", Body(&["reason"])),
    order(Get, "/api/v1/strategies", "strategies", Nowhere),
    order(Put, "/api/v1/strategies/{serverType}", "strategy", Body(&["strategy"])),
    Route {
        implied: Some("preview"),
        ..order(Get, "/api/v1/strategies/{serverType}/preview", "strategy", Query(&["strategy"]))
    },
    order(Get, "/api/v1/explain", "explain", Query(&["uid", "rid"])),
    order(Get, "/api/v1/trace", "trace", Query(&["since"])),
    order(Put, "/api/v1/trace", "trace_on", Body(&["uid", "rid", "route", "server", "seconds"])),
    order(Delete, "/api/v1/trace", "trace_off", Nowhere),
    order(Get, "/api/v1/links", "links", Nowhere),
    order(Post, "/api/v1/links", "link", Body(&["name", "from", "to", "both", "cut", "loss", "latency"])),
    order(Delete, "/api/v1/links", "heal", Nowhere),
    order(Delete, "/api/v1/links/{names[]}", "heal", Nowhere),
    own(Get, "/api/v1/robots", Own::Robots, Nowhere),
    own(
        Put,
        "/api/v1/robots",
        Own::StartRobots,
        Body(&["users", "rooms", "messagesPerSecond", "bytes", "seconds"]),
    ),
    own(Delete, "/api/v1/robots", Own::StopRobots, Nowhere),
];

impl Method {
    const ALL: [Self; 4] = [Get, Post, Put, Delete];

    /// Its name in HTTP.
    pub fn name(self) -> &'static str {
        match self {
            Get => "GET",
            Post => "POST",
            Put => "PUT",
            Delete => "DELETE",
        }
    }

    /// The one of that name; HEAD is GET.
    pub fn named(name: &str) -> Option<Self> {
        let name = if name == "HEAD" { "GET" } else { name };
        Self::ALL.into_iter().find(|method| method.name() == name)
    }
}

impl Route {
    /// Its method.
    pub fn method(&self) -> Method {
        self.method
    }

    /// Its path: `{name}` is an argument, `{name[]}` one in an array of its own.
    pub fn path(&self) -> &'static str {
        self.path
    }

    /// The line that a request meets, and the arguments in its path.
    ///
    /// # Errors
    /// No line has the path, or none of those has the method; or the path is no UTF-8.
    pub fn find(method: Method, path: &str) -> Result<(&'static Self, Map<String, Value>), Failure> {
        let parts = parts(path)?;
        let of_path: Vec<_> =
            ROUTES.iter().filter_map(|route| Some((route, route.arguments(&parts)?))).collect();
        if of_path.is_empty() {
            let paths = ROUTES.iter().map(|route| route.path);
            let hint = did_you_mean(nearest(path, paths));
            return Err(Failure::unknown_path(format!("no such path in the API{hint}")));
        }
        let mut methods: Vec<&str> = of_path.iter().map(|(route, _)| route.method.name()).collect();
        methods.dedup();
        let found = of_path.into_iter().find(|(route, _)| route.method == method);
        found.ok_or_else(|| Failure::method(methods.join(", ")))
    }

    /// All arguments: those of the path, and what the query and the body say beside them.
    ///
    /// # Errors
    /// The query or the body has others than the route takes, or is not to be read.
    pub fn complete(
        &self,
        mut args: Map<String, Value>,
        query: &str,
        body: &[u8],
    ) -> Result<Map<String, Value>, Failure> {
        let takes_query = if let Query(takes) = self.from { takes } else { &[] };
        for (key, value) in pairs(query)? {
            known("parameter", &key, takes_query)?;
            if args.insert(key.clone(), Value::String(value)).is_some() {
                return Err(Failure::bad(format!("{key} is given twice")));
            }
        }
        for (key, value) in object(body)? {
            match self.from {
                AnyBody => {}
                Body(takes) => known("field", &key, takes)?,
                Query(_) | Beside::Nowhere => known("field", &key, &[])?,
            }
            args.insert(key, value);
        }
        if let Some(implied) = self.implied {
            args.insert(implied.to_owned(), Value::Bool(true));
        }
        Ok(args)
    }

    /// The arguments in a path, if it is of this form.
    fn arguments(&self, parts: &[String]) -> Option<Map<String, Value>> {
        let mut args = Map::new();
        let pattern: Vec<&str> = self.path.split('/').skip(1).collect();
        if pattern.len() != parts.len() {
            return None;
        }
        for (wanted, part) in pattern.iter().zip(parts) {
            match wanted.strip_prefix('{').and_then(|inside| inside.strip_suffix('}')) {
                None if wanted == part => {}
                None => return None,
                Some(_) if part.is_empty() => return None,
                Some(name) => {
                    let value = Value::String(part.clone());
                    match name.strip_suffix("[]") {
                        Some(name) => args.insert(name.to_owned(), Value::Array(vec![value])),
                        None => args.insert(name.to_owned(), value),
                    };
                }
            }
        }
        Some(args)
    }
}

/// A body that says nothing is an object without fields.
fn object(body: &[u8]) -> Result<Map<String, Value>, Failure> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(Failure::bad("body: expected a JSON object")),
        Err(error) => Err(Failure::bad(format!("body: expected a JSON object, got none ({error})"))),
    }
}

fn known(what: &str, key: &str, takes: &[&str]) -> Result<(), Failure> {
    if takes.contains(&key) {
        return Ok(());
    }
    let expected = if takes.is_empty() {
        "there is none here".to_owned()
    } else {
        format!("expected {}", takes.join(", "))
    };
    let hint = did_you_mean(nearest(key, takes.iter().copied()));
    let shown: String = key.chars().take(64).collect();
    Err(Failure::bad(format!("unknown {what} {shown:?}: {expected}{hint}")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::{Value, json};

    use super::{Method, ROUTES, Route, Target};

    fn read(method: &str, path: &str, query: &str, body: &str) -> Result<(Target, Value), (u16, String)> {
        let method = Method::named(method).unwrap();
        let read = Route::find(method, path).and_then(|(route, args)| {
            Ok((route.target, Value::Object(route.complete(args, query, body.as_bytes())?)))
        });
        read.map_err(|failure| (failure.status, failure.message))
    }

    #[test]
    fn paths_queries_and_bodies_are_arguments() {
        for (method, path, query, body, command, args) in [
            ("GET", "/api/v1/servers", "", "", "list", json!({})),
            ("HEAD", "/api/v1/servers", "", "", "list", json!({})),
            ("POST", "/api/v1/servers", "", r#"{"id":"a"}"#, "add", json!({"id": "a"})),
            ("DELETE", "/api/v1/servers/a-1", "", "", "remove", json!({"ids": ["a-1"]})),
            ("POST", "/api/v1/servers/a/kill", "", "{}", "kill", json!({"ids": ["a"]})),
            ("POST", "/api/v1/cluster/stop", "", "", "stop", json!({})),
            ("GET", "/api/v1/rooms/a%2Fb%25%E5%8C%97+", "", "", "room", json!({"room": "a/b%北+"})),
            (
                "GET",
                "/api/v1/rooms",
                "search=a+b&limit=5",
                "",
                "rooms",
                json!({"search": "a b", "limit": "5"}),
            ),
            (
                "GET",
                "/api/v1/strategies/chat/preview",
                "strategy=ring(9)",
                "",
                "strategy",
                json!({"serverType": "chat", "strategy": "ring(9)", "preview": true}),
            ),
            ("DELETE", "/api/v1/links", "", "", "heal", json!({})),
            ("DELETE", "/api/v1/links/slow", "", "", "heal", json!({"names": ["slow"]})),
            (
                "POST",
                "/api/v1/users/bob/kick",
                "",
                r#"{"reason":"x"}"#,
                "kick",
                json!({"uid": "bob", "reason": "x"}),
            ),
        ] {
            assert_eq!(
                read(method, path, query, body),
                Ok((Target::Order(command), args)),
                "{method} {path}"
            );
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (method, path, query, body, status, said) in [
            ("GET", "/api/v1/nothing", "", "", 404, "no such path"),
            ("GET", "/api/v1/server", "", "", 404, "did you mean \"/api/v1/servers\"?"),
            ("GET", "/api/v1/servers/", "", "", 404, "no such path"),
            ("DELETE", "/api/v1/servers/", "", "", 404, "no such path"),
            ("PUT", "/api/v1/servers", "", "", 405, "expected one of GET, POST"),
            ("GET", "/api/v1/rooms/%ff", "", "", 400, "UTF-8"),
            ("GET", "/api/v1/rooms", "serach=a", "", 400, "did you mean \"search\"?"),
            ("GET", "/api/v1/rooms", "limit=1&limit=2", "", 400, "limit is given twice"),
            ("GET", "/api/v1/servers", "a=1", "", 400, "unknown parameter \"a\": there is none here"),
            ("GET", "/api/v1/servers", "", "{\"a\":1}", 400, "unknown field \"a\""),
            ("POST", "/api/v1/servers/a/kill", "", "{\"ids\":[\"b\"]}", 400, "unknown field \"ids\""),
            ("POST", "/api/v1/users/bob/kick", "", "[]", 400, "expected a JSON object"),
            ("POST", "/api/v1/users/bob/kick", "", "{", 400, "expected a JSON object, got none"),
        ] {
            let (met, message) = read(method, path, query, body).unwrap_err();
            assert_eq!(met, status, "{method} {path}: {message}");
            assert!(message.contains(said), "{method} {path}: {message}");
        }
    }

    #[test]
    fn no_line_hides_another() {
        for route in ROUTES {
            let concrete = route.path.replace(['{', '}'], "");
            let (found, _) = Route::find(route.method, &concrete).unwrap();
            assert_eq!(found.path, route.path);
        }
    }
}
