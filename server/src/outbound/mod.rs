//! The HTTP requests that modules send: where they may go, how long they may take, how much may come back.

mod address;

use std::{
    fmt,
    net::IpAddr,
    time::{Duration, Instant},
};

use bytes::Bytes;
use orrery_host_abi::{HttpHeader, HttpRequest, HttpResponse, HttpVersion};
use orrery_runtime::Outbound;
use ureq::{
    Agent, AsSendBody, Body,
    config::Config,
    http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header},
    unversioned::{
        resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver},
        transport::{DefaultConnector, NextTimeout},
    },
};
use url::Url;

use address::is_public;

/// What comes back may have this many bytes.
const RESPONSE_LEN_MAX: u64 = 32 * 1024 * 1024;

/// How often an answer may say that another place has the answer.
const REDIRECTS_MAX: usize = 10;

/// Where modules may send requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// To addresses of the public internet.
    Public,
    /// To any address, also those of this machine and its network.
    Any,
}

/// Sends requests with a client that they all share.
#[derive(Debug)]
pub(crate) struct Sender {
    agent: Agent,
}

impl Sender {
    /// A client that reaches that far.
    pub(crate) fn new(reach: Reach) -> Self {
        let config = Agent::config_builder()
            // Whoever could make it ask a proxy could make it ask for anything.
            .proxy(None)
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            // A connection that was kept may be closed by the other side just as it is used again, and whether what was
            // sent has arrived is then not to be known.
            .max_idle_connections(0)
            // Followed here, where a body can be sent again.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("orrery/", env!("CARGO_PKG_VERSION")))
            .build();
        let resolver = CheckingResolver { reach, resolver: DefaultResolver::default() };
        Self { agent: Agent::with_parts(config, DefaultConnector::default(), resolver) }
    }
}

impl Outbound for Sender {
    fn send(
        &self,
        request: &HttpRequest,
        body: &[u8],
        timeout: Duration,
    ) -> Result<(HttpResponse, Bytes), String> {
        let url: Url = request.uri.parse().map_err(|_| "the URL is not valid".to_owned())?;
        let text = printable(&url);
        let ends_at = Instant::now() + timeout;
        let mut hop = Hop::new(request, url, body).map_err(|reason| format!("{text}: {reason}"))?;
        for _ in 0..=REDIRECTS_MAX {
            let text = printable(&hop.url);
            let left = ends_at.saturating_duration_since(Instant::now());
            let fail = |error: ureq::Error| format!("{text}: {}", reason(&error, timeout));
            let response = hop.send(&self.agent, left).map_err(fail)?;
            if !hop.follow(&response) {
                return receive(response).map_err(fail);
            }
        }
        Err(format!("{text}: there were more than {REDIRECTS_MAX} redirects"))
    }
}

/// One of the requests that it takes.
struct Hop<'a> {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: &'a [u8],
}

impl<'a> Hop<'a> {
    fn new(request: &HttpRequest, url: Url, body: &'a [u8]) -> Result<Self, String> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err("the URL is neither http nor https".into());
        }
        let method = Method::from_bytes(request.method.as_str().as_bytes());
        let mut headers = HeaderMap::with_capacity(request.headers.len());
        for HttpHeader { name, value } in &request.headers {
            let invalid = || format!("the header `{name}` is not valid");
            let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid())?;
            let value = HeaderValue::from_bytes(value).map_err(|_| invalid())?;
            // How the message is framed is not up to the module.
            if parsed != header::CONTENT_LENGTH && parsed != header::TRANSFER_ENCODING {
                headers.append(parsed, value);
            }
        }
        Ok(Self { method: method.map_err(|_| "the method is not valid".to_owned())?, url, headers, body })
    }

    fn send(&self, agent: &Agent, timeout: Duration) -> Result<Response<Body>, ureq::Error> {
        let uri: Uri = self.url.as_str().parse().map_err(ureq::http::Error::from)?;
        let mut request = Request::builder().method(self.method.clone()).uri(uri);
        if let Some(headers) = request.headers_mut() {
            headers.clone_from(&self.headers);
        }
        // These have no body as a rule, and with an empty one some servers would not understand them.
        let is_bodiless = matches!(
            self.method,
            Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE | Method::DELETE
        );
        if self.body.is_empty() && is_bodiless {
            run(agent, request.body(())?, timeout)
        } else {
            run(agent, request.body(self.body)?, timeout)
        }
    }

    /// Goes to where a redirect leads. False if the response is the answer.
    fn follow(&mut self, response: &Response<Body>) -> bool {
        let status = response.status();
        if !matches!(
            status,
            StatusCode::MOVED_PERMANENTLY
                | StatusCode::FOUND
                | StatusCode::SEE_OTHER
                | StatusCode::TEMPORARY_REDIRECT
                | StatusCode::PERMANENT_REDIRECT
        ) {
            return false;
        }
        let location = response.headers().get(header::LOCATION).and_then(|location| location.to_str().ok());
        let Some(url) = location.and_then(|location| self.url.join(location).ok()) else { return false };
        if !matches!(url.scheme(), "http" | "https") {
            return false;
        }
        let becomes_get = match status {
            StatusCode::SEE_OTHER => self.method != Method::HEAD,
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => self.method == Method::POST,
            _ => false,
        };
        if becomes_get {
            self.method = Method::GET;
            self.body = &[];
            for name in [header::CONTENT_TYPE, header::CONTENT_ENCODING, header::CONTENT_LANGUAGE] {
                self.headers.remove(name);
            }
        }
        if url.origin() != self.url.origin() {
            // What proves who the module is, is for the place that it was meant for.
            for name in [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION, header::HOST] {
                self.headers.remove(name);
            }
        }
        self.url = url;
        true
    }
}

fn run(
    agent: &Agent,
    request: Request<impl AsSendBody>,
    timeout: Duration,
) -> Result<Response<Body>, ureq::Error> {
    agent.run(agent.configure_request(request).timeout_global(Some(timeout)).build())
}

/// The whole of an answer.
fn receive(response: Response<Body>) -> Result<(HttpResponse, Bytes), ureq::Error> {
    let (head, body) = response.into_parts();
    let body = body.into_with_config().limit(RESPONSE_LEN_MAX).read_to_vec()?;
    let headers = head.headers.iter().map(|(name, value)| HttpHeader {
        name: name.as_str().into(),
        value: Bytes::copy_from_slice(value.as_bytes()),
    });
    let version = match head.version {
        Version::HTTP_09 => HttpVersion::Http09,
        Version::HTTP_10 => HttpVersion::Http10,
        _ => HttpVersion::Http11,
    };
    let response = HttpResponse { headers: headers.collect(), version, code: head.status.as_u16() };
    Ok((response, body.into()))
}

/// Where a request goes, without what may be secret: its query, and a name and password before the host.
fn printable(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{host}{port}{}", url.scheme(), url.path())
}

/// Why a request failed. No error that is shown as it is has a URL in it.
fn reason(error: &ureq::Error, timeout: Duration) -> String {
    match error {
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => "the URL or a header is not valid".into(),
        ureq::Error::Timeout(_) => format!("there was no complete answer within {timeout:?}"),
        ureq::Error::HostNotFound => "there is no such host".into(),
        ureq::Error::BodyExceedsLimit(limit) => format!("the answer has more than {limit} bytes"),
        ureq::Error::Io(error) => match error.get_ref().and_then(|error| error.downcast_ref::<ureq::Error>())
        {
            Some(error) => reason(error, timeout),
            None => error.to_string(),
        },
        error => error.to_string(),
    }
}

/// Finds addresses, and gives out only those that may be reached. The connection is made to one of these: nothing is
/// looked up again.
#[derive(Debug)]
struct CheckingResolver {
    reach: Reach,
    resolver: DefaultResolver,
}

/// All addresses of a host are out of reach.
#[derive(Debug)]
struct OutOfReach(IpAddr);

impl fmt::Display for OutOfReach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the address {} is not a public one, and this server lets modules reach no others", self.0)
    }
}

impl std::error::Error for OutOfReach {}

impl Resolver for CheckingResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.resolver.resolve(uri, config, timeout)?;
        if self.reach == Reach::Any {
            return Ok(found);
        }
        let mut allowed = self.empty();
        for address in found.iter().filter(|address| is_public(address.ip())) {
            allowed.push(*address);
        }
        match found.first() {
            Some(first) if allowed.is_empty() => Err(ureq::Error::Other(Box::new(OutOfReach(first.ip())))),
            _ => Ok(allowed),
        }
    }
}
