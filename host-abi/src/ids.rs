//! Identifiers: small numbers for things inside one database, and the large ones of the contract.

use sha3::Digest as _;

use crate::hex;

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
/// Held as its little-endian bytes, which is its BSATN form; text shows it as 64 hexadecimal digits, big-endian.
/// Ordered by number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Identity(pub [u8; 32]);

impl Identity {
    /// The identity of which all bits are zero: nobody.
    pub const ZERO: Self = Self([0; 32]);

    /// The identity that belongs to a token's issuer and subject.
    ///
    /// Both are taken as they are; whoever checks the token refuses empty and overlong ones.
    pub fn from_claims(issuer: &str, subject: &str) -> Self {
        const PREFIX: [u8; 2] = [0xc2, 0x00];
        let mut hasher = blake3::Hasher::new();
        hasher.update(issuer.as_bytes()).update(b"|").update(subject.as_bytes());
        let claims = hasher.finalize();
        let claims = &claims.as_bytes()[..26];

        let checksum = blake3::Hasher::new().update(&PREFIX).update(claims).finalize();
        let mut bytes = [0; 32];
        bytes[..2].copy_from_slice(&PREFIX);
        bytes[2..6].copy_from_slice(&checksum.as_bytes()[..4]);
        bytes[6..].copy_from_slice(claims);
        Self::from_be_bytes(bytes)
    }

    /// The identity with these bytes, least significant first: the form in BSATN and in a module's memory.
    pub const fn from_le_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The identity with these bytes, most significant first: the order of the text form.
    pub const fn from_be_bytes(mut bytes: [u8; 32]) -> Self {
        bytes.reverse();
        Self(bytes)
    }

    /// Its bytes, least significant first.
    pub const fn to_le_bytes(self) -> [u8; 32] {
        self.0
    }

    /// Its bytes, most significant first.
    pub const fn to_be_bytes(self) -> [u8; 32] {
        let mut bytes = self.0;
        bytes.reverse();
        bytes
    }

    /// Its text: 64 hexadecimal digits in lower case.
    pub fn to_hex(self) -> String {
        hex::encode(&self.to_be_bytes())
    }

    /// Reads its text: 64 hexadecimal digits of either case, with or without `0x` before them.
    pub fn from_hex(text: &str) -> Result<Self, ParseIdError> {
        parse_hex(text).map(Self::from_be_bytes)
    }

    /// The number that it is.
    pub fn to_u256(self) -> ethnum::U256 {
        ethnum::U256::from_le_bytes(self.0)
    }
}

impl PartialOrd for Identity {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Identity {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.iter().rev().cmp(other.0.iter().rev())
    }
}

/// One connection of a client. Zero means none, and is not used here: absence is an `Option`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u128);

impl ConnectionId {
    /// The connection with these bytes, least significant first; none if all are zero.
    pub const fn from_le_bytes(bytes: [u8; 16]) -> Option<Self> {
        match u128::from_le_bytes(bytes) {
            0 => None,
            id => Some(Self(id)),
        }
    }

    /// Its bytes, least significant first: the form in BSATN and in a module's memory.
    pub const fn to_le_bytes(self) -> [u8; 16] {
        self.0.to_le_bytes()
    }

    /// The bytes that a module gets for a connection or for none.
    pub fn option_to_le_bytes(connection: Option<Self>) -> [u8; 16] {
        connection.map_or([0; 16], Self::to_le_bytes)
    }

    /// Its text: 32 hexadecimal digits in lower case, big-endian.
    pub fn to_hex(self) -> String {
        hex::encode(&self.0.to_be_bytes())
    }

    /// Reads its text: 32 hexadecimal digits of either case, with or without `0x` before them. Zero is read
    /// like any other number.
    pub fn from_hex(text: &str) -> Result<Self, ParseIdError> {
        parse_hex(text).map(|bytes| Self(u128::from_be_bytes(bytes)))
    }
}

/// The Keccak-256 hash of a program, in digest order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// The hash of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha3::Keccak256::digest(bytes).into())
    }

    /// Its text: 64 hexadecimal digits in lower case, in digest order.
    pub fn to_hex(self) -> String {
        hex::encode(&self.0)
    }

    /// Reads its text: 64 hexadecimal digits of either case, with or without `0x` before them.
    pub fn from_hex(text: &str) -> Result<Self, ParseIdError> {
        parse_hex(text).map(Self)
    }

    /// The form that it has in the JSON of the HTTP API: `0x` and the hexadecimal digits of the number whose
    /// little-endian bytes the digest is, without leading zeros.
    pub fn to_number_hex(self) -> String {
        format!("{:#x}", ethnum::U256::from_le_bytes(self.0))
    }

    /// Reads the form of [`Self::to_number_hex`].
    pub fn from_number_hex(text: &str) -> Result<Self, ParseIdError> {
        let digits = text.strip_prefix("0x").ok_or(ParseIdError { digits: 64 })?;
        if digits.is_empty() || digits.len() > 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(ParseIdError { digits: 64 });
        }
        let number = ethnum::U256::from_str_radix(digits, 16).map_err(|_| ParseIdError { digits: 64 })?;
        Ok(Self(number.to_le_bytes()))
    }
}

/// A universally unique identifier: its 16 bytes read as a big-endian number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Uuid(pub u128);

impl std::str::FromStr for Uuid {
    type Err = ParseIdError;

    /// Reads five groups of hexadecimal digits of either case (8-4-4-4-12), or 32 digits without hyphens.
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let bytes = text.as_bytes();
        let is_grouped = bytes.len() == 36 && [8, 13, 18, 23].iter().all(|&at| bytes[at] == b'-');
        let digits: Vec<u8> = match is_grouped {
            true => bytes.iter().copied().filter(|&byte| byte != b'-').collect(),
            false => bytes.to_vec(),
        };
        let mut number = [0; 16];
        hex::decode_to(&digits, &mut number).ok_or(ParseIdError { digits: 32 })?;
        Ok(Self(u128::from_be_bytes(number)))
    }
}

impl std::fmt::Display for Uuid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let id = self.0;
        write!(
            f,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            id >> 96,
            (id >> 80) & 0xffff,
            (id >> 64) & 0xffff,
            (id >> 48) & 0xffff,
            id & 0xffff_ffff_ffff
        )
    }
}

impl std::fmt::Debug for Uuid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Uuid({self})")
    }
}

/// Text that is not an identifier of the kind expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {digits} hexadecimal digits")]
pub struct ParseIdError {
    digits: usize,
}

fn parse_hex<const N: usize>(text: &str) -> Result<[u8; N], ParseIdError> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let mut bytes = [0; N];
    hex::decode_to(digits.as_bytes(), &mut bytes).ok_or(ParseIdError { digits: N * 2 })?;
    Ok(bytes)
}

/// Declares the text forms of an identifier that is shown as hexadecimal digits.
macro_rules! shown_as_hex {
    ($($name:ident)*) => {$(
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.to_hex())
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.to_hex())
            }
        }

        impl std::str::FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                Self::from_hex(text)
            }
        }
    )*};
}

shown_as_hex! { Identity ConnectionId Hash }

/// Declares how an identifier appears in the JSON of the HTTP API: as its text.
macro_rules! serde_as_text {
    ($($name:ident)*) => {$(
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

serde_as_text! { Identity ConnectionId Uuid }

/// Declares the BSATN of an identifier that is encoded as the number in it.
macro_rules! bsatn_as_number {
    ($($name:ident)*) => {$(
        impl crate::bsatn::Encode for $name {
            fn encode(&self, out: &mut Vec<u8>) {
                self.0.encode(out);
            }
        }

        impl crate::bsatn::Decode for $name {
            fn decode(reader: &mut crate::bsatn::Reader<'_>) -> Result<Self, crate::bsatn::DecodeError> {
                crate::bsatn::Decode::decode(reader).map(Self)
            }
        }
    )*};
}

bsatn_as_number! { TableId IndexId SequenceId ColId TypeRef ConnectionId Uuid }

/// Declares the BSATN of an identifier that is encoded as the bytes in it.
macro_rules! bsatn_as_bytes {
    ($($name:ident)*) => {$(
        impl crate::bsatn::Encode for $name {
            fn encode(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.0);
            }
        }

        impl crate::bsatn::Decode for $name {
            fn decode(reader: &mut crate::bsatn::Reader<'_>) -> Result<Self, crate::bsatn::DecodeError> {
                reader.read_array("a 256-bit identifier").map(Self)
            }
        }
    )*};
}

bsatn_as_bytes! { Identity Hash }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_from_claims() {
        let identity = Identity::from_claims("localhost", "alice");
        let text = "c20035600353a2e93544d898c6ed0eac323e200c0468300f22958f8b472a265d";
        assert_eq!(identity.to_hex(), text);
        assert_eq!(text.parse(), Ok(identity));
        assert_eq!(Identity::from_hex(&format!("0x{}", text.to_uppercase())), Ok(identity));
        assert_eq!(identity.to_le_bytes()[31], 0xc2);
        assert_eq!(serde_json::to_string(&identity).unwrap(), format!("\"{text}\""));
        assert_eq!(serde_json::from_str::<Identity>(&format!("\"{text}\"")).unwrap(), identity);
        for wrong in
            ["", "0x", &text[1..], &format!("{text}0"), &text.replace('c', "g"), &format!("+{}", &text[1..])]
        {
            assert!(Identity::from_hex(wrong).is_err(), "{wrong}");
        }
        assert!(
            Identity::from_hex("0x0x00000000000000000000000000000000000000000000000000000000000000").is_err()
        );
    }

    #[test]
    fn identities_are_ordered_as_numbers() {
        let mut small = [0; 32];
        small[0] = 255;
        let mut large = [0; 32];
        large[31] = 1;
        assert!(Identity(small) < Identity(large));
    }

    #[test]
    fn connection_ids() {
        let connection = ConnectionId(0x0102);
        assert_eq!(connection.to_hex(), "00000000000000000000000000000102");
        assert_eq!(connection.to_le_bytes()[..2], [2, 1]);
        assert_eq!(ConnectionId::from_hex("0x00000000000000000000000000000102"), Ok(connection));
        assert_eq!(ConnectionId::from_le_bytes([0; 16]), None);
        assert!(ConnectionId::from_hex("102").is_err());
    }

    #[test]
    fn keccak() {
        let hash = Hash::of(b"");
        let text = "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470";
        assert_eq!(hash.to_hex(), text);
        assert_eq!(text.parse(), Ok(hash));
        assert_eq!(
            hash.to_number_hex(),
            "0x70a4855d04d8fa7b3b2782ca53b600e5c003c7dcb27d7e923c23f7860146d2c5"
        );
        assert_eq!(Hash::from_number_hex(&hash.to_number_hex()), Ok(hash));
        let mut small = Hash::default();
        small.0[0] = 0x0a;
        assert_eq!(small.to_number_hex(), "0xa");
        assert_eq!(Hash::from_number_hex("0xa"), Ok(small));
        assert!(Hash::from_number_hex("a").is_err());
        assert!(Hash::from_number_hex("0x-a").is_err());
    }

    #[test]
    fn uuids() {
        let text = "0189f7ea-4f1b-7cc0-9e5a-3b1f0c2d4e6f";
        let uuid: Uuid = text.parse().unwrap();
        assert_eq!(uuid.0, 0x0189_f7ea_4f1b_7cc0_9e5a_3b1f_0c2d_4e6f);
        assert_eq!(uuid.to_string(), text);
        assert_eq!(text.replace('-', "").to_uppercase().parse(), Ok(uuid));
        for wrong in
            ["", "0189f7ea", "0189f7ea-4f1b-7cc0-9e5a-3b1f0c2d4e6", "0189f7ea4-f1b-7cc0-9e5a-3b1f0c2d4e6f"]
        {
            assert!(wrong.parse::<Uuid>().is_err(), "{wrong}");
        }
    }
}
