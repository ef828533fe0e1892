//! Identifiers: small numbers for things inside one database, and the special types of the contract.

/// Declares a number that identifies one kind of thing.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident($repr:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub $repr);

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// A table of a database. Ids below 4096 are system tables.
    TableId(u32)
}
id! {
    /// An index of a database.
    IndexId(u32)
}
id! {
    /// A sequence (auto-increment) of a database.
    SequenceId(u32)
}
id! {
    /// A column's place in its table.
    ColId(u16)
}
id! {
    /// A place in a module's typespace.
    TypeRef(u32)
}
id! {
    /// An open row iterator of one call. Never 0.
    IterId(u32)
}

/// Who calls, or which database: 256 bits, derived from a token's issuer and subject.
///
/// Held as its little-endian bytes, which is its BSATN form; text shows it big-endian.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Identity(pub [u8; 32]);

/// One connection of a client. Zero means none, and is not used here: absence is an `Option`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnectionId(pub u128);

/// The Keccak-256 hash of a program, in digest order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Hash(pub [u8; 32]);

/// Microseconds since the Unix epoch; may be negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

/// A span of time in microseconds; may be negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TimeDuration(pub i64);
