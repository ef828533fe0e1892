//! Talking to a server.

use std::{
    fmt,
    fs::File,
    io::{BufRead, BufReader, Read},
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use serde::de::DeserializeOwned;
use ureq::{
    Agent, Body,
    http::{Method, Request, Response, StatusCode, Uri, header, request, uri},
};

use super::Hint;
pub(super) use crate::segment::escape;

/// A server that does not answer a connection for so long is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A server, and who talks to it.
pub(super) struct Client {
    agent: Agent,
    url: String,
    token: Option<String>,
}

/// The server has answered, but not with what was asked for.
#[derive(Debug)]
pub(super) struct Refused {
    /// The status.
    pub(super) status: u16,
    /// What the server says.
    pub(super) text: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text.trim() {
            "" => write!(f, "the server answered with status {}", self.status),
            text => f.write_str(text),
        }
    }
}

impl std::error::Error for Refused {}

impl Client {
    /// A client of the server at that URL.
    pub(super) fn new(url: String, token: Option<String>) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .user_agent(concat!("orrery/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { agent: config.into(), url, token }
    }

    /// The server's URL.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// What the user is known by.
    pub(super) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// `GET`, with an `Accept` header if the form of the answer matters.
    pub(super) fn get(&self, path: &str, accept: Option<&str>) -> Result<Response<Body>> {
        let headers: Vec<_> = accept.iter().map(|accept| ("accept", *accept)).collect();
        self.get_with(path, &headers)
    }

    /// `GET` with more headers.
    pub(super) fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Result<Response<Body>> {
        let request = with_headers(self.request(Method::GET, path)?, headers);
        self.check(self.agent.run(request.body(())?))
    }

    /// `DELETE`.
    pub(super) fn delete(&self, path: &str) -> Result<Response<Body>> {
        self.check(self.agent.run(self.request(Method::DELETE, path)?.body(())?))
    }

    /// `POST`.
    pub(super) fn post(&self, path: &str, content_type: &str, body: &[u8]) -> Result<Response<Body>> {
        self.send(Method::POST, path, content_type, body, &[])
    }

    /// `POST` with more headers.
    pub(super) fn post_with(
        &self,
        path: &str,
        content_type: &str,
        body: &[u8],
        headers: &[(&str, &str)],
    ) -> Result<Response<Body>> {
        self.send(Method::POST, path, content_type, body, headers)
    }

    /// `POST` of what a file holds, which may be more than fits in memory.
    pub(super) fn post_file(&self, path: &str, file: File) -> Result<Response<Body>> {
        let request = self
            .request(Method::POST, path)?
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .header(header::CONTENT_LENGTH, file.metadata()?.len());
        self.check(self.agent.run(request.body(file)?))
    }

    /// `PUT`.
    pub(super) fn put(&self, path: &str, content_type: &str, body: &[u8]) -> Result<Response<Body>> {
        self.send(Method::PUT, path, content_type, body, &[])
    }

    fn send(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: &[u8],
        headers: &[(&str, &str)],
    ) -> Result<Response<Body>> {
        let request = self.request(method, path)?.header(header::CONTENT_TYPE, content_type);
        let request = with_headers(request, headers);
        self.check(self.agent.run(request.body(body)?))
    }

    fn request(&self, method: Method, path: &str) -> Result<request::Builder> {
        let request = Request::builder().method(method).uri(self.uri(path)?);
        Ok(match &self.token {
            Some(token) => request.header(header::AUTHORIZATION, format!("Bearer {token}")),
            None => request,
        })
    }

    fn uri(&self, path: &str) -> Result<Uri> {
        let base: Uri = self.url.parse().with_context(|| format!("`{}` is not a URL", self.url))?;
        let mut parts = base.into_parts();
        let prefix = parts.path_and_query.as_ref().map_or("", |path| path.path()).trim_end_matches('/');
        parts.path_and_query = Some(uri::PathAndQuery::try_from(format!("{prefix}{path}"))?);
        Ok(Uri::from_parts(parts)?)
    }

    fn check(&self, answered: Result<Response<Body>, ureq::Error>) -> Result<Response<Body>> {
        let url = &self.url;
        let answer = answered.map_err(|error| match error {
            ureq::Error::Io(_) | ureq::Error::ConnectionFailed | ureq::Error::HostNotFound => {
                anyhow!("there is no answer from {url}: {error}").context(Hint(
                    "is the server running there? `orrery start` starts one, and --server names another"
                        .into(),
                ))
            }
            error => anyhow!("{url}: {error}"),
        })?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let text = read_text(answer).unwrap_or_default();
        let refused = anyhow::Error::from(Refused { status: status.as_u16(), text });
        if status == StatusCode::UNAUTHORIZED && self.token.is_some() {
            return Err(refused.context(Hint(format!(
                "the token kept for {url} may be that of another server at the same address; `orrery logout` \
                 forgets it"
            ))));
        }
        Err(refused)
    }
}

fn with_headers(request: request::Builder, headers: &[(&str, &str)]) -> request::Builder {
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
}

/// The whole of an answer.
pub(super) fn read_text(answer: Response<Body>) -> Result<String> {
    let mut text = String::new();
    answer.into_body().into_reader().read_to_string(&mut text).context("the server's answer broke off")?;
    Ok(text)
}

/// The whole of an answer that is JSON.
pub(super) fn read_json<T: DeserializeOwned>(answer: Response<Body>) -> Result<T> {
    let text = read_text(answer)?;
    serde_json::from_str(&text)
        .context("the server answered with something else than expected; is it Orrery?")
}

/// An answer line by line, as it comes.
pub(super) fn read_lines(answer: Response<Body>) -> impl Iterator<Item = std::io::Result<String>> {
    BufReader::new(answer.into_body().into_reader()).lines()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_escaped() {
        assert_eq!(escape("my-app_1.~"), "my-app_1.~");
        assert_eq!(escape("a/b c?é"), "a%2Fb%20c%3F%C3%A9");
    }

    #[test]
    fn a_server_may_be_below_a_path() {
        let uri = |url: &str| Client::new(url.into(), None).uri("/v1/ping").unwrap().to_string();
        assert_eq!(uri("http://a:1"), "http://a:1/v1/ping");
        assert_eq!(uri("https://a/b"), "https://a/b/v1/ping");
    }
}
