//! Rows as comma-separated values (RFC 4180).
//!
//! A cell is the value in plain JSON, but texts without quotes and escapes; what is nested is JSON. A value that is not
//! there (`null`) is an empty cell, and a text that is empty is `""`, which those who care can tell apart. That is also
//! why this is written here: writers of CSV do not make the difference.

use std::borrow::Cow;

use orrery_host_abi::{
    AlgebraicType, LayoutError, ProductType, Typespace,
    bsatn::{DecodeError, Reader},
    json::{Dialect, JsonWriter},
};

const END_OF_LINE: &[u8] = b"\r\n";

/// Writes rows of one type.
pub(super) struct CsvWriter {
    /// The line with the names of the columns.
    head: Vec<u8>,
    columns: Vec<JsonWriter>,
}

impl CsvWriter {
    /// A writer for rows of that type. References are resolved in `typespace`.
    pub(super) fn new(row: &ProductType, typespace: &Typespace) -> Result<Self, LayoutError> {
        let mut head = Vec::new();
        let mut columns = Vec::with_capacity(row.elements.len());
        for (place, element) in row.elements.iter().enumerate() {
            if place > 0 {
                head.push(b',');
            }
            match &element.name {
                Some(name) => write_text(name, &mut head),
                None => head.extend_from_slice(place.to_string().as_bytes()),
            }
            columns.push(JsonWriter::new(&element.ty, typespace, Dialect::Plain)?);
        }
        head.extend_from_slice(END_OF_LINE);
        Ok(Self { head, columns })
    }

    /// A writer for values that are no products: rows of one column.
    pub(super) fn of_value(ty: &AlgebraicType, typespace: &Typespace) -> Result<Self, LayoutError> {
        let column = JsonWriter::new(ty, typespace, Dialect::Plain)?;
        Ok(Self { head: [b"value", END_OF_LINE].concat(), columns: vec![column] })
    }

    /// Appends the line with the names of the columns.
    pub(super) fn write_head(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head);
    }

    /// Appends the line of the next row.
    pub(super) fn write_from(&self, reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        let mut json = Vec::new();
        for (place, column) in self.columns.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            json.clear();
            column.write_from(reader, &mut json)?;
            match &*json {
                // A line without anything is skipped by those who read it.
                b"null" if self.columns.len() == 1 => out.extend_from_slice(b"\"\""),
                b"null" => {}
                [b'"', ..] => write_text(&text_of(&json), out),
                other => write_text(&String::from_utf8_lossy(other), out),
            }
        }
        out.extend_from_slice(END_OF_LINE);
        Ok(())
    }
}

/// The text that a JSON string stands for.
fn text_of(json: &[u8]) -> Cow<'_, str> {
    let inside = json.get(1..json.len() - 1).unwrap_or_default();
    if inside.contains(&b'\\') {
        return Cow::Owned(serde_json::from_slice(json).unwrap_or_default());
    }
    String::from_utf8_lossy(inside)
}

/// Appends a cell, in quotes if it would be misread without.
fn write_text(text: &str, out: &mut Vec<u8>) {
    let is_misread = |byte| matches!(byte, b'"' | b',' | b'\r' | b'\n');
    if !text.is_empty() && !text.bytes().any(is_misread) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    for byte in text.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use orrery_host_abi::{Element, bsatn::Encode};
    use proptest::prelude::*;

    use super::*;

    fn product(elements: impl IntoIterator<Item = (&'static str, AlgebraicType)>) -> ProductType {
        let element = |(name, ty): (&str, _)| Element { name: Some(name.into()), ty };
        ProductType { elements: elements.into_iter().map(element).collect() }
    }

    fn write(row: &ProductType, rows: &[Vec<u8>]) -> String {
        let writer = CsvWriter::new(row, &Typespace::default()).unwrap();
        let mut out = Vec::new();
        writer.write_head(&mut out);
        for row in rows {
            writer.write_from(&mut Reader::new(row), &mut out).unwrap();
        }
        String::from_utf8(out).unwrap()
    }

    fn option(text: Option<&str>) -> Vec<u8> {
        match text {
            Some(text) => [vec![0], text.to_bsatn()].concat(),
            None => vec![1],
        }
    }

    #[test]
    fn cells() {
        let texts = AlgebraicType::Array(Box::new(AlgebraicType::String));
        let row = product([
            ("id", AlgebraicType::U64),
            ("a,b", AlgebraicType::option(AlgebraicType::String)),
            ("tags", texts),
        ]);
        let rows =
            [(1_u64, None, vec![]), (2, Some(""), vec!["x", "é\"y"]), (3, Some("a \"b\"\n"), vec!["z"])];
        let encode = |(id, name, tags): (u64, Option<&str>, Vec<&str>)| {
            let tags: Vec<u8> = tags.iter().flat_map(|tag| tag.to_bsatn()).collect();
            let count = rows.iter().find(|row| row.0 == id).unwrap().2.len() as u32;
            [id.to_bsatn(), option(name), count.to_bsatn(), tags].concat()
        };
        let encoded: Vec<_> = rows.iter().cloned().map(encode).collect();
        let expected = "id,\"a,b\",tags\r\n1,,[]\r\n2,\"\",\"[\"\"x\"\",\"\"é\\\"\"y\"\"]\"\r\n3,\"a \"\"b\"\"\n\",\"[\"\"z\"\"]\"\r\n";
        assert_eq!(write(&row, &encoded), expected);
    }

    #[test]
    fn a_lonely_null_is_still_a_line() {
        let row = product([("name", AlgebraicType::option(AlgebraicType::String))]);
        assert_eq!(write(&row, &[option(None), option(Some("x"))]), "name\r\n\"\"\r\nx\r\n");
    }

    proptest! {
        #[test]
        fn what_was_written_can_be_read(
            rows in proptest::collection::vec((any::<String>(), any::<Option<String>>(), any::<i64>()), 0..10),
        ) {
            let row = product([
                ("text", AlgebraicType::String),
                ("option", AlgebraicType::option(AlgebraicType::String)),
                ("number", AlgebraicType::I64),
            ]);
            let encode = |(text, maybe, number): &(String, Option<String>, i64)| {
                [text.to_bsatn(), option(maybe.as_deref()), number.to_bsatn()].concat()
            };
            let written = write(&row, &rows.iter().map(encode).collect::<Vec<_>>());
            let mut reader = csv::Reader::from_reader(written.as_bytes());
            prop_assert_eq!(reader.headers().unwrap(), vec!["text", "option", "number"]);
            let read: Vec<_> = reader.records().map(Result::unwrap).collect();
            prop_assert_eq!(read.len(), rows.len());
            for (read, (text, maybe, number)) in read.iter().zip(&rows) {
                let number = number.to_string();
                prop_assert_eq!(read, vec![text, maybe.as_deref().unwrap_or_default(), &number]);
            }
        }
    }
}
