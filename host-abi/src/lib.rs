//! The contract between Orrery and the modules it runs.
//!
//! Values and their types, the encodings that carry them (BSATN and the JSON dialects), what a module says
//! about itself ([`ModuleDef`]), the calls a module may make ([`HostCalls`]) and the calls it answers
//! ([`Instance`]). This crate does no I/O and knows no engine, no store and no network: both engines and the
//! store are written against it.

mod answers;
pub mod bsatn;
mod call;
mod errno;
mod hex;
mod host;
mod ids;
pub mod json;
mod layout;
pub mod module_def;
mod row;
mod special;
mod time;
mod types;
mod value;

pub use answers::{HttpHeader, HttpRequest, HttpResponse, HttpVersion, ViewResultHeader};
pub use call::{Call, Fault, Function, Instance, Outcome};
pub use errno::Errno;
pub use host::{Advance, HostCalls, HostError, LogLevel, LogRecord};
pub use ids::{
    ColId, ConnectionId, Hash, Identity, IndexId, IterId, ParseIdError, SequenceId, TableId, TypeRef, Uuid,
};
pub use layout::{Layout, LayoutError, MAX_TYPE_DEPTH, MAX_TYPE_SIZE};
pub use module_def::ModuleDef;
pub use row::{Column, RowLayout};
pub use special::SpecialProduct;
pub use time::{ParseTimeError, ScheduleAt, TimeDuration, Timestamp};
pub use types::{AlgebraicType, Element, ProductType, SumType, Typespace, Variant};
pub use value::{AlgebraicValue, SumValue, cmp_floats};
