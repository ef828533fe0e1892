//! The key pair that signs tokens, kept as two PEM files.

use std::{
    fs, io,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey,
    },
};

/// File names in the key directory: what other SpacetimeDB hosts use too, so that keys can be moved over.
const PRIVATE_FILE: &str = "id_ecdsa";
const PUBLIC_FILE: &str = "id_ecdsa.pub";

/// What comes before the 65 bytes of an uncompressed P-256 point to make a `SubjectPublicKeyInfo` (DER).
const PUBLIC_KEY_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// Why there are no keys to sign with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    /// One of the files is there and the other is not.
    #[error(
        "{} is missing but {} is there; put the missing file back, or remove the other one too to make new keys \
         (all tokens issued so far will be refused then)", .missing.display(), .found.display()
    )]
    HalfMissing {
        /// The file that is not there.
        missing: PathBuf,
        /// The file that is.
        found: PathBuf,
    },
    /// A file cannot be read or written.
    #[error("{}: {error}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        error: io::Error,
    },
    /// A file is not a key.
    #[error("{} {reason}", .path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// A key pair for ES256.
pub(crate) struct Keys {
    pair: EcdsaKeyPair,
    public_pem: String,
}

impl Keys {
    /// Reads the keys from that directory, or makes them there if there are none.
    pub(crate) fn open(dir: &Path) -> Result<Self, KeyError> {
        let (private, public) = (dir.join(PRIVATE_FILE), dir.join(PUBLIC_FILE));
        match (private.exists(), public.exists()) {
            (true, true) => Self::read(&private, &public),
            (false, false) => Self::create(&private, &public),
            (true, false) => Err(KeyError::HalfMissing { missing: public, found: private }),
            (false, true) => Err(KeyError::HalfMissing { missing: private, found: public }),
        }
    }

    /// The public key, PEM.
    pub(crate) fn public_pem(&self) -> &str {
        &self.public_pem
    }

    /// The signature of `message`: 64 bytes.
    pub(crate) fn sign(&self, random: &SystemRandom, message: &[u8]) -> impl AsRef<[u8]> + use<> {
        // ring fails here only if it gets no random bytes.
        self.pair.sign(random, message).expect("the system has no source of randomness")
    }

    /// Whether that is a signature of `message` by this key.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.pair.public_key().as_ref())
            .verify(message, signature)
            .is_ok()
    }

    fn create(private: &Path, public: &Path) -> Result<Self, KeyError> {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
            .expect("the system has no source of randomness");
        let keys = Self::from_pkcs8(pkcs8.as_ref()).expect("the key is our own");
        write_file(private, &to_pem("PRIVATE KEY", pkcs8.as_ref()), 0o600)?;
        write_file(public, &keys.public_pem, 0o644)?;
        Ok(keys)
    }

    fn read(private: &Path, public: &Path) -> Result<Self, KeyError> {
        let invalid =
            |path: &Path, reason: &str| KeyError::Invalid { path: path.into(), reason: reason.into() };
        let pkcs8 = from_pem("PRIVATE KEY", &read_file(private)?)
            .ok_or_else(|| invalid(private, "is not a PKCS#8 private key in PEM"))?;
        let keys = Self::from_pkcs8(&pkcs8).map_err(|reason| invalid(private, &reason))?;
        let found = from_pem("PUBLIC KEY", &read_file(public)?)
            .ok_or_else(|| invalid(public, "is not a public key in PEM"))?;
        if found != keys.public_der() {
            return Err(invalid(public, &format!("does not belong to {}", private.display())));
        }
        Ok(keys)
    }

    fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, String> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &SystemRandom::new())
            .map_err(|error| format!("is not a P-256 key with its public half ({error})"))?;
        let mut keys = Self { pair, public_pem: String::new() };
        keys.public_pem = to_pem("PUBLIC KEY", &keys.public_der());
        Ok(keys)
    }

    fn public_der(&self) -> Vec<u8> {
        [&PUBLIC_KEY_PREFIX[..], self.pair.public_key().as_ref()].concat()
    }
}

fn to_pem(label: &str, der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    for line in base64.as_bytes().chunks(64) {
        pem.extend(line.iter().map(|&byte| char::from(byte)));
        pem.push('\n');
    }
    pem + &format!("-----END {label}-----\n")
}

fn from_pem(label: &str, pem: &str) -> Option<Vec<u8>> {
    let (_, rest) = pem.split_once(&format!("-----BEGIN {label}-----"))?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let base64: String = body.split_whitespace().collect();
    STANDARD.decode(base64).ok()
}

fn read_file(path: &Path) -> Result<String, KeyError> {
    fs::read_to_string(path).map_err(|error| KeyError::Io { path: path.into(), error })
}

/// Writes under another name first: half a key must never be found under the right one.
fn write_file(path: &Path, text: &str, mode: u32) -> Result<(), KeyError> {
    let write = || {
        let partial = path.with_extension("partial");
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&partial)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&partial, path)
    };
    write().map_err(|error| KeyError::Io { path: path.into(), error })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_private_key_is_for_its_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        Keys::open(dir.path()).unwrap();
        let mode = fs::metadata(dir.path().join(PRIVATE_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn one_key_without_the_other_is_an_error() {
        for missing in [PRIVATE_FILE, PUBLIC_FILE] {
            let dir = tempfile::tempdir().unwrap();
            Keys::open(dir.path()).unwrap();
            fs::remove_file(dir.path().join(missing)).unwrap();
            assert!(matches!(Keys::open(dir.path()), Err(KeyError::HalfMissing { .. })));
        }
    }

    #[test]
    fn keys_that_do_not_fit_or_are_no_keys_are_errors() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        Keys::open(one.path()).unwrap();
        Keys::open(two.path()).unwrap();
        fs::copy(two.path().join(PUBLIC_FILE), one.path().join(PUBLIC_FILE)).unwrap();
        assert!(matches!(Keys::open(one.path()), Err(KeyError::Invalid { .. })));
        fs::write(two.path().join(PRIVATE_FILE), "not a key").unwrap();
        assert!(matches!(Keys::open(two.path()), Err(KeyError::Invalid { .. })));
    }

    /// A key as `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256` writes it.
    #[test]
    fn keys_of_other_tools_are_read() {
        let private = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg5M5YnAzLrl9Gj1TiIbhq9MKbDlAfFAg/yRl5lQiKfZah\
                       RANCAARwMk7itiIzWsrB+SqFQu9IjjLNEYKUa/BXAE81u/fl69TpCqbZUQSjMPdso4/PMOhO10z0zw1xMNrTM5FGrnby";
        let public = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEcDJO4rYiM1rKwfkqhULvSI4yzRGC\
                      lGvwVwBPNbv35evU6Qqm2VEEozD3bKOPzzDoTtdM9M8NcTDa0zORRq528g==";
        let dir = tempfile::tempdir().unwrap();
        let public_pem = to_pem("PUBLIC KEY", &STANDARD.decode(public).unwrap());
        let private_pem = to_pem("PRIVATE KEY", &STANDARD.decode(private).unwrap());
        fs::write(dir.path().join(PRIVATE_FILE), private_pem.replace('\n', "\r\n")).unwrap();
        fs::write(dir.path().join(PUBLIC_FILE), &public_pem).unwrap();
        assert_eq!(Keys::open(dir.path()).unwrap().public_pem(), public_pem);
    }
}
