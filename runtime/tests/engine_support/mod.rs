//! What tests of both engines use.
#![allow(dead_code, reason = "each test uses a part of it")]

pub(crate) mod mock;

use std::time::Duration;

use bytes::Bytes;
use orrery_host_abi::{Call, ConnectionId, Function, Identity, Timestamp};

/// Longer than any call of a test takes that is not meant to be ended.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

pub(crate) fn call(function: Function, args: impl Into<Bytes>) -> Call {
    Call {
        function,
        caller: Identity(std::array::from_fn(|n| n as u8)),
        connection: Some(ConnectionId(u128::from_le_bytes(std::array::from_fn(|n| 0x40 + n as u8)))),
        timestamp: Timestamp(-5),
        args: args.into(),
        body: Bytes::new(),
        time_limit: LIMIT,
    }
}

pub(crate) fn reducer() -> Call {
    call(Function::Reducer(0), Bytes::new())
}
