//! From the dialect's bytes to JSON.

use serde_json::{Map, Value};

use super::schema::{Field, Kind, MessageType, Rule, Schema};
use super::{DEPTH_MAX, INTEGER_MAX, ProtoError};
use crate::wire::varint::{self, VarintError};

pub(super) fn decode(schema: &Schema, route: &str, body: &[u8]) -> Result<Value, ProtoError> {
    let message = schema.route(route).ok_or_else(|| ProtoError::NoDefinition { route: route.to_owned() })?;
    self::message(schema, message, body, 0)
}

fn message(
    schema: &Schema,
    message: &MessageType,
    mut input: &[u8],
    depth: usize,
) -> Result<Value, ProtoError> {
    if depth >= DEPTH_MAX {
        return Err(ProtoError::TooDeep);
    }
    let mut body = Map::new();
    while !input.is_empty() {
        let tag = number(&mut input, "")? >> 3;
        let field = message.by_tag(tag).ok_or(ProtoError::UnknownTag { tag })?;
        if field.rule == Rule::Repeated {
            let elements = body.entry(field.name.as_str()).or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(elements) = elements {
                repeated(schema, field, &mut input, depth, elements)?;
            }
        } else if field.kind != Kind::Unknown {
            // A field that comes twice keeps its first place and its last value, as a property in
            // JavaScript.
            let value = value(schema, field, &mut input, depth)?;
            body.insert(field.name.clone(), value);
        }
    }
    Ok(Value::Object(body))
}

fn repeated(
    schema: &Schema,
    field: &Field,
    input: &mut &[u8],
    depth: usize,
    elements: &mut Vec<Value>,
) -> Result<(), ProtoError> {
    let element_bytes_min = match field.kind {
        Kind::String | Kind::Message(_) | Kind::Unknown => {
            elements.push(value(schema, field, input, depth)?);
            return Ok(());
        }
        Kind::Unsigned | Kind::Signed => 1,
        Kind::Float => 4,
        Kind::Double => 8,
    };
    let count = number(input, &field.name)?;
    let expected = count.saturating_mul(element_bytes_min);
    if expected > input.len() as u64 {
        return Err(ProtoError::Truncated { field: field.name.clone(), expected, got: input.len() });
    }
    for _ in 0..count {
        elements.push(value(schema, field, input, depth)?);
    }
    Ok(())
}

fn value(schema: &Schema, field: &Field, input: &mut &[u8], depth: usize) -> Result<Value, ProtoError> {
    let name = field.name.as_str();
    match field.kind {
        Kind::Unsigned => Ok(Value::from(number(input, name)?)),
        Kind::Signed => {
            let zigzag = number(input, name)? as i64;
            Ok(Value::from(if zigzag % 2 == 0 { zigzag / 2 } else { -(zigzag / 2) - 1 }))
        }
        Kind::Float => Ok(float(f64::from(f32::from_le_bytes(array(input, name)?)))),
        Kind::Double => Ok(float(f64::from_le_bytes(array(input, name)?))),
        Kind::String => {
            let bytes = length_prefixed(input, name)?;
            Ok(Value::String(String::from_utf8_lossy(bytes).into_owned()))
        }
        Kind::Message(index) => {
            let bytes = length_prefixed(input, name)?;
            message(schema, schema.message(index), bytes, depth + 1)
        }
        Kind::Unknown => Ok(Value::Null),
    }
}

/// A float as JavaScript's JSON writes it: whole numbers without a fraction, `null` for NaN and
/// infinities.
fn float(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() <= INTEGER_MAX as f64 {
        Value::from(number as i64)
    } else {
        Value::from(number)
    }
}

fn number(input: &mut &[u8], field: &str) -> Result<u64, ProtoError> {
    let got = input.len();
    let out_of_range = || ProtoError::OutOfRange { field: field.to_owned() };
    let number = varint::read(input).map_err(|error| match error {
        VarintError::Truncated => {
            ProtoError::Truncated { field: field.to_owned(), expected: got as u64 + 1, got }
        }
        VarintError::TooLong => out_of_range(),
    })?;
    if number > INTEGER_MAX { Err(out_of_range()) } else { Ok(number) }
}

fn length_prefixed<'a>(input: &mut &'a [u8], field: &str) -> Result<&'a [u8], ProtoError> {
    let expected = number(input, field)?;
    let taken = usize::try_from(expected).ok().and_then(|len| input.split_at_checked(len));
    let (bytes, rest) =
        taken.ok_or_else(|| ProtoError::Truncated { field: field.to_owned(), expected, got: input.len() })?;
    *input = rest;
    Ok(bytes)
}

fn array<const N: usize>(input: &mut &[u8], field: &str) -> Result<[u8; N], ProtoError> {
    let (bytes, rest) = input.split_first_chunk::<N>().ok_or_else(|| ProtoError::Truncated {
        field: field.to_owned(),
        expected: N as u64,
        got: input.len(),
    })?;
    *input = rest;
    Ok(*bytes)
}
