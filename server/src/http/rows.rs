//! Rows and other results as JSON.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};

use orrery_host_abi::{
    AlgebraicType, Identity, LayoutError, ModuleDef,
    bsatn::{DecodeError, Reader},
    json::{Dialect, JsonWriter},
};
use parking_lot::RwLock;

use super::accept::RowFormat;

/// The writers for the functions that have been called. Making one costs as much as writing many rows.
#[derive(Default)]
pub(super) struct Writers(RwLock<HashMap<Identity, HashMap<Box<str>, Writer>>>);

struct Writer {
    /// The definition that the writer was made for. While this exists, no other can be at its address.
    module: Weak<ModuleDef>,
    writer: Arc<JsonWriter>,
}

impl Writers {
    /// The writer for the rows of a view: plain JSON.
    pub(super) fn of_view(
        &self,
        database: Identity,
        view: &str,
        module: &Arc<ModuleDef>,
        row_type: &AlgebraicType,
    ) -> Result<Arc<JsonWriter>, LayoutError> {
        self.get(database, view, module, row_type, Dialect::Plain)
    }

    /// The writer for the result of a procedure: SATS-JSON without names.
    pub(super) fn of_procedure(
        &self,
        database: Identity,
        procedure: &str,
        module: &Arc<ModuleDef>,
        return_type: &AlgebraicType,
    ) -> Result<Arc<JsonWriter>, LayoutError> {
        self.get(database, procedure, module, return_type, Dialect::Untyped)
    }

    /// No view has the name of a procedure.
    fn get(
        &self,
        database: Identity,
        function: &str,
        module: &Arc<ModuleDef>,
        ty: &AlgebraicType,
        dialect: Dialect,
    ) -> Result<Arc<JsonWriter>, LayoutError> {
        let is_for_it = |known: &&Writer| std::ptr::eq(known.module.as_ptr(), Arc::as_ptr(module));
        if let Some(known) =
            self.0.read().get(&database).and_then(|functions| functions.get(function)).filter(is_for_it)
        {
            return Ok(known.writer.clone());
        }
        let writer = Arc::new(JsonWriter::new(ty, &module.typespace, dialect)?);
        let mut writers = self.0.write();
        // Programs come and go, and their functions with them.
        writers.retain(|_, functions| {
            functions.retain(|_, known| known.module.strong_count() > 0);
            !functions.is_empty()
        });
        let known = Writer { module: Arc::downgrade(module), writer: writer.clone() };
        writers.entry(database).or_default().insert(function.into(), known);
        Ok(writer)
    }
}

/// Writes rows (BSATN: an array).
pub(super) fn write_rows(
    writer: &JsonWriter,
    rows: &[u8],
    format: RowFormat,
) -> Result<Vec<u8>, DecodeError> {
    let (open, between, close): (&[u8], u8, &[u8]) = match format {
        RowFormat::Json => (b"[", b',', b"]"),
        RowFormat::Ndjson => (b"", b'\n', b"\n"),
    };
    let mut reader = Reader::new(rows);
    let count = reader.read_u32()?;
    // Names take more than numbers save, as a rule.
    let mut out = Vec::with_capacity(rows.len() * 2 + 64);
    out.extend_from_slice(open);
    for row in 0..count {
        if row > 0 {
            out.push(between);
        }
        writer.write_from(&mut reader, &mut out)?;
    }
    if count > 0 || format == RowFormat::Json {
        out.extend_from_slice(close);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use orrery_host_abi::Typespace;

    use super::*;

    #[test]
    fn rows_are_an_array_or_lines() {
        let writer = JsonWriter::new(&AlgebraicType::U8, &Typespace::default(), Dialect::Plain).unwrap();
        let write =
            |rows: &[u8], format| String::from_utf8(write_rows(&writer, rows, format).unwrap()).unwrap();
        assert_eq!(write(&[0, 0, 0, 0], RowFormat::Json), "[]");
        assert_eq!(write(&[0, 0, 0, 0], RowFormat::Ndjson), "");
        assert_eq!(write(&[2, 0, 0, 0, 7, 8], RowFormat::Json), "[7,8]");
        assert_eq!(write(&[2, 0, 0, 0, 7, 8], RowFormat::Ndjson), "7\n8\n");
        assert!(write_rows(&writer, &[2, 0, 0, 0, 7], RowFormat::Json).is_err());
    }
}
