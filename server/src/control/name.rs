//! Names of databases, and the two ways of naming one in a URL or on the command line.

use std::{fmt, str::FromStr};

use orrery_host_abi::Identity;
use serde::Deserialize;

/// A database's name: words of lower-case letters and digits, joined by single hyphens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct DatabaseName(Box<str>);

/// A text that is not a name, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not the name of a database: {reason}")]
pub(crate) struct NameError {
    text: String,
    reason: Reason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Reason {
    /// Something else than the allowed characters, or a hyphen where none may be.
    #[error("names consist of lower-case letters and digits, in words joined by single hyphens (`my-app-2`)")]
    Characters,
    /// It would be taken for an identity.
    #[error("it looks like an identity")]
    Identity,
}

/// A database as a URL names it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum Target {
    /// By one of its names.
    Name(DatabaseName),
    /// By its identity.
    Identity(Identity),
}

impl DatabaseName {
    /// The text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DatabaseName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let error = |reason| NameError { text: text.to_owned(), reason };
        let is_word =
            |word: &str| !word.is_empty() && word.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9'));
        if !text.split('-').all(is_word) {
            return Err(error(Reason::Characters));
        }
        if Identity::from_hex(text).is_ok() {
            return Err(error(Reason::Identity));
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for DatabaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Target {
    /// The name, unless the database is given by its identity.
    pub(crate) fn name(&self) -> Option<&DatabaseName> {
        match self {
            Self::Name(name) => Some(name),
            Self::Identity(_) => None,
        }
    }
}

impl FromStr for Target {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        match Identity::from_hex(text) {
            Ok(identity) => Ok(Self::Identity(identity)),
            Err(_) => text.parse().map(Self::Name),
        }
    }
}

impl TryFrom<String> for Target {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Identity(identity) => identity.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(text: &str) -> Reason {
        text.parse::<DatabaseName>().unwrap_err().reason
    }

    #[test]
    fn names_are_words_joined_by_hyphens() {
        for good in ["a", "0", "my-app-2", "a-b-c", "2024"] {
            assert!(good.parse::<DatabaseName>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "a--b", "A", "a_b", "a b", "é", "a/b", "a.b", "-"] {
            assert_eq!(reason(bad), Reason::Characters, "{bad}");
        }
    }

    #[test]
    fn an_identity_is_no_name() {
        let hex = "c200".repeat(16);
        assert_eq!(reason(&hex), Reason::Identity);
        assert!(matches!(hex.parse(), Ok(Target::Identity(_))));
        assert!(matches!(format!("0x{}", hex.to_uppercase()).parse(), Ok(Target::Identity(_))));
        assert!(matches!(hex[1..].parse(), Ok(Target::Name(_))));
    }
}
