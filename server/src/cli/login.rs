//! `orrery login` and `orrery logout`: who the user is on a server.

use anyhow::{Context, Result, bail};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clap::{Args, Subcommand};
use serde::Deserialize;

use super::{
    client::{Client, read_json},
    config::{self, Config},
    style,
};
use crate::auth::Claims;

/// Get an identity on a server, or use one that you have
///
/// The server issues a token that stands for a new identity; the token is kept in the config file, which is for you
/// only to read. Whoever has the token is you: keep a copy in a safe place if its databases matter.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  \
        orrery login                                    a new identity on the default server\n  \
        orrery login --server https://db.example.com    on another\n  \
        orrery login --token eyJ0eX...                  the identity of a token that you have\n  \
        orrery login show --token                       print the token, to take it elsewhere"
)]
pub(super) struct Login {
    #[command(subcommand)]
    show: Option<LoginCommand>,
    /// Use this token instead of a new identity
    #[arg(long)]
    token: Option<String>,
    #[command(flatten)]
    server: ServerUrl,
}

#[derive(Debug, Subcommand)]
enum LoginCommand {
    /// Show who you are on a server
    Show {
        /// Print the token too
        #[arg(long)]
        token: bool,
        #[command(flatten)]
        server: ServerUrl,
    },
}

/// Forget who you are on a server
///
/// The token is removed from the config file. If there is no copy of it, the identity is gone, and with it the
/// control over its databases.
#[derive(Debug, Args)]
pub(super) struct Logout {
    #[command(flatten)]
    server: ServerUrl,
}

#[derive(Debug, Args)]
struct ServerUrl {
    /// The server's URL, or its host and port [default: the one in the config file, else http://127.0.0.1:3000]
    #[arg(short, long, env = "ORRERY_SERVER", value_name = "URL")]
    server: Option<String>,
}

#[derive(Deserialize)]
struct Issued {
    token: String,
}

impl Login {
    pub(super) fn run(self) -> Result<()> {
        let config = Config::load()?;
        match (self.show, self.token) {
            (Some(LoginCommand::Show { token, server }), _) => show(&config, &server, token),
            (None, Some(token)) => {
                let identity = identity_of(&token)?;
                keep(&config.server_url(self.server.server.as_deref())?, token)?;
                println!("You are {identity}");
                Ok(())
            }
            (None, None) => {
                let url = config.server_url(self.server.server.as_deref())?;
                if let Some(token) = config.token(&url) {
                    println!(
                        "You are {} on {url} already; `orrery logout` forgets that.",
                        identity_of(token)?
                    );
                    return Ok(());
                }
                login_to(&url)
            }
        }
    }
}

impl Logout {
    pub(super) fn run(self) -> Result<()> {
        let mut config = Config::load()?;
        let url = config.server_url(self.server.server.as_deref())?;
        if config.remove_token(&url) {
            config.save()?;
            println!("Logged out of {url}");
        } else {
            println!("You were not logged in to {url}");
        }
        Ok(())
    }
}

/// Gets a new identity from a server and keeps its token.
pub(super) fn login_to(url: &str) -> Result<()> {
    let client = Client::new(url.to_owned(), None);
    let Issued { token } = read_json(client.post("/v1/identity", "application/json", b"")?)?;
    let identity = identity_of(&token)?;
    keep(url, token)?;
    let file = config::path()?;
    style::progress("Logged in", format_args!("to {url} as {identity}; the token is in {}", file.display()));
    Ok(())
}

/// Whose token it is. The signature is for the server to check.
pub(super) fn identity_of(token: &str) -> Result<String> {
    let read = || {
        let payload = token.split('.').nth(1)?;
        let payload = String::from_utf8(URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        Claims::parse(&payload).ok()?.identity().ok()
    };
    Ok(read().context("this is not a token")?.to_hex())
}

fn keep(url: &str, token: String) -> Result<()> {
    let mut config = Config::load()?;
    config.set_token(url, token);
    config.save()
}

fn show(config: &Config, server: &ServerUrl, with_token: bool) -> Result<()> {
    let url = config.server_url(server.server.as_deref())?;
    let Some(token) = config.token(&url) else {
        bail!("you are not logged in to {url}; `orrery login` gives you an identity there");
    };
    println!("{}", identity_of(token)?);
    if with_token {
        println!("{token}");
    }
    Ok(())
}
