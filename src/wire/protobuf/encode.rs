//! From JSON to the dialect's bytes.

use serde_json::{Map, Value};

use super::schema::{Field, Kind, MessageType, Rule, Schema};
use super::{DEPTH_MAX, INTEGER_MAX, ProtoError, type_name};
use crate::wire::varint;

pub(super) fn encode(schema: &Schema, route: &str, body: &Value) -> Result<Vec<u8>, ProtoError> {
    let message = schema.route(route).ok_or_else(|| ProtoError::NoDefinition { route: route.to_owned() })?;
    let mut encoder = Encoder { schema, out: Vec::new() };
    encoder.message(message, object(body, "")?, 0)?;
    Ok(encoder.out)
}

struct Encoder<'a> {
    schema: &'a Schema,
    out: Vec<u8>,
}

impl Encoder<'_> {
    fn message(
        &mut self,
        message: &MessageType,
        body: &Map<String, Value>,
        depth: usize,
    ) -> Result<(), ProtoError> {
        if depth >= DEPTH_MAX {
            return Err(ProtoError::TooDeep);
        }
        let missing =
            |field: &&Field| field.rule == Rule::Required && body.get(&field.name).is_none_or(Value::is_null);
        if let Some(field) = message.fields.iter().find(missing) {
            return Err(ProtoError::Missing { field: field.name.clone() });
        }
        for (name, value) in body {
            match message.by_name(name) {
                None => {}
                Some(_) if value.is_null() => {}
                Some(field) if field.rule == Rule::Repeated => self.repeated(field, value, depth)?,
                Some(field) => {
                    varint::write(&mut self.out, field.head());
                    self.value(field, value, depth)?;
                }
            }
        }
        Ok(())
    }

    fn repeated(&mut self, field: &Field, value: &Value, depth: usize) -> Result<(), ProtoError> {
        let elements = value.as_array().ok_or_else(|| wrong_type(&field.name, "an array", value))?;
        let one_by_one = matches!(field.kind, Kind::String | Kind::Message(_) | Kind::Unknown);
        if !one_by_one && !elements.is_empty() {
            varint::write(&mut self.out, field.head());
            varint::write(&mut self.out, elements.len() as u64);
        }
        for element in elements {
            if one_by_one {
                varint::write(&mut self.out, field.head());
            }
            self.value(field, element, depth)?;
        }
        Ok(())
    }

    fn value(&mut self, field: &Field, value: &Value, depth: usize) -> Result<(), ProtoError> {
        match field.kind {
            Kind::Unsigned => {
                let number = integer(field, value)?;
                let number = u64::try_from(number)
                    .map_err(|_| ProtoError::OutOfRange { field: field.name.clone() })?;
                self.integer(field, number)
            }
            Kind::Signed => {
                let number = integer(field, value)?;
                // Zigzag: 0, -1, 1, -2 become 0, 1, 2, 3. Within ±2^53 nothing overflows.
                self.integer(field, number.unsigned_abs() * 2 - u64::from(number < 0))
            }
            Kind::Float => {
                self.out.extend_from_slice(&(float(field, value)? as f32).to_le_bytes());
                Ok(())
            }
            Kind::Double => {
                self.out.extend_from_slice(&float(field, value)?.to_le_bytes());
                Ok(())
            }
            Kind::String => {
                let text = value.as_str().ok_or_else(|| wrong_type(&field.name, "a string", value))?;
                varint::write(&mut self.out, text.len() as u64);
                self.out.extend_from_slice(text.as_bytes());
                Ok(())
            }
            Kind::Message(index) => {
                let start = self.out.len();
                self.message(self.schema.message(index), object(value, &field.name)?, depth + 1)?;
                // The length is known only now: append it, then rotate it to the front.
                let end = self.out.len();
                varint::write(&mut self.out, (end - start) as u64);
                let length_bytes = self.out.len() - end;
                self.out[start..].rotate_right(length_bytes);
                Ok(())
            }
            Kind::Unknown => Ok(()),
        }
    }

    /// Refuses integers that JavaScript cannot represent exactly.
    fn integer(&mut self, field: &Field, number: u64) -> Result<(), ProtoError> {
        if number > INTEGER_MAX {
            return Err(ProtoError::OutOfRange { field: field.name.clone() });
        }
        varint::write(&mut self.out, number);
        Ok(())
    }
}

/// The integer part of a number of up to ±2^53, as `parseInt` takes it.
fn integer(field: &Field, value: &Value) -> Result<i64, ProtoError> {
    let number = value.as_number().ok_or_else(|| wrong_type(&field.name, "an integer", value))?;
    let bound = INTEGER_MAX as i64;
    number
        .as_i64()
        .or_else(|| number.as_f64().filter(|float| float.abs() <= bound as f64).map(|float| float as i64))
        .filter(|number| (-bound..=bound).contains(number))
        .ok_or_else(|| ProtoError::OutOfRange { field: field.name.clone() })
}

fn float(field: &Field, value: &Value) -> Result<f64, ProtoError> {
    value.as_f64().ok_or_else(|| wrong_type(&field.name, "a number", value))
}

fn object<'a>(value: &'a Value, field: &str) -> Result<&'a Map<String, Value>, ProtoError> {
    value.as_object().ok_or_else(|| wrong_type(field, "an object", value))
}

fn wrong_type(field: &str, expected: &'static str, value: &Value) -> ProtoError {
    ProtoError::WrongType { field: field.to_owned(), expected, got: type_name(value) }
}
