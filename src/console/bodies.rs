//! Message bodies in a trace: what users write to each other. Only a reader with the token gets
//! them.

use serde_json::{Value, json};

/// The text in place of the bodies.
pub(super) const WITHHELD: &str = "withheld: send Authorization: Bearer TOKEN to read them";

/// Removes the bodies from the answer to an order `trace`, and says so.
pub(super) fn withhold(trace: &mut Value) {
    for step in trace["steps"].as_array_mut().into_iter().flatten() {
        if let Some(fields) = step.as_object_mut() {
            fields.shift_remove("body");
        }
    }
    if let Some(fields) = trace.as_object_mut() {
        fields.insert("bodies".to_owned(), json!(WITHHELD));
    }
}
