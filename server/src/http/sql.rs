//! `POST /v1/database/:db/sql`: runs SQL.

use std::{sync::Arc, time::Instant};

use axum::{
    body::Body,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::stream;
use orrery_host_abi::{
    LayoutError, Typespace,
    bsatn::{DecodeError, Reader},
    json::{Dialect, JsonWriter},
};
use orrery_runtime::SqlResult;
use serde::Deserialize;

use super::{
    App, Refusal, body,
    call::EXECUTION_DURATION,
    caller::{Caller, on_new_connection},
    router::JSON,
};
use crate::control::Target;

/// A longer answer (in BSATN) is written in pieces of about this size as the client takes them.
const PIECE_LEN: usize = 64 * 1024;

#[derive(Deserialize)]
pub(super) struct Parameters {
    /// Whether the answer waits until what it shows is on disk.
    #[serde(default = "yes")]
    confirmed: bool,
    /// How rows are written.
    #[serde(default)]
    format: Format,
}

/// How rows are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    /// As SpacetimeDB does: arrays in untyped SATS-JSON.
    #[default]
    Sats,
    /// As views are: objects in plain JSON. (Not in SpacetimeDB.)
    Plain,
}

const fn yes() -> bool {
    true
}

/// Answers with the result of each statement.
pub(super) async fn sql(
    State(app): State<Arc<App>>,
    Path(target): Path<Target>,
    query: Result<Query<Parameters>, QueryRejection>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let database = app.control.find(&target).await?;
    let Query(Parameters { confirmed, format }) = query.map_err(|_| {
        Refusal::bad_request("The query may have `confirmed=true|false` and `format=sats|plain`.")
    })?;
    let text = body::receive(&headers, body, app.limits.body_len_max).await?;
    let text = std::str::from_utf8(&text).map_err(|_| Refusal::bad_request("The SQL is not UTF-8."))?;

    let caller = on_new_connection(&app, &caller);
    let started = Instant::now();
    let results = database.sql(&caller, text, confirmed).await?;
    let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);

    let len = results.iter().map(|result| result.rows.len()).sum::<usize>();
    let mut answer = Answer::new(results, format).map_err(|error| {
        Refusal::bad_request(format!(
            "The columns of the result are too many to be written as JSON: {error}."
        ))
    })?;
    let body = if len <= PIECE_LEN {
        let mut text = Vec::with_capacity(2 * len + 512);
        while answer.write(&mut text, usize::MAX).map_err(Refusal::internal)? {}
        Body::from(text)
    } else {
        Body::from_stream(stream::unfold(answer, |mut answer| async {
            let mut piece = Vec::with_capacity(PIECE_LEN + PIECE_LEN / 4);
            let written = match answer.write(&mut piece, PIECE_LEN) {
                Ok(_) if piece.is_empty() => return None,
                Ok(_) => Ok(Bytes::from(piece)),
                // What the database gives are rows; if not, the answer breaks off.
                Err(error) => Err(error),
            };
            Some((written, answer))
        }))
    };
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, JSON);
    headers.insert(EXECUTION_DURATION, HeaderValue::from(micros));
    Ok(response)
}

/// The answer, of which a part has been written.
struct Answer {
    /// With what writes the rows of each.
    results: Vec<(SqlResult, JsonWriter)>,
    /// The result that is next, or being written.
    at: usize,
    /// The rows of that result that are left.
    rows: Option<Rows>,
}

struct Rows {
    /// How many bytes have been read.
    at: usize,
    left: u32,
}

impl Answer {
    fn new(results: Vec<SqlResult>, format: Format) -> Result<Self, LayoutError> {
        let dialect = match format {
            Format::Sats => Dialect::Untyped,
            Format::Plain => Dialect::Plain,
        };
        let with_writer = |result: SqlResult| {
            let writer = JsonWriter::of_product(&result.schema, &Typespace::default(), dialect)?;
            Ok((result, writer))
        };
        let results = results.into_iter().map(with_writer).collect::<Result<_, LayoutError>>()?;
        Ok(Self { results, at: 0, rows: None })
    }

    /// Appends what comes next, until there are more than so many bytes. Whether something is left.
    fn write(&mut self, out: &mut Vec<u8>, len: usize) -> Result<bool, DecodeError> {
        while let Some((result, writer)) = self.results.get(self.at) {
            let rows = match &mut self.rows {
                Some(rows) => rows,
                None => {
                    out.push(if self.at == 0 { b'[' } else { b',' });
                    self.rows.insert(begin(result, out)?)
                }
            };
            let mut reader = Reader::new(&result.rows);
            reader.read_bytes(rows.at, "rows")?;
            while rows.left > 0 {
                writer.write_from(&mut reader, out)?;
                rows.left -= 1;
                if rows.left > 0 {
                    out.push(b',');
                }
                if out.len() > len {
                    rows.at = reader.position();
                    return Ok(true);
                }
            }
            end(result, out);
            self.rows = None;
            self.at += 1;
            if self.at == self.results.len() {
                out.push(b']');
            }
        }
        Ok(false)
    }
}

/// Appends what stands before the rows.
fn begin(result: &SqlResult, out: &mut Vec<u8>) -> Result<Rows, DecodeError> {
    out.extend_from_slice(br#"{"schema":"#);
    // Writing to memory does not fail, and neither does the serialisation of a type.
    let written = serde_json::to_writer(&mut *out, &result.schema);
    debug_assert!(written.is_ok());
    out.extend_from_slice(br#","rows":["#);
    let mut reader = Reader::new(&result.rows);
    let left = reader.read_u32()?;
    Ok(Rows { at: reader.position(), left })
}

/// Appends what stands after the rows.
fn end(result: &SqlResult, out: &mut Vec<u8>) {
    let orrery_runtime::Changed { inserted, deleted, updated } = result.changed;
    let micros = result.duration.as_micros();
    let text = format!(
        r#"],"total_duration_micros":{micros},"stats":{{"rows_inserted":{inserted},"rows_deleted":{deleted},"rows_updated":{updated}}}}}"#
    );
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use orrery_host_abi::{AlgebraicType, Element, ProductType, bsatn::Encode};
    use orrery_runtime::Changed;

    use super::*;

    fn result(rows: u32) -> SqlResult {
        let element = |name: &str, ty| Element { name: Some(name.into()), ty };
        let elements = [element("id", AlgebraicType::U32), element("name", AlgebraicType::String)];
        let mut bytes = rows.to_bsatn();
        for row in 0..rows {
            row.encode(&mut bytes);
            format!("row {row}").encode(&mut bytes);
        }
        SqlResult {
            schema: ProductType { elements: elements.into() },
            rows: bytes.into(),
            changed: Changed::default(),
            duration: Duration::from_micros(7),
        }
    }

    fn whole(results: &[SqlResult], format: Format) -> String {
        let mut out = Vec::new();
        while Answer::new(results.to_vec(), format).unwrap().write(&mut out, usize::MAX).unwrap() {}
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn rows_in_both_formats() {
        let schema = r#"{"elements":[{"name":{"some":"id"},"algebraic_type":{"U32":[]}},{"name":{"some":"name"},"algebraic_type":{"String":[]}}]}"#;
        let stats =
            r#""total_duration_micros":7,"stats":{"rows_inserted":0,"rows_deleted":0,"rows_updated":0}"#;
        assert_eq!(
            whole(&[result(2)], Format::Sats),
            format!(r#"[{{"schema":{schema},"rows":[[0,"row 0"],[1,"row 1"]],{stats}}}]"#)
        );
        assert_eq!(
            whole(&[result(1), result(0)], Format::Plain),
            format!(
                r#"[{{"schema":{schema},"rows":[{{"id":0,"name":"row 0"}}],{stats}}},{{"schema":{schema},"rows":[],{stats}}}]"#
            )
        );
    }

    #[test]
    fn pieces_make_the_whole() {
        let results = vec![result(100), result(0), result(1), result(30)];
        let expected = whole(&results, Format::Sats);
        for len in [0, 1, 50, 1000] {
            let mut answer = Answer::new(results.clone(), Format::Sats).unwrap();
            let (mut text, mut pieces) = (Vec::new(), 0);
            loop {
                let mut piece = Vec::new();
                let goes_on = answer.write(&mut piece, len).unwrap();
                assert!(piece.len() <= len + 500, "{}", piece.len());
                text.extend_from_slice(&piece);
                pieces += 1;
                if !goes_on {
                    break;
                }
            }
            assert_eq!(String::from_utf8(text).unwrap(), expected);
            assert!(pieces > 1);
        }
    }
}
