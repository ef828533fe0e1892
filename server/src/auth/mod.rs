//! Who calls: tokens, the identities they stand for, and the keys that sign them.
//!
//! A token is a JWT signed with ES256 by this server. The identity of its holder is derived from the issuer
//! and the subject; nothing about a caller is stored on the server.

mod claims;
mod keys;

use std::{
    collections::HashMap,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use orrery_host_abi::Identity;
use parking_lot::Mutex;
use ring::rand::{SecureRandom, SystemRandom};

pub(crate) use claims::Claims;
pub(crate) use keys::{KeyError, Keys};

/// The issuer in the tokens that this server signs.
pub(crate) const LOCAL_ISSUER: &str = "localhost";

/// The audience in the tokens that this server signs; clients and modules may look at it.
const AUDIENCE: &str = "spacetimedb";

/// `{"typ":"JWT","alg":"ES256"}`
const HEADER: &str = "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9";

/// How many verified tokens are remembered. Checking a signature costs as much as a small call.
const VERIFIED_MAX: usize = 8192;

/// Longer tokens are checked each time rather than remembered.
const REMEMBERED_LEN_MAX: usize = 4096;

/// How far the clocks of whoever set the expiry and of this server may be apart.
const EXPIRY_LEEWAY_SECS: i64 = 60;

/// Why a token is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    /// Not a JWT.
    #[error("invalid token: {0}")]
    Malformed(&'static str),
    /// Not signed by this server.
    #[error("invalid token: its signature is not of this server")]
    Signature,
    /// Issued by somebody else.
    #[error(
        "tokens of other issuers are not accepted by this server, and this one is from `{0}`; \
         get one with `orrery login`, or `POST /v1/identity`"
    )]
    OtherIssuer(String),
    /// Out of date.
    #[error("the token has expired")]
    Expired,
    /// The signature is right but the content is not.
    #[error("invalid token: {0}")]
    Claims(String),
}

/// A caller with a token that was found to be right.
#[derive(Debug)]
pub(crate) struct Credentials {
    /// Who it is.
    pub(crate) identity: Identity,
    /// The token as it came.
    pub(crate) token: Box<str>,
    /// The token's payload, JSON text.
    pub(crate) payload: Arc<str>,
    /// When it stops being good, in seconds since the epoch.
    expires: Option<i64>,
}

/// Signs tokens and checks them.
pub(crate) struct Authority {
    keys: Keys,
    random: SystemRandom,
    verified: Mutex<HashMap<Box<str>, Arc<Credentials>>>,
}

impl Authority {
    /// With the keys in that directory, which are made if there are none.
    pub(crate) fn open(key_dir: &Path) -> Result<Self, KeyError> {
        Ok(Self { keys: Keys::open(key_dir)?, random: SystemRandom::new(), verified: Mutex::default() })
    }

    /// The public key, PEM.
    pub(crate) fn public_key_pem(&self) -> &str {
        self.keys.public_pem()
    }

    /// Sixteen random bytes, which nobody can guess.
    pub(crate) fn random(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        // The system's generator fails only where it does not exist.
        self.random.fill(&mut bytes).expect("the system has no source of randomness");
        bytes
    }

    /// A new identity and the text of its claims, without a token: enough for a call whose answer carries none.
    pub(crate) fn anonymous(&self) -> (Identity, Arc<str>) {
        let (identity, payload) = self.fresh_claims();
        (identity, payload.into())
    }

    /// A new identity with its token.
    pub(crate) fn issue(&self) -> Credentials {
        let (identity, payload) = self.fresh_claims();
        self.credentials(identity, payload, None)
    }

    /// A token that is good for a short time, with the claims of the one given. It is signed by this server,
    /// whoever signed the other.
    pub(crate) fn issue_short_lived(
        &self,
        like: &Credentials,
        life: Duration,
    ) -> Result<Credentials, TokenError> {
        let mut claims = Claims::parse(&like.payload).map_err(TokenError::Claims)?;
        let now = now_secs();
        let expires = Some(now + life.as_secs() as i64);
        claims.set_times(now, expires);
        Ok(self.credentials(like.identity, claims.to_json(), expires))
    }

    /// Checks a token.
    pub(crate) fn verify(&self, token: &str) -> Result<Arc<Credentials>, TokenError> {
        let known = self.verified.lock().get(token).cloned();
        if let Some(known) = known {
            known.check_expiry(now_secs())?;
            return Ok(known);
        }

        let credentials = Arc::new(self.verify_anew(token)?);
        if token.len() <= REMEMBERED_LEN_MAX {
            let mut verified = self.verified.lock();
            if verified.len() >= VERIFIED_MAX {
                verified.clear();
            }
            verified.insert(token.into(), credentials.clone());
        }
        Ok(credentials)
    }

    fn verify_anew(&self, token: &str) -> Result<Credentials, TokenError> {
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed("it is not a JWT"))?;
        let (header, payload) = signed.split_once('.').ok_or(TokenError::Malformed("it is not a JWT"))?;
        let decode = |part: &str, what| URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed(what));
        let header = decode(header, "its header is not base64")?;
        let payload = decode(payload, "its payload is not base64")?;
        let signature = decode(signature, "its signature is not base64")?;
        let payload =
            String::from_utf8(payload).map_err(|_| TokenError::Malformed("its payload is not text"))?;
        let claims = Claims::parse(&payload).map_err(TokenError::Claims);

        // The local key is tried first, whatever the issuer: short-lived tokens keep the issuer of the token
        // they were made from.
        if claims::header_algorithm(&header) != Some("ES256".to_owned())
            || !self.keys.verify(signed.as_bytes(), &signature)
        {
            return Err(match claims {
                Ok(claims) if claims.issuer() != LOCAL_ISSUER => {
                    TokenError::OtherIssuer(claims.issuer().to_owned())
                }
                _ => TokenError::Signature,
            });
        }

        let claims = claims?;
        let identity = claims.identity().map_err(TokenError::Claims)?;
        let expires = claims.expires().map_err(TokenError::Claims)?;
        let credentials = Credentials { identity, token: token.into(), payload: payload.into(), expires };
        credentials.check_expiry(now_secs())?;
        Ok(credentials)
    }

    /// A new identity, and the JSON text of its claims.
    fn fresh_claims(&self) -> (Identity, String) {
        let subject = uuid_v4(self.random());
        let identity = Identity::from_claims(LOCAL_ISSUER, &subject);
        // Written out, since nearly every anonymous call needs it. Nothing in it must be escaped.
        let payload = format!(
            r#"{{"hex_identity":"{}","sub":"{subject}","iss":"{LOCAL_ISSUER}","aud":["{AUDIENCE}"],"iat":{},"exp":null}}"#,
            identity.to_hex(),
            now_secs()
        );
        (identity, payload)
    }

    fn credentials(&self, identity: Identity, payload: String, expires: Option<i64>) -> Credentials {
        let mut token = format!("{HEADER}.");
        URL_SAFE_NO_PAD.encode_string(&payload, &mut token);
        let signature = self.keys.sign(&self.random, token.as_bytes());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Credentials { identity, token: token.into(), payload: payload.into(), expires }
    }
}

impl Credentials {
    fn check_expiry(&self, now: i64) -> Result<(), TokenError> {
        match self.expires {
            Some(expires) if expires < now - EXPIRY_LEEWAY_SECS => Err(TokenError::Expired),
            _ => Ok(()),
        }
    }
}

/// The text of a random UUID made of these bytes.
fn uuid_v4(mut bytes: [u8; 16]) -> String {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (i, byte) in bytes.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(digit.into(), 16).expect("a nibble"));
        }
    }
    text
}

fn now_secs() -> i64 {
    // A clock before 1970 is as good as none.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority() -> (tempfile::TempDir, Authority) {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::open(dir.path()).unwrap();
        (dir, authority)
    }

    /// Signs any text as a token's payload.
    fn sign(authority: &Authority, payload: &str) -> String {
        let mut token = format!("{HEADER}.{}", URL_SAFE_NO_PAD.encode(payload));
        let signature = authority.keys.sign(&authority.random, token.as_bytes());
        token.push('.');
        token.push_str(&URL_SAFE_NO_PAD.encode(signature));
        token
    }

    #[test]
    fn what_is_issued_is_accepted_again() {
        let (_dir, authority) = authority();
        let issued = authority.issue();
        for _ in 0..2 {
            let found = authority.verify(&issued.token).unwrap();
            assert_eq!(found.identity, issued.identity);
            assert_eq!(found.payload, issued.payload);
        }
        assert_ne!(issued.identity, authority.issue().identity);
    }

    #[test]
    fn issued_tokens_read_the_same_in_both_base64_alphabets() {
        let (_dir, authority) = authority();
        let issued = authority.issue();
        assert!(issued.payload.is_ascii());
        assert!(!issued.payload.contains(['~', '>', '?']));
        let header = URL_SAFE_NO_PAD.decode(HEADER).unwrap();
        assert_eq!(header, br#"{"typ":"JWT","alg":"ES256"}"#);
        let claims: serde_json::Value = serde_json::from_str(&issued.payload).unwrap();
        assert_eq!(claims["iss"], "localhost");
        assert_eq!(claims["aud"], serde_json::json!(["spacetimedb"]));
        assert!(claims["exp"].is_null() && claims.get("exp").is_some());
        assert!(claims["iat"].is_i64());
        assert_eq!(claims["sub"].as_str().unwrap().len(), 36);
        assert_eq!(claims["hex_identity"].as_str().unwrap(), issued.identity.to_hex());
    }

    #[test]
    fn keys_outlive_the_server() {
        let dir = tempfile::tempdir().unwrap();
        let issued = Authority::open(dir.path()).unwrap().issue();
        let again = Authority::open(dir.path()).unwrap();
        assert_eq!(again.verify(&issued.token).unwrap().identity, issued.identity);
    }

    #[test]
    fn the_identity_comes_from_issuer_and_subject() {
        let (_dir, authority) = authority();
        let token = sign(&authority, r#"{"iss":"localhost","sub":"alice","iat":1}"#);
        let known = "c20035600353a2e93544d898c6ed0eac323e200c0468300f22958f8b472a265d";
        assert_eq!(authority.verify(&token).unwrap().identity.to_hex(), known);
    }

    #[test]
    fn a_changed_token_is_refused() {
        let (_dir, authority) = authority();
        let issued = authority.issue();
        let (signed, signature) = issued.token.rsplit_once('.').unwrap();
        let other = authority.issue();
        let foreign = other.token.rsplit_once('.').unwrap().1;
        assert_eq!(authority.verify(&format!("{signed}.{foreign}")).unwrap_err(), TokenError::Signature);
        assert!(matches!(authority.verify(signature), Err(TokenError::Malformed(_))));
        assert!(matches!(authority.verify(""), Err(TokenError::Malformed(_))));
        assert!(matches!(authority.verify("a.b.c"), Err(TokenError::Malformed(_))));
    }

    #[test]
    fn an_unsigned_token_is_refused() {
        let (_dir, authority) = authority();
        let header = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"none"}"#);
        let payload = URL_SAFE_NO_PAD.encode(r#"{"iss":"localhost","sub":"alice","iat":1}"#);
        assert_eq!(authority.verify(&format!("{header}.{payload}.")).unwrap_err(), TokenError::Signature);
    }

    #[test]
    fn other_issuers_are_named() {
        let (_dir, ours) = authority();
        let (_dir2, theirs) = authority();
        let token = sign(&theirs, r#"{"iss":"https://example.com","sub":"alice","iat":1}"#);
        assert_eq!(ours.verify(&token).unwrap_err(), TokenError::OtherIssuer("https://example.com".into()));
        let token = sign(&theirs, r#"{"iss":"localhost","sub":"alice","iat":1}"#);
        assert_eq!(ours.verify(&token).unwrap_err(), TokenError::Signature);
    }

    #[test]
    fn claims_are_checked() {
        let (_dir, authority) = authority();
        let long = "x".repeat(129);
        for payload in [
            "[]",
            "{}",
            r#"{"iss":"localhost","iat":1}"#,
            r#"{"iss":"localhost","sub":"","iat":1}"#,
            r#"{"iss":"","sub":"a","iat":1}"#,
            r#"{"iss":"localhost","sub":"a"}"#,
            r#"{"iss":"localhost","sub":"a","iat":"now"}"#,
            r#"{"iss":"localhost","sub":"a","iat":1,"exp":"never"}"#,
            r#"{"iss":"localhost","sub":"a","iat":1,"hex_identity":"c200"}"#,
            &format!(r#"{{"iss":"localhost","sub":"{long}","iat":1}}"#),
        ] {
            let error = authority.verify(&sign(&authority, payload)).unwrap_err();
            assert!(matches!(error, TokenError::Claims(_)), "{payload}: {error}");
        }
    }

    #[test]
    fn expiry_has_some_leeway() {
        let (_dir, authority) = authority();
        let now = now_secs();
        let token = |exp: i64| sign(&authority, &format!(r#"{{"iss":"x","sub":"a","iat":1,"exp":{exp}}}"#));
        assert!(authority.verify(&token(now + 5)).is_ok());
        assert!(authority.verify(&token(now - 50)).is_ok());
        assert_eq!(authority.verify(&token(now - 70)).unwrap_err(), TokenError::Expired);
    }

    #[test]
    fn a_remembered_token_still_expires() {
        let (_dir, authority) = authority();
        let issued = authority.issue();
        let short = authority.issue_short_lived(&issued, Duration::from_secs(60)).unwrap();
        let verified = authority.verify(&short.token).unwrap();
        assert_eq!(verified.identity, issued.identity);
        let expires = verified.expires.unwrap();
        assert!(verified.check_expiry(expires + EXPIRY_LEEWAY_SECS).is_ok());
        assert_eq!(verified.check_expiry(expires + EXPIRY_LEEWAY_SECS + 1), Err(TokenError::Expired));
    }

    #[test]
    fn short_lived_tokens_keep_foreign_claims() {
        let (_dir, authority) = authority();
        let token = sign(&authority, r#"{"iss":"https://x","sub":"a","iat":1,"aud":"me","roles":["r"]}"#);
        let credentials = authority.verify(&token).unwrap();
        let short = authority.issue_short_lived(&credentials, Duration::from_secs(60)).unwrap();
        let claims: serde_json::Value = serde_json::from_str(&short.payload).unwrap();
        assert_eq!(claims["roles"], serde_json::json!(["r"]));
        assert_eq!(claims["iss"], "https://x");
        assert!(claims["exp"].as_i64().unwrap() > now_secs());
        assert_eq!(authority.verify(&short.token).unwrap().identity, credentials.identity);
    }

    #[test]
    fn uuids_have_their_version_and_variant() {
        assert_eq!(uuid_v4([0; 16]), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid_v4([255; 16]), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
