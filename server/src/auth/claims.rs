//! What a token says: the JSON object in its middle.

use orrery_host_abi::Identity;
use serde_json::{Map, Value};

/// Longest issuer and subject.
const NAME_LEN_MAX: usize = 128;

/// The claims of a token. Those that mean nothing here are kept, for modules to read.
#[derive(Debug, Clone)]
pub(crate) struct Claims(Map<String, Value>);

impl Claims {
    /// Reads claims and checks that they say whose token it is. The error says what is wrong with them.
    pub(crate) fn parse(payload: &str) -> Result<Self, String> {
        let claims: Map<String, Value> = serde_json::from_str(payload)
            .map_err(|error| format!("its claims are not a JSON object: {error}"))?;
        for name in ["iss", "sub"] {
            match claims.get(name).and_then(Value::as_str) {
                None => return Err(format!("it has no `{name}`")),
                Some("") => return Err(format!("its `{name}` is empty")),
                Some(text) if text.len() > NAME_LEN_MAX => {
                    return Err(format!("its `{name}` is longer than {NAME_LEN_MAX} bytes"));
                }
                Some(_) => {}
            }
        }
        if !claims.get("iat").is_some_and(Value::is_number) {
            return Err("it has no `iat` in seconds".into());
        }
        Ok(Self(claims))
    }

    /// As JSON text.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(&self.0).expect("text keys and JSON values")
    }

    /// Who issued the token.
    pub(crate) fn issuer(&self) -> &str {
        self.text("iss")
    }

    /// Whose token it is. An error if the token itself says otherwise.
    pub(crate) fn identity(&self) -> Result<Identity, String> {
        let identity = Identity::from_claims(self.issuer(), self.text("sub"));
        match self.0.get("hex_identity") {
            None | Some(Value::Null) => Ok(identity),
            Some(Value::String(hex)) if Identity::from_hex(hex) == Ok(identity) => Ok(identity),
            Some(_) => Err("its `hex_identity` is not that of its issuer and subject".into()),
        }
    }

    /// When the token stops being good, in seconds since the epoch.
    pub(crate) fn expires(&self) -> Result<Option<i64>, String> {
        match self.0.get("exp") {
            None | Some(Value::Null) => Ok(None),
            // Fractions are allowed by JWT; a cast saturates.
            Some(Value::Number(exp)) => Ok(exp.as_i64().or_else(|| exp.as_f64().map(|exp| exp as i64))),
            Some(_) => Err("its `exp` is not a number of seconds".into()),
        }
    }

    /// Sets when it was issued and when it stops being good.
    pub(crate) fn set_times(&mut self, issued: i64, expires: Option<i64>) {
        self.0.insert("iat".into(), issued.into());
        self.0.insert("exp".into(), expires.into());
    }

    fn text(&self, name: &str) -> &str {
        // `parse` leaves no claims without them.
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }
}

/// The algorithm that a token's header names.
pub(super) fn header_algorithm(header: &[u8]) -> Option<String> {
    let header: Map<String, Value> = serde_json::from_slice(header).ok()?;
    Some(header.get("alg")?.as_str()?.to_owned())
}
