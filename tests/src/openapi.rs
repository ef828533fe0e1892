//! OpenAPI documents, judged by a public validator, and arguments made up by their schemas.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::{modules::tests_dir, random::Random};

/// An OpenAPI document, and values that its schemas must take or not.
#[derive(Debug)]
pub struct Document {
    /// The document.
    pub json: Value,
    values: Vec<Value>,
}

impl Document {
    /// A document as it was answered.
    pub fn new(json: Value) -> Self {
        Self { json, values: Vec::new() }
    }

    /// The paths that it describes.
    pub fn paths(&self) -> Vec<&str> {
        self.json["paths"].as_object().expect("a document has paths").keys().map(String::as_str).collect()
    }

    /// Where the schema is of the answer that an operation gives when all goes well, as a JSON pointer.
    pub fn answer_schema(&self, method: &str, path: &str) -> String {
        let path = path.replace('/', "~1");
        format!("/paths/{path}/{method}/responses/200/content/application~1json/schema")
    }

    /// Where the schema of a call's arguments is, as a JSON pointer.
    pub fn arguments_schema(&self, path: &str) -> String {
        format!("/paths/{}/post/requestBody/content/application~1json/schema", path.replace('/', "~1"))
    }

    /// Notes that a schema, at a JSON pointer, must take a value or must not.
    #[track_caller]
    pub fn expect(&mut self, schema: &str, value: &Value, fits: bool) {
        assert!(self.json.pointer(schema).is_some(), "there is no schema at {schema}");
        self.values.push(json!({ "schema": schema, "value": value, "fits": fits }));
    }

    /// Fails unless the document is valid and its schemas take what they should.
    #[track_caller]
    pub fn check(&self) {
        let mut node = Command::new("node");
        node.arg("check.mjs").current_dir(tests_dir().join("openapi"));
        node.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut node = node.spawn().expect("node cannot be run; tests/setup installs it");
        let input = json!({ "document": self.json, "values": self.values }).to_string();
        let mut stdin = node.stdin.take().expect("it is piped");
        stdin.write_all(input.as_bytes()).expect("the checker reads all");
        drop(stdin);
        let output = node.wait_with_output().expect("the checker ends");
        let [said, failed] =
            [output.stdout, output.stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
        assert!(output.status.success() && said.is_empty(), "{said}{failed}");
    }

    /// A value that a schema takes.
    pub fn make_up(&self, schema: &Value, random: &mut Random) -> Value {
        self.make_up_at(schema, random, 0)
    }

    fn make_up_at(&self, schema: &Value, random: &mut Random, depth: u64) -> Value {
        if let Some(target) = schema["$ref"].as_str() {
            let target =
                self.json.pointer(target.trim_start_matches('#')).expect("references lead somewhere");
            return self.make_up_at(target, random, depth);
        }
        if let Some(choices) = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array()) {
            return self.make_up_at(choose(choices, random), random, depth + 1);
        }
        if let Some(choices) = schema["enum"].as_array() {
            return choose(choices, random).clone();
        }
        if let Some(elements) = schema["prefixItems"].as_array() {
            return elements.iter().map(|element| self.make_up_at(element, random, depth + 1)).collect();
        }
        if let Some(properties) = schema["properties"].as_object() {
            let made = properties.iter().map(|(name, schema)| {
                // Text for times ends with the year 9999.
                let is_time = name == "__timestamp_micros_since_unix_epoch__";
                let value = match is_time {
                    true => random.below(1 << 52).into(),
                    false => self.make_up_at(schema, random, depth + 1),
                };
                (name.clone(), value)
            });
            return made.collect();
        }
        match schema["type"].as_str() {
            Some("null") => Value::Null,
            Some("boolean") => random.one_in(2).into(),
            Some("integer") => integer(schema, random),
            Some("number") => json!((random.below(2000) as f64 - 1000.0) / 8.0),
            Some("string") => text(schema, random),
            Some("array") if schema["items"].is_object() => {
                let count = random.below(3u64.saturating_sub(depth / 8));
                (0..count).map(|_| self.make_up_at(&schema["items"], random, depth + 1)).collect()
            }
            None if schema["type"].is_array() && schema["maxItems"] == 0 => match random.one_in(2) {
                true => json!([]),
                false => json!({}),
            },
            _ => panic!("no value can be made up for {schema}"),
        }
    }
}

fn choose<'v>(choices: &'v [Value], random: &mut Random) -> &'v Value {
    &choices[random.below(choices.len() as u64) as usize]
}

fn integer(schema: &Value, random: &mut Random) -> Value {
    let (min, max) = (&schema["minimum"], &schema["maximum"]);
    match random.below(3) {
        0 if !min.is_null() => min.clone(),
        1 if !max.is_null() => max.clone(),
        // Without an end it has 128 bits, which are more than a float holds.
        1 => serde_json::from_str(&i128::MAX.to_string()).expect("a number"),
        _ => random.below(128).into(),
    }
}

fn text(schema: &Value, random: &mut Random) -> Value {
    let number = random.number();
    match schema["pattern"].as_str() {
        None => ["", "a", "\"<&'\u{1}\\", "größer als 字"][(number % 4) as usize].into(),
        Some(pattern) if schema["contentEncoding"] == "base16" => {
            assert_eq!(pattern, "^([0-9a-fA-F]{2})*$");
            ["", "00", "fF0a"][(number % 3) as usize].into()
        }
        Some(pattern) if pattern.starts_with("^-?0x") => match number % 3 {
            0 => format!("-0x8{}", "0".repeat(63)).into(),
            1 => format!("0x7{}", "F".repeat(63)).into(),
            _ => format!("-{number:#x}").into(),
        },
        Some(pattern) if pattern.starts_with("^0x") => match number % 3 {
            0 => format!("0x{}", "f".repeat(64)).into(),
            _ => format!("{number:#x}").into(),
        },
        Some(other) => panic!("no text can be made up for {other}"),
    }
}
