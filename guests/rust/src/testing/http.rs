//! Fake of HTTP: the test defines the responses.

use crate::http::transport::{Deadlines, Incoming, Outgoing, Pending};
use crate::http::{Headers, HttpError};
use serde::de::DeserializeOwned;
use serde::Serialize;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

/// Request that was sent to a [`FakeHttp`].
///
/// ```
/// use wasmcp_guest::{http, testing};
///
/// let network = testing::fake_http();
/// network.route("POST", "https://example.org/", testing::Answer::new());
/// http::post("https://example.org/").json(&[1, 2]).send().unwrap();
/// let sent = &network.requests()[0];
/// assert_eq!((sent.method.as_str(), sent.json::<Vec<u8>>()), ("POST", vec![1, 2]));
/// ```
#[derive(Clone, Debug)]
pub struct Sent {
    /// The method in capital letters.
    pub method: String,
    /// The URL, with its query.
    pub url: String,
    /// The header fields.
    pub headers: Headers,
    /// The body; empty for a request without one.
    pub body: Vec<u8>,
}

impl Sent {
    /// Return the JSON of the body as a value. Panics if the body is not JSON of this type.
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("the body of {} is not JSON: {error}", self.url))
    }
}

/// Response of a route, or its failure.
///
/// ```
/// use wasmcp_guest::testing::Answer;
///
/// let page = Answer::text("not here").status(404).header("x-request", "7");
/// let failure = Answer::error("connection-refused");
/// ```
#[derive(Clone, Debug)]
pub struct Answer {
    status: u16,
    headers: Headers,
    pieces: VecDeque<Vec<u8>>,
    error: Option<String>,
}

impl Answer {
    /// Create a response without a body, with status 200.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self {
            status: 200,
            headers: Headers::new(),
            pieces: VecDeque::new(),
            error: None,
        }
    }

    /// Create a response whose body is a value as JSON.
    pub fn json(value: &(impl Serialize + ?Sized)) -> Self {
        let body = serde_json::to_vec(value).unwrap_or_else(|error| panic!("the value has no JSON form: {error}"));
        Self::bytes(body).header("content-type", "application/json")
    }

    /// Create a response whose body is a text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::bytes(text.into()).header("content-type", "text/plain; charset=utf-8")
    }

    /// Create a response whose body is bytes.
    pub fn bytes(body: impl Into<Vec<u8>>) -> Self {
        Self::pieces([body.into()])
    }

    /// Create a response whose body is delivered in these pieces.
    pub fn pieces<P: Into<Vec<u8>>>(pieces: impl IntoIterator<Item = P>) -> Self {
        Self {
            pieces: pieces.into_iter().map(Into::into).collect(),
            ..Self::new()
        }
    }

    /// Create a failure: a case of `error-code` of `wasi:http/types`, for example `connection-refused` or
    /// `HTTP-request-denied`.
    pub fn error(code: impl Into<String>) -> Self {
        Self {
            error: Some(code.into()),
            ..Self::new()
        }
    }

    /// Set the status.
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Add a header field.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.append(name, value);
        self
    }
}

type Respond = Rc<dyn Fn(&Sent) -> Answer>;

#[derive(Default)]
struct Network {
    requests: RefCell<Vec<Sent>>,
    routes: RefCell<Vec<(String, String, Respond)>>,
}

thread_local! {
    static NETWORKS: RefCell<Vec<Rc<Network>>> = const { RefCell::new(Vec::new()) };
}

/// Network of a test, created by [`fake_http`] and used until it is dropped.
///
/// ```
/// use wasmcp_guest::{http, testing};
///
/// let network = testing::fake_http();
/// network.respond("GET", "https://example.org/*", |sent| testing::Answer::text(&sent.url[20..]));
/// assert_eq!(http::get("https://example.org/a").send().unwrap().text(), "a");
/// drop(network);
/// assert!(http::get("https://example.org/a").send().is_err());
/// ```
pub struct FakeHttp(Rc<Network>);

/// Grant `http` to this thread, with responses that the test defines. Without a fake, every request is
/// [`HttpError::NotGranted`].
///
/// ```
/// use wasmcp_guest::{http, testing};
///
/// let network = testing::fake_http();
/// network.route("GET", "https://example.org/", testing::Answer::text("here"));
/// assert_eq!(http::get("https://example.org/").send().unwrap().text(), "here");
/// ```
pub fn fake_http() -> FakeHttp {
    let network = Rc::new(Network::default());
    NETWORKS.with_borrow_mut(|networks| networks.push(network.clone()));
    FakeHttp(network)
}

impl FakeHttp {
    /// Set the response to a request; of several routes for one request the last one is used.
    ///
    /// `method` can be `*` for any method. A URL without a query matches every query; with `*` at its end it is a
    /// prefix.
    pub fn route(&self, method: &str, url: &str, answer: Answer) {
        self.respond(method, url, move |_| answer.clone());
    }

    /// Set a function that makes the response from the request; see [`FakeHttp::route`].
    pub fn respond(&self, method: &str, url: &str, respond: impl Fn(&Sent) -> Answer + 'static) {
        self.0
            .routes
            .borrow_mut()
            .push((method.to_ascii_uppercase(), url.to_owned(), Rc::new(respond)));
    }

    /// Return the requests that were sent, in order.
    pub fn requests(&self) -> Vec<Sent> {
        self.0.requests.borrow().clone()
    }
}

impl Drop for FakeHttp {
    fn drop(&mut self) {
        NETWORKS.with_borrow_mut(|networks| networks.retain(|network| !Rc::ptr_eq(network, &self.0)));
    }
}

/// Respond to a request by its route.
pub(crate) fn start(request: Outgoing, deadlines: &Deadlines) -> Result<Box<dyn Pending>, HttpError> {
    let network = NETWORKS
        .with_borrow(|networks| networks.last().cloned())
        .ok_or(HttpError::NotGranted)?;
    deadlines.remaining(None)?;
    let sent = Sent {
        method: request.method,
        url: request.url.to_string(),
        headers: request.headers,
        body: request
            .body
            .map(|body| body.into_pieces().flatten().collect())
            .unwrap_or_default(),
    };
    network.requests.borrow_mut().push(sent.clone());
    let routes = network.routes.borrow().clone();
    let found = routes
        .iter()
        .rev()
        .find(|(method, url, _)| (method == "*" || *method == sent.method) && fits(url, &sent.url));
    let Some((_, _, respond)) = found else {
        let known: Vec<String> = routes
            .iter()
            .map(|(method, url, _)| format!("{method} {url}"))
            .collect();
        let known = if known.is_empty() {
            "none".to_owned()
        } else {
            known.join(", ")
        };
        panic!(
            "this FakeHttp has no route for {} {}; its routes: {known}",
            sent.method, sent.url
        );
    };
    Ok(Box::new(respond(&sent)))
}

fn fits(pattern: &str, url: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => url.starts_with(prefix),
        None => url == pattern || (!pattern.contains('?') && url.split('?').next() == Some(pattern)),
    }
}

impl Pending for Answer {
    fn wait(self: Box<Self>, _: &Deadlines) -> Result<Box<dyn Incoming>, HttpError> {
        match &self.error {
            Some(code) => Err(HttpError::from_code(code, "")),
            None => Ok(self),
        }
    }
}

impl Incoming for Answer {
    fn status(&self) -> u16 {
        self.status
    }

    fn headers(&self) -> Headers {
        self.headers.clone()
    }

    fn read(&mut self, size: usize, deadlines: &Deadlines) -> Result<Vec<u8>, HttpError> {
        deadlines.between_bytes()?;
        while let Some(mut piece) = self.pieces.pop_front() {
            if piece.len() > size {
                self.pieces.push_front(piece.split_off(size));
            }
            if !piece.is_empty() {
                return Ok(piece);
            }
        }
        Ok(Vec::new())
    }
}
