//! Who calls, as the bigints that modules get.
//!
//! A bigint of 256 bits takes longer to make than to use. Those of callers that come back are kept.

use orrery_host_abi::{ConnectionId, Identity};
use v8::{BigInt, Global, Local, PinScope};

use super::{state::Failure, values::bigint};
use crate::engine::{connection_words, sender_words};

/// How many callers are kept at most. Each has one place where it may be.
const PLACES: usize = 64;

/// The bigints of callers that were seen lately.
#[derive(Default)]
pub(super) struct Callers {
    /// Empty until the first call.
    places: Box<[Place]>,
}

#[derive(Default)]
struct Place {
    caller: Identity,
    connection: Option<ConnectionId>,
    /// None as long as the caller has come only once: many never come back, and keeping them would be for nothing.
    kept: Option<[Global<BigInt>; 2]>,
}

impl Callers {
    /// The identity and the connection of a caller.
    #[inline]
    pub(super) fn bigints<'s>(
        &mut self,
        scope: &PinScope<'s, '_>,
        caller: Identity,
        by: Option<ConnectionId>,
    ) -> Result<[Local<'s, BigInt>; 2], Failure> {
        let number = number(caller, by);
        match self.places.get(number) {
            Some(Place { caller: last, connection, kept: Some(kept) })
                if *last == caller && *connection == by =>
            {
                Ok(kept.each_ref().map(|kept| Local::new(scope, kept)))
            }
            _ => self.make(scope, number, caller, by),
        }
    }

    #[inline(never)]
    fn make<'s>(
        &mut self,
        scope: &PinScope<'s, '_>,
        number: usize,
        caller: Identity,
        by: Option<ConnectionId>,
    ) -> Result<[Local<'s, BigInt>; 2], Failure> {
        let made = [identity(scope, caller)?, connection(scope, by)?];
        if self.places.is_empty() {
            self.places = std::iter::repeat_with(Place::default).take(PLACES).collect();
        }
        let place = &mut self.places[number];
        if place.caller == caller && place.connection == by {
            place.kept = Some(made.map(|made| Global::new(scope, made)));
        } else {
            *place = Place { caller, connection: by, kept: None };
        }
        Ok(made)
    }
}

/// The place for a caller. Both numbers are as good as random in their lowest byte.
#[inline]
fn number(caller: Identity, by: Option<ConnectionId>) -> usize {
    usize::from(caller.0[0] ^ by.map_or(0, |by| by.0 as u8)) % PLACES
}

/// An identity as a bigint.
pub(super) fn identity<'s>(scope: &PinScope<'s, '_>, caller: Identity) -> Result<Local<'s, BigInt>, Failure> {
    bigint(scope, &sender_words(caller))
}

/// A connection as a bigint. None is 0.
pub(super) fn connection<'s>(
    scope: &PinScope<'s, '_>,
    by: Option<ConnectionId>,
) -> Result<Local<'s, BigInt>, Failure> {
    bigint(scope, &connection_words(by))
}
