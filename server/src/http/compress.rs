//! Bodies made shorter for the way, as clients ask for with `Accept-Encoding`.

use std::io::{self, Write};

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderValue, header},
    middleware::Next,
    response::Response,
};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Body as _;
use tokio::task::block_in_place;

use super::{
    accept::{Encoding, encoding},
    router::JSON,
};

/// What is shorter is sent as it is: it fits into one packet, compressed or not.
pub(super) const LEN_MIN: usize = 1024;

/// What is longer takes so long that other requests must not wait for it.
const INLINE_LEN_MAX: usize = 64 * 1024;

/// The levels at which each encoding is quick and yet near to what it can do.
const GZIP_LEVEL: u32 = 6;
const BROTLI_QUALITY: u32 = 5;
const BROTLI_WINDOW: u32 = 22;
const ZSTD_LEVEL: i32 = 3;

/// The encoding of a body of that length for a client that likes `preferred` best.
pub(super) fn worthwhile(preferred: Encoding, len: usize) -> Encoding {
    if len < LEN_MIN { Encoding::Identity } else { preferred }
}

/// Encodes a body.
pub(super) fn encode(body: &Bytes, encoding: Encoding) -> io::Result<Bytes> {
    if body.len() > INLINE_LEN_MAX && encoding != Encoding::Identity {
        return block_in_place(|| encode_now(body, encoding));
    }
    encode_now(body, encoding)
}

fn encode_now(body: &Bytes, encoding: Encoding) -> io::Result<Bytes> {
    let out = Vec::with_capacity(body.len() / 4);
    let encoded = match encoding {
        Encoding::Identity => return Ok(body.clone()),
        Encoding::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::new(GZIP_LEVEL));
            encoder.write_all(body)?;
            encoder.finish()?
        }
        Encoding::Brotli => {
            let mut encoder = brotli::CompressorWriter::new(out, 4096, BROTLI_QUALITY, BROTLI_WINDOW);
            encoder.write_all(body)?;
            encoder.into_inner()
        }
        Encoding::Zstd => zstd::bulk::compress(body, ZSTD_LEVEL)?,
    };
    Ok(encoded.into())
}

/// Says in the headers how a body is encoded.
pub(super) fn describe(headers: &mut HeaderMap, encoding: Encoding) {
    if encoding != Encoding::Identity {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding.name()));
    }
}

/// Encodes JSON that is there as a whole; what comes in pieces is passed on as it is.
pub(super) async fn compress_json(request: Request, next: Next) -> Response {
    let preferred = encoding(request.headers());
    let response = next.run(request).await;
    let is_json = response.headers().get(header::CONTENT_TYPE) == Some(&JSON);
    let Some(len) = response.body().size_hint().exact().filter(|_| is_json) else { return response };
    if len < LEN_MIN as u64 || response.headers().contains_key(header::CONTENT_ENCODING) {
        return response;
    }
    let (mut head, body) = response.into_parts();
    head.headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
    if preferred == Encoding::Identity {
        return Response::from_parts(head, body);
    }
    // Bodies whose length is known are in memory, and cannot fail.
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    match encode(&body, preferred) {
        Ok(encoded) => {
            head.headers.remove(header::CONTENT_LENGTH);
            describe(&mut head.headers, preferred);
            Response::from_parts(head, Body::from(encoded))
        }
        Err(error) => {
            tracing::error!("a body cannot be encoded as {}: {error}", preferred.name());
            Response::from_parts(head, Body::from(body))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn what_was_encoded_can_be_decoded() {
        let body: Bytes = br#"{"id":1,"name":"Ada"},"#.repeat(1000).into();
        let encoded = |encoding| encode(&body, encoding).unwrap();
        let mut decoded = Vec::new();
        flate2::read::GzDecoder::new(&*encoded(Encoding::Gzip)).read_to_end(&mut decoded).unwrap();
        assert_eq!(decoded, body);
        decoded.clear();
        brotli::Decompressor::new(&*encoded(Encoding::Brotli), 4096).read_to_end(&mut decoded).unwrap();
        assert_eq!(decoded, body);
        assert_eq!(zstd::decode_all(&*encoded(Encoding::Zstd)).unwrap(), body);
        assert_eq!(encoded(Encoding::Identity), body);
        for encoding in [Encoding::Gzip, Encoding::Brotli, Encoding::Zstd] {
            assert!(encoded(encoding).len() < body.len() / 10, "{}", encoding.name());
        }
    }

    #[test]
    fn short_bodies_are_left_alone() {
        assert_eq!(worthwhile(Encoding::Gzip, LEN_MIN - 1), Encoding::Identity);
        assert_eq!(worthwhile(Encoding::Gzip, LEN_MIN), Encoding::Gzip);
    }
}
