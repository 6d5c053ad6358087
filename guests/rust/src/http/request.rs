//! Outgoing requests.

use super::errors::HttpError;
use super::headers::{is_token, Headers};
use super::response::{Head, Incomplete, Response, StreamedResponse};
use super::transport::{start, Deadlines, Outgoing, Pending, Timeout};
use super::url::{add_param, encoded, Url};
use serde::Serialize;
use serde_json::Value;

/// The default of [`Request::max_body`]: 16 MiB of a response are read into memory at most.
///
/// ```
/// use wasmcp_guest::http;
///
/// let request = http::get("https://example.org/large").max_body(4 * http::MAX_BODY);
/// ```
pub const MAX_BODY: u64 = 16 * 1024 * 1024;
/// The default of [`Request::max_redirects`].
///
/// ```
/// assert_eq!(wasmcp_guest::http::MAX_REDIRECTS, 10);
/// ```
pub const MAX_REDIRECTS: u32 = 10;

const REDIRECTS: [u16; 5] = [301, 302, 303, 307, 308];
const CREDENTIALS: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];
const OF_BODY: [&str; 5] = [
    "content-type",
    "content-length",
    "content-encoding",
    "content-language",
    "content-location",
];

/// Body of a request: bytes, a text (sent as UTF-8), or pieces that are made while it is sent.
///
/// ```
/// use wasmcp_guest::{http::{self, Body}, testing};
///
/// let network = testing::fake_http();
/// network.route("PUT", "https://example.org/*", testing::Answer::new());
/// http::put("https://example.org/a").body("a text").send()?;
/// let pieces = (0..3).map(|number| vec![number; 2]);
/// http::put("https://example.org/b").body(Body::pieces(pieces)).send()?;
/// assert_eq!(network.requests()[1].body, [0, 0, 1, 1, 2, 2]);
/// # Ok::<(), wasmcp_guest::http::HttpError>(())
/// ```
pub struct Body {
    content: Content,
    media_type: Option<&'static str>,
}

enum Content {
    Bytes(Vec<u8>),
    Pieces(Box<dyn Iterator<Item = Vec<u8>>>),
}

impl Body {
    /// Create a body of pieces. It cannot be sent again when the request is redirected.
    pub fn pieces<P: Into<Vec<u8>> + 'static>(pieces: impl IntoIterator<Item = P, IntoIter: 'static>) -> Self {
        let pieces = pieces
            .into_iter()
            .map(Into::into)
            .filter(|piece: &Vec<u8>| !piece.is_empty());
        Self {
            content: Content::Pieces(Box::new(pieces)),
            media_type: None,
        }
    }

    fn typed(bytes: Vec<u8>, media_type: &'static str) -> Self {
        Self {
            content: Content::Bytes(bytes),
            media_type: Some(media_type),
        }
    }

    pub(crate) fn into_pieces(self) -> Box<dyn Iterator<Item = Vec<u8>>> {
        match self.content {
            Content::Bytes(bytes) => Box::new(std::iter::once(bytes)),
            Content::Pieces(pieces) => pieces,
        }
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self {
            content: Content::Bytes(bytes),
            media_type: None,
        }
    }
}

impl From<&[u8]> for Body {
    fn from(bytes: &[u8]) -> Self {
        bytes.to_vec().into()
    }
}

impl<const SIZE: usize> From<&[u8; SIZE]> for Body {
    fn from(bytes: &[u8; SIZE]) -> Self {
        bytes.to_vec().into()
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self::typed(text.into_bytes(), "text/plain; charset=utf-8")
    }
}

impl From<&str> for Body {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

/// Request that is being built; [`Request::send`] sends it. An invalid option is an error of `send`.
///
/// ```
/// use std::time::Duration;
/// use wasmcp_guest::{http, testing};
///
/// let network = testing::fake_http();
/// network.route("POST", "https://api.example.org/notes", testing::Answer::json(&7).status(201));
/// let response = http::post("https://api.example.org/notes")
///     .header("authorization", "Bearer secret")
///     .param("tag", ["a", "b"])
///     .json(&serde_json::json!({ "text": "milk" }))
///     .timeout(Duration::from_secs(5))
///     .send()?
///     .raise_for_status()?;
/// assert_eq!((response.status, response.json::<u8>()?), (201, 7));
/// assert_eq!(network.requests()[0].url, "https://api.example.org/notes?tag=a&tag=b");
/// # Ok::<(), http::HttpError>(())
/// ```
#[must_use = "a request is sent by `send` or `stream`"]
pub struct Request {
    method: String,
    url: String,
    base: Option<String>,
    params: Vec<(String, String)>,
    defaults: Headers,
    headers: Headers,
    bodies: Vec<(&'static str, Body)>,
    timeout: Timeout,
    max_redirects: u32,
    max_body: Option<u64>,
    problem: Option<String>,
}

impl Request {
    /// Create a request: a method, and an absolute URL.
    ///
    /// ```
    /// use wasmcp_guest::{http::Request, testing};
    ///
    /// let network = testing::fake_http();
    /// network.route("*", "https://example.org/", testing::Answer::new());
    /// assert_eq!(Request::new("purge", "https://example.org/").send().unwrap().method, "PURGE");
    /// ```
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            url: url.into(),
            base: None,
            params: Vec::new(),
            defaults: Headers::new(),
            headers: Headers::new(),
            bodies: Vec::new(),
            timeout: Timeout::default(),
            max_redirects: MAX_REDIRECTS,
            max_body: Some(MAX_BODY),
            problem: None,
        }
    }

    /// Add a query parameter to those of the URL: a string, number or boolean, a list of them, or `None` to omit the
    /// parameter.
    ///
    /// ```
    /// use wasmcp_guest::{http, testing};
    ///
    /// let network = testing::fake_http();
    /// network.route("GET", "https://example.org/", testing::Answer::new());
    /// http::get("https://example.org/?x=1").param("q", "ä b").param("n", 2).param("none", None::<u8>).send().unwrap();
    /// assert_eq!(network.requests()[0].url, "https://example.org/?x=1&q=%C3%A4+b&n=2");
    /// ```
    pub fn param(mut self, name: &str, value: impl Serialize) -> Self {
        let added = serde_json::to_value(value)
            .map_err(|error| format!("the parameter `{name}` is invalid: {error}"))
            .and_then(|value| add_param(&mut self.params, name, &value));
        self.note(added);
        self
    }

    /// Add query parameters: a struct, a map, or a list of pairs.
    ///
    /// ```
    /// use wasmcp_guest::{http, testing};
    ///
    /// let network = testing::fake_http();
    /// network.route("GET", "https://example.org/", testing::Answer::new());
    /// http::get("https://example.org/").params(&[("a", 1), ("b", 2)]).send().unwrap();
    /// assert_eq!(network.requests()[0].url, "https://example.org/?a=1&b=2");
    /// ```
    pub fn params(mut self, params: &(impl Serialize + ?Sized)) -> Self {
        let added = pairs(params, &mut self.params);
        self.note(added);
        self
    }

    /// Add a header field; a name can have several values.
    ///
    /// ```
    /// let request = wasmcp_guest::http::get("https://example.org/").header("accept", "text/html");
    /// ```
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.append(name, value);
        self
    }

    /// Add header fields.
    ///
    /// ```
    /// let request = wasmcp_guest::http::get("https://example.org/").headers([("x-one", "1"), ("x-one", "2")]);
    /// ```
    pub fn headers<N: Into<String>, V: Into<String>>(mut self, fields: impl IntoIterator<Item = (N, V)>) -> Self {
        for (name, value) in fields {
            self.headers.append(name, value);
        }
        self
    }

    /// Set the body to a value that is sent as JSON.
    ///
    /// ```
    /// let request = wasmcp_guest::http::post("https://example.org/").json(&["a", "b"]);
    /// ```
    pub fn json(mut self, value: &(impl Serialize + ?Sized)) -> Self {
        match serde_json::to_vec(value) {
            Ok(bytes) => self.bodies.push(("json", Body::typed(bytes, "application/json"))),
            Err(error) => self.note(Err(format!("`json` has no JSON form: {error}"))),
        }
        self
    }

    /// Set the body to the fields of a form, sent as `application/x-www-form-urlencoded`: a struct, a map, or a list of
    /// pairs.
    ///
    /// ```
    /// let request = wasmcp_guest::http::post("https://example.org/").form(&[("name", "Ada"), ("age", "36")]);
    /// ```
    pub fn form(mut self, fields: &(impl Serialize + ?Sized)) -> Self {
        let mut found = Vec::new();
        let added = pairs(fields, &mut found);
        self.note(added);
        self.bodies.push((
            "form",
            Body::typed(encoded(&found).into_bytes(), "application/x-www-form-urlencoded"),
        ));
        self
    }

    /// Set the body; [`Request::json`], [`Request::form`] and `body` are mutually exclusive.
    ///
    /// ```
    /// let request = wasmcp_guest::http::put("https://example.org/").body(b"bytes");
    /// ```
    pub fn body(mut self, body: impl Into<Body>) -> Self {
        self.bodies.push(("body", body.into()));
        self
    }

    /// Set the timeouts: a `Duration` for the whole request and response, `None` for no limit, or a [`Timeout`].
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let request = wasmcp_guest::http::get("https://example.org/").timeout(Duration::from_secs(5));
    /// ```
    pub fn timeout(mut self, timeout: impl Into<Timeout>) -> Self {
        self.timeout = timeout.into();
        self
    }

    /// Set the maximum number of redirects to follow; 0 to get the redirect as the response.
    ///
    /// ```
    /// let request = wasmcp_guest::http::get("https://example.org/").max_redirects(0);
    /// ```
    pub fn max_redirects(mut self, limit: u32) -> Self {
        self.max_redirects = limit;
        self
    }

    /// Set the maximum size of a body that is read as a whole, in bytes; `None` for no limit.
    ///
    /// ```
    /// let request = wasmcp_guest::http::get("https://example.org/").max_body(1000);
    /// ```
    pub fn max_body(mut self, limit: impl Into<Option<u64>>) -> Self {
        self.max_body = limit.into();
        self
    }

    /// Send the request, and read the whole response.
    ///
    /// ```
    /// let error = wasmcp_guest::http::get("https://example.org/").send().unwrap_err();
    /// assert_eq!(error.name(), "NotGrantedError"); // outside of a `fake_http`
    /// ```
    pub fn send(self) -> Result<Response, HttpError> {
        Flight::start(self)?.whole()
    }

    /// Send the request, and read the body of the response while it arrives.
    ///
    /// ```
    /// use wasmcp_guest::{http, testing};
    ///
    /// let network = testing::fake_http();
    /// network.route("GET", "https://example.org/log", testing::Answer::pieces(["ok\nER", "ROR x\n"]));
    /// let mut response = http::get("https://example.org/log").stream()?;
    /// let lines: Result<Vec<String>, _> = response.lines().collect();
    /// assert_eq!(lines?, ["ok", "ERROR x"]);
    /// # Ok::<(), http::HttpError>(())
    /// ```
    pub fn stream(self) -> Result<StreamedResponse, HttpError> {
        Flight::start(self)?.streamed()
    }

    fn note(&mut self, outcome: Result<(), String>) {
        if let Err(problem) = outcome {
            self.problem.get_or_insert(problem);
        }
    }
}

/// Send several requests concurrently, and return their responses in the order of the requests.
///
/// ```
/// use wasmcp_guest::{http, testing};
///
/// let network = testing::fake_http();
/// network.route("GET", "https://example.org/*", testing::Answer::text("here"));
/// let pages = ["a", "b"].map(|name| http::get(format!("https://example.org/{name}")));
/// let texts: Vec<String> = http::send_all(pages).into_iter().map(|response| response.unwrap().text()).collect();
/// assert_eq!(texts, ["here", "here"]);
/// ```
pub fn send_all(requests: impl IntoIterator<Item = Request>) -> Vec<Result<Response, HttpError>> {
    let flights: Vec<_> = requests.into_iter().map(Flight::start).collect();
    flights.into_iter().map(|flight| flight?.whole()).collect()
}

/// Defaults of several requests. No connection or state is kept between requests, so that it need not be closed.
///
/// ```
/// use wasmcp_guest::{http::Client, testing};
///
/// let network = testing::fake_http();
/// network.route("GET", "https://api.example.org/v1/*", testing::Answer::text("here"));
/// let client = Client::new().base_url("https://api.example.org/v1/").header("x-key", "k");
/// assert_eq!(client.get("items").send()?.text(), "here");
/// # Ok::<(), wasmcp_guest::http::HttpError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    base: Option<String>,
    headers: Headers,
    timeout: Timeout,
    max_redirects: u32,
    max_body: Option<u64>,
}

impl Default for Client {
    fn default() -> Self {
        Self {
            base: None,
            headers: Headers::new(),
            timeout: Timeout::default(),
            max_redirects: MAX_REDIRECTS,
            max_body: Some(MAX_BODY),
        }
    }
}

impl Client {
    /// Create a client with the default options.
    pub fn new() -> Self {
        Self::default()
    }

    /// Set the base of relative URLs.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base = Some(url.into());
        self
    }

    /// Add a header field of every request, unless the request has a field of the same name.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.append(name, value);
        self
    }

    /// Set the timeouts; see [`Request::timeout`].
    pub fn timeout(mut self, timeout: impl Into<Timeout>) -> Self {
        self.timeout = timeout.into();
        self
    }

    /// Set the maximum number of redirects; see [`Request::max_redirects`].
    pub fn max_redirects(mut self, limit: u32) -> Self {
        self.max_redirects = limit;
        self
    }

    /// Set the maximum size of a body; see [`Request::max_body`].
    pub fn max_body(mut self, limit: impl Into<Option<u64>>) -> Self {
        self.max_body = limit.into();
        self
    }

    /// Create a request with the client's defaults.
    pub fn request(&self, method: impl Into<String>, url: impl Into<String>) -> Request {
        Request {
            base: self.base.clone(),
            defaults: self.headers.clone(),
            timeout: self.timeout,
            max_redirects: self.max_redirects,
            max_body: self.max_body,
            ..Request::new(method, url)
        }
    }

    /// Create a `GET` request.
    pub fn get(&self, url: impl Into<String>) -> Request {
        self.request("GET", url)
    }

    /// Create a `HEAD` request.
    pub fn head(&self, url: impl Into<String>) -> Request {
        self.request("HEAD", url)
    }

    /// Create an `OPTIONS` request.
    pub fn options(&self, url: impl Into<String>) -> Request {
        self.request("OPTIONS", url)
    }

    /// Create a `POST` request.
    pub fn post(&self, url: impl Into<String>) -> Request {
        self.request("POST", url)
    }

    /// Create a `PUT` request.
    pub fn put(&self, url: impl Into<String>) -> Request {
        self.request("PUT", url)
    }

    /// Create a `PATCH` request.
    pub fn patch(&self, url: impl Into<String>) -> Request {
        self.request("PATCH", url)
    }

    /// Create a `DELETE` request.
    pub fn delete(&self, url: impl Into<String>) -> Request {
        self.request("DELETE", url)
    }
}

/// Payload of a request: bytes can be sent again.
enum Payload {
    None,
    Bytes(Vec<u8>),
    Pieces(Option<Body>),
}

/// Request in progress, with its redirects.
struct Flight {
    method: String,
    url: Url,
    headers: Headers,
    payload: Payload,
    deadlines: Deadlines,
    max_redirects: u32,
    max_body: Option<u64>,
    history: Vec<String>,
    pending: Box<dyn Pending>,
}

impl Flight {
    fn start(request: Request) -> Result<Self, HttpError> {
        let method = request.method.to_ascii_uppercase();
        Self::begin(request, &method).map_err(|error| error.located(&method, ""))
    }

    fn begin(mut request: Request, method: &str) -> Result<Self, HttpError> {
        if let Some(problem) = request.problem {
            return Err(HttpError::invalid(problem));
        }
        if !is_token(method) {
            return Err(HttpError::invalid(format!("the method {method:?} is invalid")));
        }
        if method == "CONNECT" {
            return Err(HttpError::invalid(
                "a component cannot establish a tunnel: `CONNECT` is not sent",
            ));
        }
        let url = Url::parse(&request.url, &request.params, request.base.as_deref())?;
        if request.bodies.len() > 1 {
            let names: Vec<String> = request.bodies.iter().map(|(name, _)| format!("`{name}`")).collect();
            return Err(HttpError::invalid(format!(
                "a request has one body, not {}",
                names.join(" and ")
            )));
        }
        let mut headers = request.defaults;
        headers.update(&request.headers);
        if !headers.contains("user-agent") {
            headers.append("user-agent", "wasmcp"); // some servers reject requests without it
        }
        let payload = match request.bodies.pop() {
            Some((_, body)) => {
                if let (Some(media_type), false) = (body.media_type, headers.contains("content-type")) {
                    headers.append("content-type", media_type);
                }
                match body.content {
                    Content::Bytes(bytes) => Payload::Bytes(bytes),
                    Content::Pieces(_) => Payload::Pieces(Some(body)),
                }
            }
            None => Payload::None,
        };
        if let (Some(credentials), false) = (&url.authorization, headers.contains("authorization")) {
            headers.append("authorization", credentials);
        }
        headers.check()?;
        let mut flight = Self {
            method: method.to_owned(),
            url,
            headers,
            payload,
            deadlines: Deadlines::new(request.timeout),
            max_redirects: request.max_redirects,
            max_body: request.max_body,
            history: Vec::new(),
            pending: Box::new(Unsent),
        };
        flight.pending = flight.sent()?;
        Ok(flight)
    }

    /// Send the request to the current URL.
    fn sent(&mut self) -> Result<Box<dyn Pending>, HttpError> {
        let mut headers = self.headers.clone();
        let body = match &mut self.payload {
            Payload::Bytes(bytes) => Some(Body::from(bytes.clone())),
            Payload::None if ["POST", "PUT", "PATCH"].contains(&self.method.as_str()) => Some(Body::from(Vec::new())),
            Payload::None => None,
            Payload::Pieces(pieces) => match pieces.take() {
                Some(body) => Some(body),
                None => {
                    let problem = "the request was redirected, and its streamed body cannot be sent again";
                    return Err(HttpError::invalid(problem).located(&self.method, &self.url.to_string()));
                }
            },
        };
        match body.as_ref().map(|body| &body.content) {
            Some(Content::Bytes(bytes)) => headers.set("content-length", bytes.len().to_string()),
            Some(Content::Pieces(_)) => headers.remove("content-length"),
            None => {}
        }
        let outgoing = Outgoing {
            method: self.method.clone(),
            url: self.url.clone(),
            headers,
            body,
        };
        start(outgoing, &self.deadlines).map_err(|error| error.located(&self.method, &self.url.to_string()))
    }

    /// Wait for the head of the response, and follow redirects.
    fn answered(mut self) -> Result<(Incomplete, Option<u64>), HttpError> {
        loop {
            let url = self.url.to_string();
            let pending = std::mem::replace(&mut self.pending, Box::new(Unsent));
            let incoming = pending
                .wait(&self.deadlines)
                .map_err(|error| error.located(&self.method, &url))?;
            let head = Head {
                method: self.method.clone(),
                url,
                status: incoming.status(),
                headers: incoming.headers(),
                redirects: self.history.clone(),
            };
            let location = head.headers.all("location").first().map(|&found| found.to_owned());
            let location = location.filter(|_| REDIRECTS.contains(&head.status) && self.max_redirects > 0);
            let Some(location) = location else {
                return Ok((Incomplete::new(head, incoming, self.deadlines), self.max_body));
            };
            drop(incoming);
            if self.history.len() >= self.max_redirects as usize {
                let error = HttpError::TooManyRedirects {
                    limit: self.max_redirects,
                    attempt: Default::default(),
                };
                return Err(error.located(&head.method, &head.url));
            }
            self.redirect(head.status, &location)
                .map_err(|error| error.located(&head.method, &head.url))?;
            self.pending = self.sent()?;
        }
    }

    /// Follow a redirect. RFC 9110, section 15.4.
    ///
    /// Credentials are sent only to the origin that they were given for, not to another scheme, host or port.
    fn redirect(&mut self, status: u16, location: &str) -> Result<(), HttpError> {
        let before = self.url.to_string();
        let url = Url::parse(location, &[], Some(&before))?;
        self.history.push(before);
        if (status == 303 && self.method != "HEAD") || ([301, 302].contains(&status) && self.method == "POST") {
            self.method = "GET".into();
            self.payload = Payload::None;
            OF_BODY.iter().for_each(|name| self.headers.remove(name));
        }
        if !url.has_origin_of(&self.url) {
            CREDENTIALS.iter().for_each(|name| self.headers.remove(name));
        }
        self.url = url;
        Ok(())
    }

    fn whole(self) -> Result<Response, HttpError> {
        let (mut body, limit) = self.answered()?;
        let content = body.whole(limit)?;
        Ok(Response::new(body.into_head(), content))
    }

    fn streamed(self) -> Result<StreamedResponse, HttpError> {
        let (mut body, limit) = self.answered()?;
        body.deadlines.disable_total();
        Ok(StreamedResponse::new(body, limit))
    }
}

/// Value of `Flight::pending` while the request is not sent.
struct Unsent;

impl Pending for Unsent {
    fn wait(self: Box<Self>, _: &Deadlines) -> Result<Box<dyn super::transport::Incoming>, HttpError> {
        Err(HttpError::from_code("internal-error", "the request was not sent"))
    }
}

const NOT_PARAMETERS: &str = "parameters are a struct, a map, or a list of pairs of a name and a value";

/// Add the members of a struct or map, or pairs, to parameters.
fn pairs(given: &(impl Serialize + ?Sized), found: &mut Vec<(String, String)>) -> Result<(), String> {
    match serde_json::to_value(given).map_err(|error| format!("the parameters are invalid: {error}"))? {
        Value::Null => Ok(()),
        Value::Object(members) => members
            .iter()
            .try_for_each(|(name, value)| add_param(found, name, value)),
        Value::Array(items) => items
            .iter()
            .try_for_each(|item| match item.as_array().map(Vec::as_slice) {
                Some([Value::String(name), value]) => add_param(found, name, value),
                _ => Err(NOT_PARAMETERS.to_owned()),
            }),
        _ => Err(NOT_PARAMETERS.to_owned()),
    }
}
