//! `serverProtos.json` and `clientProtos.json`: the definitions unchanged, and warnings about the
//! parts that Pomelo skips.

use serde_json::{Map, Value};

use super::error::ConfigError;
use super::faults::Faults;
use super::node::Node;
use crate::wire::{ProtoError, Protos};

/// Most faults of one file that are reported: finding each one's place costs another search.
const REPORTED_MAX: usize = 100;

/// The definitions of one direction.
pub(super) fn read(
    file: Node<'_>,
    about: &str,
    faults: &mut Faults,
) -> Result<Map<String, Value>, ConfigError> {
    let passed_over = "passed over, as in Pomelo";
    // Through `object`, which reports duplicate routes.
    let members = match file.object("an object of routes, each with its protobuf fields") {
        Err(error @ ConfigError::Invalid { .. }) => {
            faults.forgive(about, error, passed_over).map(|()| Vec::new())?
        }
        members => members?,
    };
    let mut routes = Map::new();
    for member in &members {
        let definition = if member.value.is_object() {
            member.value.value()?
        } else {
            let error = member.value.invalid("an object of protobuf fields");
            faults.forgive(about, error, "no field is taken from it, as in Pomelo")?;
            Value::Object(Map::new())
        };
        routes.insert(member.key.clone(), definition);
    }
    for fault in Protos::faults(&routes, about).into_iter().take(REPORTED_MAX) {
        let (is_hard, empty) = (fault.error == ProtoError::TooDeep, fault.error.is_unknown_type());
        let at = find(&file, &fault.keys)?.spot();
        let error = ConfigError::Proto { error: fault.error, at };
        if is_hard {
            return Err(error);
        }
        let so = if empty { "the field travels without its value, as in Pomelo" } else { passed_over };
        faults.forgive(about, error, so)?;
    }
    Ok(routes)
}

/// The value under these keys, or the deepest one that exists on the way.
fn find<'a>(node: &Node<'a>, keys: &[String]) -> Result<Node<'a>, ConfigError> {
    let mut node = node.clone();
    for key in keys {
        if !node.is_object() {
            break;
        }
        match node.object("an object")?.into_iter().find(|member| member.key == *key) {
            Some(member) => node = member.value,
            None => break,
        }
    }
    Ok(node)
}
