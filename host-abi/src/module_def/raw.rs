//! Definitions as modules give them: the envelope, and what both versions have in common.

use bytes::Bytes;

use super::{RawModuleDefV9, RawModuleDefV10};
use crate::{
    ColId,
    bsatn::{Decode, DecodeError, Encode, Reader},
};

/// Declares products with their BSATN and their typed JSON. Fields are in the order of the contract, which gives
/// them no other names in BSATN.
macro_rules! raw_products {
    ($($(#[$doc:meta])* pub struct $name:ident {
        $($(#[$field_doc:meta])* pub $field:ident: $ty:ty,)*
    })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $ty,)*
        }

        impl $crate::bsatn::Encode for $name {
            fn encode(&self, out: &mut Vec<u8>) {
                $($crate::bsatn::Encode::encode(&self.$field, out);)*
            }
        }

        impl $crate::bsatn::Decode for $name {
            fn decode(
                reader: &mut $crate::bsatn::Reader<'_>,
            ) -> Result<Self, $crate::bsatn::DecodeError> {
                Ok(Self { $($field: $crate::bsatn::Decode::decode(reader)?,)* })
            }
        }

        impl $crate::json::TypedJson for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(None)?;
                $(serde::ser::SerializeMap::serialize_entry(
                    &mut map,
                    stringify!($field),
                    &$crate::json::Typed(&self.$field),
                )?;)*
                serde::ser::SerializeMap::end(map)
            }
        }
    )*};
}

/// Declares sums with their BSATN and their typed JSON. Variants are in the order of their tags.
macro_rules! raw_sums {
    ($($(#[$doc:meta])* pub enum $name:ident {
        $($(#[$variant_doc:meta])* $variant:ident = $tag:literal $(($ty:ty))?,)*
    })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum $name {
            $($(#[$variant_doc])* $variant $(($ty))?,)*
        }

        impl $crate::bsatn::Encode for $name {
            fn encode(&self, out: &mut Vec<u8>) {
                match self {
                    $(raw_sums!(@bind $variant payload $(($ty))?) => {
                        out.push($tag);
                        raw_sums!(@encode payload out $(($ty))?);
                    })*
                }
            }
        }

        impl $crate::bsatn::Decode for $name {
            fn decode(
                reader: &mut $crate::bsatn::Reader<'_>,
            ) -> Result<Self, $crate::bsatn::DecodeError> {
                const VARIANTS: usize = [$($tag),*].len();
                let at = reader.position();
                match reader.read_tag(VARIANTS)? {
                    $($tag => Ok(Self::$variant $((<$ty as $crate::bsatn::Decode>::decode(reader)?))?),)*
                    tag => Err($crate::bsatn::DecodeError::InvalidTag { at, tag, variants: VARIANTS as u16 }),
                }
            }
        }

        impl $crate::json::TypedJson for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(raw_sums!(@bind $variant payload $(($ty))?) => {
                        $crate::json::variant(
                            serializer,
                            stringify!($variant),
                            raw_sums!(@payload payload $(($ty))?),
                        )
                    })*
                }
            }
        }
    )*};
    (@bind $variant:ident $payload:ident) => { Self::$variant };
    (@bind $variant:ident $payload:ident ($ty:ty)) => { Self::$variant($payload) };
    (@encode $payload:ident $out:ident) => {};
    (@encode $payload:ident $out:ident ($ty:ty)) => { $crate::bsatn::Encode::encode($payload, $out) };
    (@payload $payload:ident) => { &() };
    (@payload $payload:ident ($ty:ty)) => { $payload };
}

pub(super) use {raw_products, raw_sums};

/// A module's definition as it gives it itself, in one of the versions that are understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RawModuleDef {
    /// Version 9, of modules made for SpacetimeDB 1.x.
    V9(RawModuleDefV9),
    /// Version 10, of modules made for SpacetimeDB 2.x.
    V10(RawModuleDefV10),
}

/// The tag of version 8, from before SpacetimeDB 1.0.
const V8: u8 = 0;

impl Encode for RawModuleDef {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::V9(def) => {
                out.push(1);
                def.encode(out);
            }
            Self::V10(def) => {
                out.push(2);
                def.encode(out);
            }
        }
    }
}

impl Decode for RawModuleDef {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.read_tag(3)? {
            V8 => Err(DecodeError::Invalid {
                at: reader.position() - 1,
                message: "the module's definition has version 8, which is too old; build it with newer bindings",
            }),
            1 => RawModuleDefV9::decode(reader).map(Self::V9),
            _ => RawModuleDefV10::decode(reader).map(Self::V10),
        }
    }
}

raw_sums! {
    /// Whose table it is.
    pub enum RawTableType {
        /// The host's own.
        System = 0,
        /// The module's.
        User = 1,
    }

    /// Who may read a table.
    pub enum RawTableAccess {
        /// Everybody.
        Public = 0,
        /// The owner of the database.
        Private = 1,
    }

    /// How an index is kept.
    pub enum RawIndexAlgorithm {
        /// In order of its key.
        BTree = 0 (Vec<ColId>),
        /// By equality only.
        Hash = 1 (Vec<ColId>),
        /// As an array, by a small integer.
        Direct = 2 (ColId),
    }

    /// What a constraint demands.
    pub enum RawConstraintData {
        /// That no two rows are the same in these columns.
        Unique = 0 (RawUniqueConstraint),
    }

    /// What a reducer is called for by the host itself.
    pub enum RawLifecycle {
        /// A database is made.
        Init = 0,
        /// A client connects.
        OnConnect = 1,
        /// A client has gone.
        OnDisconnect = 2,
    }
}

impl Copy for RawLifecycle {}

raw_products! {
    /// Columns that are together unique.
    pub struct RawUniqueConstraint {
        /// The columns.
        pub columns: Vec<ColId>,
    }

    /// A rule of row-level security.
    pub struct RawRowLevelSecurity {
        /// A `SELECT` that yields the rows that may be seen.
        pub sql: Box<str>,
    }

    /// What a column holds in rows that are older than the column. Part of version 10.
    pub struct RawColumnDefaultV10 {
        /// The column.
        pub col_id: ColId,
        /// The value in BSATN.
        pub value: Bytes,
    }
}
