//! Data objects as scripts have them, and back.

use crate::model::task::TaskId;
use crate::model::value::{Dictionary, Value};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rhai::{Array, Dynamic, EvalAltResult, ImmutableString, Map, Position};

/// How deep values may be nested.
const DEPTH: usize = 32;
/// The most bytes of text, names and all, of what outlives a call.
const MOST_BYTES: usize = 2 * super::engine::STRING_BYTES;

/// Why a word of a script is refused: the script can catch it.
pub(super) fn refused(why: impl Into<String>) -> Box<EvalAltResult> {
    let why: String = why.into();
    Box::new(EvalAltResult::ErrorRuntime(why.into(), Position::NONE))
}

/// Texts in order.
pub(super) fn array(texts: Vec<String>) -> Dynamic {
    texts.into_iter().map(Dynamic::from).collect::<Array>().into()
}

/// A value for a script: truth is `"YES"` and `"NO"` as everywhere, bytes are base64, a time is text. None where it is
/// nested too deeply.
pub(super) fn to_script(value: Value) -> Option<Dynamic> {
    into_dynamic(value, DEPTH)
}

fn into_dynamic(value: Value, depth: usize) -> Option<Dynamic> {
    let depth = depth.checked_sub(1)?;
    Some(match value {
        Value::Null => Dynamic::UNIT,
        Value::String(text) | Value::NetAddress(text) | Value::Xml(text) => text.into(),
        Value::Number(number) => number.into(),
        Value::Time(time) => time.iso8601().into(),
        Value::Data(bytes) => STANDARD.encode(bytes).into(),
        Value::Array(values) => values.into_iter().map(|value| into_dynamic(value, depth)).collect::<Option<Array>>()?.into(),
        Value::Dictionary(values) => {
            let pairs = values.into_iter().map(|(key, value)| Some((key.into(), into_dynamic(value, depth)?)));
            pairs.collect::<Option<Map>>()?.into()
        }
    })
}

/// A script's value for others.
pub(super) fn from_script(value: Dynamic) -> Result<Value, Box<EvalAltResult>> {
    check(&value).map_err(|why| refused(format!("a value that is given away is {why}")))?;
    from_dynamic(value, DEPTH)
}

fn from_dynamic(value: Dynamic, depth: usize) -> Result<Value, Box<EvalAltResult>> {
    let depth = depth.checked_sub(1).ok_or_else(|| refused("a value is nested too deeply"))?;
    if value.is_unit() {
        return Ok(Value::Null);
    }
    if let Ok(truth) = value.as_bool() {
        return Ok(Value::from(if truth { "YES" } else { "NO" }));
    }
    if let Ok(number) = value.as_int() {
        return Ok(Value::Number(number));
    }
    if let Ok(letter) = value.as_char() {
        return Ok(Value::String(letter.to_string()));
    }
    if value.is_string() {
        return Ok(Value::String(value.into_string().unwrap_or_default()));
    }
    if value.is_array() {
        let values = value.into_array().unwrap_or_default();
        return Ok(Value::Array(values.into_iter().map(|value| from_dynamic(value, depth)).collect::<Result<_, _>>()?));
    }
    match value.try_cast_result::<Map>() {
        Ok(map) => {
            let pairs = map.into_iter().map(|(key, value)| Ok((key.to_string(), from_dynamic(value, depth)?)));
            Ok(Value::Dictionary(pairs.collect::<Result<Dictionary, Box<EvalAltResult>>>()?))
        }
        Err(other) => Err(refused(format!("a value of type {} cannot be given away", other.type_name()))),
    }
}

/// Texts of one text or of an array of them.
pub(super) fn texts(value: Dynamic) -> Result<Vec<String>, Box<EvalAltResult>> {
    match from_script(value)? {
        Value::String(text) => Ok(vec![text]),
        Value::Array(values) => {
            let text = |value: Value| match value {
                Value::String(text) => Ok(text),
                Value::Number(number) => Ok(number.to_string()),
                _ => Err(refused("texts are expected")),
            };
            values.into_iter().map(text).collect()
        }
        Value::Null => Ok(Vec::new()),
        _ => Err(refused("a text or an array of texts is expected")),
    }
}

/// A text, where there is one.
pub(super) fn text(value: Option<impl Into<ImmutableString>>) -> Dynamic {
    value.map_or(Dynamic::UNIT, |text| Dynamic::from(text.into()))
}

/// A task, where there is one.
pub(super) fn task(value: Option<TaskId>) -> Dynamic {
    value.map_or(Dynamic::UNIT, Dynamic::from)
}

/// Refuses what may not outlive a call: what is nested so deeply that the stack of other threads would not do to drop it,
/// what is too large with all its names, and what is no data.
pub(super) fn check(value: &Dynamic) -> Result<(), &'static str> {
    if weight(value, DEPTH)? > MOST_BYTES { Err("too large") } else { Ok(()) }
}

/// About how many bytes of text a value holds.
fn weight(value: &Dynamic, depth: usize) -> Result<usize, &'static str> {
    let depth = depth.checked_sub(1).ok_or("nested too deeply")?;
    if let Ok(array) = value.as_array_ref() {
        return array.iter().map(|value| weight(value, depth)).sum();
    }
    if let Ok(map) = value.as_map_ref() {
        return map.iter().map(|(key, value)| Ok(key.len() + weight(value, depth)?)).sum();
    }
    if let Ok(text) = value.as_immutable_string_ref() {
        return Ok(text.len());
    }
    let is_data = value.is_unit() || value.is_bool() || value.is_int() || value.is_char() || value.is::<TaskId>();
    if is_data { Ok(0) } else { Err("no data") }
}
