//! What crosses the border to modules in BSATN besides rows and arguments: HTTP messages, and the head of a
//! view's answer.

use bytes::Bytes;

use crate::{
    TimeDuration,
    bsatn::{Decode, DecodeError, Encode, Reader},
    module_def::RawHttpMethod,
};

/// An HTTP request, to a module's handler or from a procedure to the world. Its body travels apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// The method.
    pub method: RawHttpMethod,
    /// The headers, in order; a name may be there more than once.
    pub headers: Vec<HttpHeader>,
    /// How long to wait for an answer.
    pub timeout: Option<TimeDuration>,
    /// The address: with scheme and host for a request to the world.
    pub uri: Box<str>,
    /// The version of the protocol.
    pub version: HttpVersion,
}

/// An HTTP response. Its body travels apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// The headers, in order; a name may be there more than once.
    pub headers: Vec<HttpHeader>,
    /// The version of the protocol.
    pub version: HttpVersion,
    /// The status code.
    pub code: u16,
}

/// A header of an HTTP message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpHeader {
    /// Its name.
    pub name: Box<str>,
    /// Its value, which need not be text.
    pub value: Bytes,
}

/// A version of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HttpVersion {
    /// HTTP/0.9
    Http09,
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
    /// HTTP/2
    Http2,
    /// HTTP/3
    Http3,
}

/// What a view's answer begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ViewResultHeader {
    /// A BSATN array of rows follows.
    RowData,
    /// Nothing follows: the rows are those of this query.
    RawSql(Box<str>),
}

macro_rules! product {
    ($($ty:ident { $($field:ident),* })*) => {$(
        impl Encode for $ty {
            fn encode(&self, out: &mut Vec<u8>) {
                $(self.$field.encode(out);)*
            }
        }

        impl Decode for $ty {
            fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Ok(Self { $($field: Decode::decode(reader)?),* })
            }
        }
    )*};
}

product! {
    HttpRequest { method, headers, timeout, uri, version }
    HttpResponse { headers, version, code }
    HttpHeader { name, value }
}

impl Encode for HttpVersion {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(*self as u8);
    }
}

impl Decode for HttpVersion {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match reader.read_tag(5)? {
            0 => Self::Http09,
            1 => Self::Http10,
            2 => Self::Http11,
            3 => Self::Http2,
            _ => Self::Http3,
        })
    }
}

impl Encode for ViewResultHeader {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::RowData => out.push(0),
            Self::RawSql(sql) => {
                out.push(1);
                sql.encode(out);
            }
        }
    }
}

impl Decode for ViewResultHeader {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match reader.read_tag(2)? {
            0 => Self::RowData,
            _ => Self::RawSql(Decode::decode(reader)?),
        })
    }
}
