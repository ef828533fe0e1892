//! The config file: which server is meant if none is named, and the tokens for those that were logged in to.

use std::{
    collections::BTreeMap,
    env, fs,
    io::{ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

/// Where `orrery start` listens by default.
const DEFAULT_SERVER: &str = "http://127.0.0.1:3000";

/// What the file holds.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Config {
    /// The server that is meant if none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    default_server: Option<String>,
    /// What is known of each server, by URL.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    servers: BTreeMap<String, Server>,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Server {
    token: String,
}

impl Config {
    /// Reads the file. Without one, everything is as by default.
    pub(super) fn load() -> Result<Self> {
        let path = path()?;
        match fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text)
                .with_context(|| format!("the config file {} is damaged", path.display())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => {
                Err(error).with_context(|| format!("the config file {} cannot be read", path.display()))
            }
        }
    }

    /// Writes the file, for the user only: tokens are as good as passwords.
    pub(super) fn save(&self) -> Result<()> {
        let path = path()?;
        write_private(&path, &toml::to_string(self)?)
            .with_context(|| format!("the config file {} cannot be written", path.display()))
    }

    /// Whether the file says which server is meant.
    pub(super) fn has_default_server(&self) -> bool {
        self.default_server.is_some()
    }

    /// The URL of the server that is meant.
    pub(super) fn server_url(&self, named: Option<&str>) -> Result<String> {
        normalize_url(named.or(self.default_server.as_deref()).unwrap_or(DEFAULT_SERVER))
    }

    /// The token for a server.
    pub(super) fn token(&self, url: &str) -> Option<&str> {
        self.servers.get(url).map(|server| server.token.as_str())
    }

    /// Keeps a token for a server.
    pub(super) fn set_token(&mut self, url: &str, token: String) {
        self.servers.insert(url.to_owned(), Server { token });
    }

    /// Forgets the token for a server. Whether there was one.
    pub(super) fn remove_token(&mut self, url: &str) -> bool {
        self.servers.remove(url).is_some()
    }
}

/// Where the file is: `ORRERY_CONFIG`, or in the user's folder for such files.
pub(super) fn path() -> Result<PathBuf> {
    if let Some(path) = env::var_os("ORRERY_CONFIG") {
        return Ok(path.into());
    }
    Ok(user_dir("XDG_CONFIG_HOME", ".config")?.join("orrery/config.toml"))
}

/// A folder of the user: the one that the variable names, or the usual one in the home directory.
pub(super) fn user_dir(variable: &str, in_home: &str) -> Result<PathBuf> {
    // As the XDG specification has it, a relative path is as good as none.
    if let Some(dir) = env::var_os(variable).map(PathBuf::from).filter(|dir| dir.is_absolute()) {
        return Ok(dir);
    }
    let home = env::home_dir().context("there is no home directory: set HOME")?;
    Ok(home.join(in_home))
}

/// The same URL for all ways of writing it: with a scheme, and without a slash at the end.
fn normalize_url(url: &str) -> Result<String> {
    let url = url.trim();
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let rest = rest.trim_end_matches('/');
    if !matches!(scheme, "http" | "https") || rest.is_empty() || rest.contains(char::is_whitespace) {
        bail!("`{url}` is not the URL of a server; it should look like {DEFAULT_SERVER}");
    }
    Ok(format!("{scheme}://{rest}"))
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    // Written aside first, so that an interruption loses no tokens.
    let partial = path.with_extension("partial");
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&partial, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn urls_are_written_in_one_way() {
        for (written, meant) in [
            ("localhost:3000", "http://localhost:3000"),
            ("http://a/", "http://a"),
            ("https://a:1//", "https://a:1"),
            (" http://a ", "http://a"),
        ] {
            assert_eq!(normalize_url(written).unwrap(), meant);
        }
        for wrong in ["", "http://", "ftp://a", "a b"] {
            assert!(normalize_url(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_file_says_what_it_was_told() {
        let mut config = Config { default_server: Some("http://a".into()), ..Config::default() };
        config.set_token("http://127.0.0.1:3000", "one".into());
        let text = toml::to_string(&config).unwrap();
        assert_eq!(toml::from_str::<Config>(&text).unwrap(), config);
        assert_eq!(config.server_url(None).unwrap(), "http://a");
        assert_eq!(config.server_url(Some("b")).unwrap(), "http://b");
        assert_eq!(config.token("http://127.0.0.1:3000"), Some("one"));
        assert!(config.remove_token("http://127.0.0.1:3000"));
        assert!(!config.remove_token("http://127.0.0.1:3000"));
        assert_eq!(toml::from_str::<Config>("").unwrap(), Config::default());
    }

    #[test]
    fn the_file_is_for_the_user_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/config.toml");
        write_private(&path, "x").unwrap();
        write_private(&path, "y").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "y");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
