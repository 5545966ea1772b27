//! The dictionary: a two-byte code for each route, sent instead of its name.

use std::collections::{BTreeMap, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use md5::{Digest as _, Md5};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// Routes and their codes, the same on both sides of a connection (`pomelo` 2.2.7,
/// `lib/components/dictionary.js`).
#[derive(Clone, Debug)]
pub struct Dictionary {
    codes: HashMap<String, u16>,
    routes: BTreeMap<u16, String>,
    version: String,
    /// `{"route":code,…}` in the order of the codes: hashed into `version` and sent in the
    /// handshake.
    route_to_code: Box<RawValue>,
    /// `{"code":"route",…}`.
    code_to_route: Box<RawValue>,
}

impl Dictionary {
    /// Assigns codes from 1: first to the handler routes, sorted by full name so that every server
    /// assigns the same, then to the push routes (`config/dictionary.json`) in the order of the
    /// file.
    ///
    /// A route named twice keeps its last code, and both codes lead to it, as in Pomelo. Codes end
    /// at 65535: routes after that have none and travel by name.
    pub fn new(
        handler_routes: impl IntoIterator<Item = String>,
        push_routes: impl IntoIterator<Item = String>,
    ) -> Self {
        let mut routes: Vec<String> = handler_routes.into_iter().collect();
        // JavaScript sorts by UTF-16 code unit, which differs from UTF-8 above U+FFFF.
        routes.sort_by(|a, b| a.encode_utf16().cmp(b.encode_utf16()));
        routes.extend(push_routes);
        Self::from_codes(routes.into_iter().zip(1..=u16::MAX))
    }

    /// The dictionary that a server declared in its handshake.
    pub(super) fn from_codes(codes: impl IntoIterator<Item = (String, u16)>) -> Self {
        let mut ordered = Map::new();
        let mut routes = BTreeMap::new();
        for (route, code) in codes {
            routes.insert(code, route.clone());
            ordered.insert(route, Value::from(code));
        }
        let route_to_code = raw(Value::Object(ordered.clone()));
        let by_code = routes.iter().map(|(code, route)| (code.to_string(), Value::from(route.as_str())));
        let code_to_route = raw(Value::Object(by_code.collect()));
        Self {
            version: version_of(&[&route_to_code]),
            codes: ordered
                .into_iter()
                .filter_map(|(route, code)| Some((route, u16::try_from(code.as_u64()?).ok()?)))
                .collect(),
            routes,
            route_to_code,
            code_to_route,
        }
    }

    /// The code of a route, if it has one.
    pub fn code(&self, route: &str) -> Option<u16> {
        self.codes.get(route).copied()
    }

    /// The route of a code, if there is one.
    pub fn route(&self, code: u16) -> Option<&str> {
        self.routes.get(&code).map(String::as_str)
    }

    /// How many codes there are.
    pub fn len(&self) -> usize {
        self.routes.len()
    }

    /// Whether there are no codes.
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// The version, base64 of the MD5 of the JSON. A client that sends it as `sys.dictVersion` is
    /// not sent the dictionary again.
    pub fn version(&self) -> &str {
        &self.version
    }

    pub(super) fn route_to_code(&self) -> &RawValue {
        &self.route_to_code
    }

    pub(super) fn code_to_route(&self) -> &RawValue {
        &self.code_to_route
    }
}

/// Pomelo's version of a definition: base64 of the MD5 of its concatenated JSON texts.
pub(super) fn version_of(texts: &[&RawValue]) -> String {
    let mut hash = Md5::new();
    for text in texts {
        hash.update(text.get());
    }
    BASE64.encode(hash.finalize())
}

/// Serializes a value built here. Its keys are all strings, so writing it to memory cannot fail.
pub(super) fn raw(value: Value) -> Box<RawValue> {
    RawValue::from_string(value.to_string()).unwrap_or_else(|_| RawValue::NULL.to_owned())
}
