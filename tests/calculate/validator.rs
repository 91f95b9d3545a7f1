//! A validator for the part of JSON Schema that our schema uses. A keyword it does not know is an error, so that none is passed over.

use serde_json::{Map, Value};

/// Notes that say nothing about validity.
const NOTES: [&str; 6] = ["$schema", "$defs", "title", "description", "default", "$comment"];

/// The path of each value that the schema refuses, with the keyword that does.
pub fn refused(schema: &Value, document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(schema, schema, document, "", &mut found);
    found
}

fn check(root: &Value, schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    for (keyword, wanted) in schema.as_object().expect("a schema is an object") {
        let valid = match keyword.as_str() {
            "$ref" => {
                let name = wanted.as_str().and_then(|text| text.strip_prefix("#/$defs/")).expect("a local reference");
                check(root, &root["$defs"][name], value, path, found);
                true
            }
            "type" => types(wanted).iter().any(|name| of_type(value, name)),
            "enum" => wanted.as_array().expect("a list").contains(value),
            "pattern" => value.as_str().is_none_or(|text| !text.is_empty() && !text.contains(char::is_whitespace)),
            "minimum" => value.as_i64().is_none_or(|number| Some(number) >= wanted.as_i64()),
            "maximum" => value.as_i64().is_none_or(|number| Some(number) <= wanted.as_i64()),
            "minLength" => value.as_str().is_none_or(|text| Some(text.chars().count() as u64) >= wanted.as_u64()),
            "maxLength" => value.as_str().is_none_or(|text| Some(text.chars().count() as u64) <= wanted.as_u64()),
            "required" => {
                wanted.as_array().expect("a list").iter().all(|name| !value[name.as_str().unwrap_or("")].is_null())
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, wanted, item, &format!("{path}[{index}]"), found);
                }
                true
            }
            "properties" => {
                for (name, member) in value.as_object().into_iter().flatten() {
                    if let Some(schema) = wanted.get(name) {
                        check(root, schema, member, &format!("{path}.{name}"), found);
                    }
                }
                true
            }
            "additionalProperties" => others(root, schema, wanted, value, path, found),
            "oneOf" => {
                wanted.as_array().expect("a list").iter().filter(|schema| passes(root, schema, value)).count() == 1
            }
            note if NOTES.contains(&note) => true,
            unknown => panic!("{unknown} at {path} is no keyword that is checked"),
        };
        if !valid {
            found.push(format!("{path}: {keyword}"));
        }
    }
}

fn passes(root: &Value, schema: &Value, value: &Value) -> bool {
    let mut found = Vec::new();
    check(root, schema, value, "", &mut found);
    found.is_empty()
}

/// Members that are not among the listed ones.
fn others(root: &Value, schema: &Value, wanted: &Value, value: &Value, path: &str, found: &mut Vec<String>) -> bool {
    let none = Map::new();
    let listed = schema["properties"].as_object().unwrap_or(&none);
    let mut others = value.as_object().into_iter().flatten().filter(|(name, _)| !listed.contains_key(*name));
    if *wanted == Value::Bool(false) {
        return others.next().is_none();
    }
    others.for_each(|(name, member)| check(root, wanted, member, &format!("{path}.{name}"), found));
    true
}

fn types(wanted: &Value) -> Vec<&str> {
    match wanted {
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        name => name.as_str().into_iter().collect(),
    }
}

fn of_type(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        "boolean" => value.is_boolean(),
        unknown => panic!("{unknown} is no type"),
    }
}
