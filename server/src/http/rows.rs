//! Rows of views, and results of procedures, in the forms in which clients want them.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};

use bytes::Bytes;
use orrery_host_abi::{
    AlgebraicType, Identity, Layout, LayoutError, MAX_TYPE_DEPTH, ModuleDef,
    bsatn::{DecodeError, Reader},
    json::{Dialect, JsonWriter},
};
use parking_lot::RwLock;

use super::{accept::RowFormat, csv::CsvWriter};

/// Bytes before the rows in an array (BSATN): their number.
const COUNT_LEN: usize = 4;

/// The writers for the functions that have been called. Making one costs as much as writing many rows.
#[derive(Default)]
pub(super) struct Writers {
    views: Kept<ViewWriter>,
    procedures: Kept<JsonWriter>,
}

/// What was made for functions, by database and name.
struct Kept<T>(RwLock<HashMap<Identity, HashMap<Box<str>, ForModule<T>>>>);

struct ForModule<T> {
    /// The definition that it was made for. While this exists, no other can be at its address.
    module: Weak<ModuleDef>,
    made: Arc<T>,
}

impl Writers {
    /// The writer for the rows of a view.
    pub(super) fn of_view(
        &self,
        database: Identity,
        view: &str,
        module: &Arc<ModuleDef>,
        row_type: &AlgebraicType,
    ) -> Result<Arc<ViewWriter>, LayoutError> {
        self.views.get(database, view, module, || ViewWriter::new(module, row_type))
    }

    /// The writer for the result of a procedure: SATS-JSON without names.
    pub(super) fn of_procedure(
        &self,
        database: Identity,
        procedure: &str,
        module: &Arc<ModuleDef>,
        return_type: &AlgebraicType,
    ) -> Result<Arc<JsonWriter>, LayoutError> {
        let make = || JsonWriter::new(return_type, &module.typespace, Dialect::Untyped);
        self.procedures.get(database, procedure, module, make)
    }
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<T> Kept<T> {
    fn get(
        &self,
        database: Identity,
        function: &str,
        module: &Arc<ModuleDef>,
        make: impl FnOnce() -> Result<T, LayoutError>,
    ) -> Result<Arc<T>, LayoutError> {
        let is_for_it = |known: &&ForModule<T>| std::ptr::eq(known.module.as_ptr(), Arc::as_ptr(module));
        if let Some(known) =
            self.0.read().get(&database).and_then(|functions| functions.get(function)).filter(is_for_it)
        {
            return Ok(known.made.clone());
        }
        let made = Arc::new(make()?);
        let mut kept = self.0.write();
        // Programs come and go, and their functions with them.
        kept.retain(|_, functions| {
            functions.retain(|_, known| known.module.strong_count() > 0);
            !functions.is_empty()
        });
        let known = ForModule { module: Arc::downgrade(module), made: made.clone() };
        kept.entry(database).or_default().insert(function.into(), known);
        Ok(made)
    }
}

/// Writes the rows of one view.
pub(super) struct ViewWriter {
    plain: JsonWriter,
    typed: JsonWriter,
    csv: CsvWriter,
    row: Layout,
}

impl ViewWriter {
    fn new(module: &ModuleDef, row_type: &AlgebraicType) -> Result<Self, LayoutError> {
        let typespace = &module.typespace;
        let mut ty = row_type;
        // More references in a row than this lead nowhere, and then the writers cannot be made.
        for _ in 0..MAX_TYPE_DEPTH {
            match ty {
                AlgebraicType::Ref(target) => ty = typespace.get(*target).unwrap_or(ty),
                _ => break,
            }
        }
        Ok(Self {
            plain: JsonWriter::new(row_type, typespace, Dialect::Plain)?,
            typed: JsonWriter::new(row_type, typespace, Dialect::Typed)?,
            csv: match ty {
                AlgebraicType::Product(row) => CsvWriter::new(row, typespace)?,
                _ => CsvWriter::of_value(row_type, typespace)?,
            },
            row: Layout::new(row_type, typespace)?,
        })
    }

    /// Writes rows (BSATN: an array).
    pub(super) fn write(&self, rows: &Bytes, format: RowFormat) -> Result<Bytes, DecodeError> {
        // Names take more than numbers save, as a rule.
        let mut out = Vec::with_capacity(rows.len() * 2 + 64);
        match format {
            RowFormat::Bsatn => return Ok(rows.clone()),
            RowFormat::Json => self.write_json(rows, &mut out)?,
            RowFormat::Sats => write_array(&self.typed, rows, &mut out)?,
            RowFormat::Ndjson => each(rows, |_, reader| {
                self.plain.write_from(reader, &mut out)?;
                out.push(b'\n');
                Ok(())
            })?,
            RowFormat::Csv => {
                self.csv.write_head(&mut out);
                each(rows, |_, reader| self.csv.write_from(reader, &mut out))?;
            }
        }
        Ok(out.into())
    }

    /// Appends rows (BSATN: an array) as an array in plain JSON.
    pub(super) fn write_json(&self, rows: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
        write_array(&self.plain, rows, out)
    }

    /// So many of the rows (BSATN: an array), from one on.
    pub(super) fn part(&self, rows: &Bytes, offset: u64, limit: Option<u64>) -> Result<Bytes, DecodeError> {
        let count = u64::from(count(rows)?);
        let skipped = offset.min(count);
        let taken = limit.unwrap_or(u64::MAX).min(count - skipped);
        if taken == count {
            return Ok(rows.clone());
        }
        let start = self.skip(rows, COUNT_LEN, skipped)?;
        let end = self.skip(rows, start, taken)?;
        // Fits, since it is no more than there were.
        let mut part = Vec::with_capacity(COUNT_LEN + end - start);
        part.extend_from_slice(&(taken as u32).to_le_bytes());
        part.extend_from_slice(&rows[start..end]);
        Ok(part.into())
    }

    /// Where so many rows end that begin at `at`.
    fn skip(&self, rows: &[u8], at: usize, count: u64) -> Result<usize, DecodeError> {
        if let Some(len) = self.row.fixed_len() {
            // The rows are there: whoever made them has checked them.
            return Ok((at + len * count as usize).min(rows.len()));
        }
        (0..count).try_fold(at, |at, _| Ok(at + self.row.validate(&rows[at..])?))
    }
}

/// How many rows there are (BSATN: an array).
pub(super) fn count(rows: &[u8]) -> Result<u32, DecodeError> {
    Reader::new(rows).read_u32()
}

fn write_array(writer: &JsonWriter, rows: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
    out.push(b'[');
    each(rows, |place, reader| {
        if place > 0 {
            out.push(b',');
        }
        writer.write_from(reader, out)
    })?;
    out.push(b']');
    Ok(())
}

fn each(
    rows: &[u8],
    mut write: impl FnMut(u32, &mut Reader<'_>) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let mut reader = Reader::new(rows);
    (0..reader.read_u32()?).try_for_each(|place| write(place, &mut reader))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer(row_type: &AlgebraicType) -> ViewWriter {
        ViewWriter::new(&ModuleDef::default(), row_type).unwrap()
    }

    #[test]
    fn rows_in_every_form() {
        let writer = writer(&AlgebraicType::U8);
        let write = |rows: &'static [u8], format| {
            String::from_utf8(writer.write(&Bytes::from_static(rows), format).unwrap().to_vec()).unwrap()
        };
        assert_eq!(write(&[0, 0, 0, 0], RowFormat::Json), "[]");
        assert_eq!(write(&[0, 0, 0, 0], RowFormat::Sats), "[]");
        assert_eq!(write(&[0, 0, 0, 0], RowFormat::Ndjson), "");
        assert_eq!(write(&[0, 0, 0, 0], RowFormat::Csv), "value\r\n");
        let two = &[2, 0, 0, 0, 7, 8];
        assert_eq!(write(two, RowFormat::Json), "[7,8]");
        assert_eq!(write(two, RowFormat::Sats), "[7,8]");
        assert_eq!(write(two, RowFormat::Ndjson), "7\n8\n");
        assert_eq!(write(two, RowFormat::Csv), "value\r\n7\r\n8\r\n");
        assert_eq!(write(two, RowFormat::Bsatn).as_bytes(), two);
        assert!(writer.write(&Bytes::from_static(&[2, 0, 0, 0, 7]), RowFormat::Json).is_err());
    }

    #[test]
    fn parts() {
        let check = |row_type: &AlgebraicType, rows: &'static [u8], offset, limit, expected: &[u8]| {
            let part = writer(row_type).part(&Bytes::from_static(rows), offset, limit);
            assert_eq!(part.unwrap(), expected, "{offset} {limit:?}");
        };
        let bytes = &[3, 0, 0, 0, 7, 8, 9];
        check(&AlgebraicType::U8, bytes, 0, None, bytes);
        check(&AlgebraicType::U8, bytes, 0, Some(9), bytes);
        check(&AlgebraicType::U8, bytes, 1, None, &[2, 0, 0, 0, 8, 9]);
        check(&AlgebraicType::U8, bytes, 1, Some(1), &[1, 0, 0, 0, 8]);
        check(&AlgebraicType::U8, bytes, 3, Some(1), &[0, 0, 0, 0]);
        check(&AlgebraicType::U8, bytes, u64::MAX, Some(u64::MAX), &[0, 0, 0, 0]);
        check(&AlgebraicType::U8, bytes, 0, Some(0), &[0, 0, 0, 0]);
        let texts = &[2, 0, 0, 0, 1, 0, 0, 0, b'a', 2, 0, 0, 0, b'b', b'c'];
        check(&AlgebraicType::String, texts, 1, None, &[1, 0, 0, 0, 2, 0, 0, 0, b'b', b'c']);
        check(&AlgebraicType::String, texts, 0, Some(1), &[1, 0, 0, 0, 1, 0, 0, 0, b'a']);
        check(&AlgebraicType::unit(), &[5, 0, 0, 0], 1, Some(3), &[3, 0, 0, 0]);
    }
}
