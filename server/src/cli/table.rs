//! Rows in columns, for people.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::Value;

use super::style;

/// An object, with its members in the order in which they came.
#[derive(Debug)]
pub(super) struct Row(Vec<(String, Value)>);

/// Rows under each other.
pub(super) struct Table {
    head: Vec<String>,
    /// Cells, and whether each is a number.
    rows: Vec<Vec<(String, bool)>>,
}

impl Row {
    /// A row of texts.
    pub(super) fn of_texts<'a>(cells: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        Self(cells.into_iter().map(|(name, text)| (name.to_owned(), Value::String(text))).collect())
    }
}

impl fmt::Display for Row {
    /// On one line, each value with its name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (name, value)) in self.0.iter().enumerate() {
            let text = match value {
                Value::String(text) => one_line(text),
                value => value.to_string(),
            };
            write!(f, "{}{name}: {text}", if place > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Row;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a row as an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Row(members))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

impl Table {
    /// The rows must have the same members; the first says which.
    pub(super) fn new(rows: Vec<Row>) -> Self {
        let head =
            rows.first().map(|row| row.0.iter().map(|(name, _)| name.clone()).collect()).unwrap_or_default();
        Self::with_head(head, rows)
    }

    /// The rows must have these members.
    pub(super) fn with_head(head: Vec<String>, rows: Vec<Row>) -> Self {
        let cell = |(_, value): (String, Value)| match value {
            Value::String(text) => (one_line(&text), false),
            Value::Null => (String::new(), false),
            number @ Value::Number(_) => (number.to_string(), true),
            other => (other.to_string(), false),
        };
        Self { head, rows: rows.into_iter().map(|row| row.0.into_iter().map(cell).collect()).collect() }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut widths: Vec<usize> = self.head.iter().map(|name| width(name)).collect();
        for row in &self.rows {
            for (known, (text, _)) in widths.iter_mut().zip(row) {
                *known = (*known).max(width(text));
            }
        }
        if self.head.is_empty() {
            return Ok(());
        }
        let mut line = |cells: &mut dyn Iterator<Item = (&str, bool)>, style: Option<style::Style>| {
            let mut text = String::new();
            for (place, ((cell, is_number), &full)) in cells.zip(&widths).enumerate() {
                if place > 0 {
                    text.push_str("  ");
                }
                let space = " ".repeat(full - width(cell));
                text.extend(if is_number { [&*space, cell] } else { [cell, &*space] });
            }
            let text = text.trim_end();
            match style {
                Some(style) => writeln!(f, "{}", style::on_stdout(style, text)),
                None => writeln!(f, "{text}"),
            }
        };
        line(&mut self.head.iter().map(|name| (name.as_str(), false)), Some(style::BOLD))?;
        for row in &self.rows {
            line(&mut row.iter().map(|(text, is_number)| (text.as_str(), *is_number)), None)?;
        }
        Ok(())
    }
}

/// Characters, which is right for most scripts and not too wrong for the others.
fn width(text: &str) -> usize {
    text.chars().count()
}

/// What a module stores may hold anything; a terminal is not to obey it.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { line.extend(c.escape_default()) } else { line.push(c) }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: &str) {
        assert_eq!(Table::new(serde_json::from_str(json).unwrap()).to_string(), expected);
    }

    #[test]
    fn columns_are_as_wide_as_they_must_be() {
        check("[]", "");
        assert_eq!(Table::with_head(vec!["a".into(), "b".into()], Vec::new()).to_string(), "a  b\n");
        check(
            r#"[{"name":"Ada","age":36,"tags":[1,"a"]},{"name":"Blaise","age":9,"tags":null}]"#,
            "name    age  tags\nAda      36  [1,\"a\"]\nBlaise    9\n",
        );
    }

    #[test]
    fn members_keep_their_order() {
        check(r#"[{"z":1,"a":2}]"#, "z  a\n1  2\n");
    }

    #[test]
    fn control_characters_are_shown_and_not_obeyed() {
        check("[{\"t\":\"a\\nb\\u001b[31m\"}]", "t\na\\nb\\u{1b}[31m\n");
    }
}
