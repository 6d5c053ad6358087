//! Transport over `wasi:http/outgoing-handler`.

use super::errors::{HttpError, Phase};
use super::headers::Headers;
use super::request::Body;
use super::transport::{Deadlines, Incoming, Outgoing, Pending};
use std::time::Duration;
use wasip2::clocks::monotonic_clock;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    http_error_code, ErrorCode, Fields, FutureIncomingResponse, IncomingBody, IncomingResponse, Method, OutgoingBody,
    OutgoingRequest, RequestOptions, Scheme,
};
use wasip2::io::poll::{poll, Pollable};
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

pub(super) fn start(request: Outgoing, deadlines: &Deadlines) -> Result<Box<dyn Pending>, HttpError> {
    deadlines.remaining(None)?;
    let options = RequestOptions::new();
    if let Some(time) = deadlines.timeout.connect {
        // A host without this timeout refuses it; `total` applies in every phase.
        let _ = options.set_connect_timeout(Some(nanoseconds(time)));
    }
    let outgoing = head(&request)?;
    let body = match request.body {
        Some(_) => outgoing.body().ok(),
        None => None,
    };
    let future = outgoing_handler::handle(outgoing, Some(options)).map_err(|code| failure(&code))?;
    if let (Some(target), Some(body)) = (body, request.body) {
        write(target, body, deadlines)?;
    }
    Ok(Box::new(Sent(future)))
}

fn head(request: &Outgoing) -> Result<OutgoingRequest, HttpError> {
    let fields: Vec<(String, Vec<u8>)> = request
        .headers
        .iter()
        .map(|(name, value)| (name.to_owned(), wire(value)))
        .collect();
    let fields = Fields::from_list(&fields).map_err(|_| {
        let names: Vec<&str> = request.headers.iter().map(|(name, _)| name).collect();
        HttpError::invalid(format!("the host refuses one of the headers {}", names.join(", ")))
    })?;
    let outgoing = OutgoingRequest::new(fields);
    let method = match request.method.as_str() {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        "TRACE" => Method::Trace,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    };
    let scheme = if request.url.scheme == "https" {
        Scheme::Https
    } else {
        Scheme::Http
    };
    let set = || {
        outgoing.set_method(&method)?;
        outgoing.set_scheme(Some(&scheme))?;
        outgoing.set_authority(Some(&request.url.authority()))?;
        outgoing.set_path_with_query(Some(&request.url.target))
    };
    set().map_err(|()| HttpError::invalid("the host refuses the method or the URL"))?;
    Ok(outgoing)
}

/// Return the bytes of a field value: Latin-1 where it can be, else UTF-8.
fn wire(value: &str) -> Vec<u8> {
    let latin: Option<Vec<u8>> = value.chars().map(|found| u8::try_from(u32::from(found)).ok()).collect();
    latin.unwrap_or_else(|| value.as_bytes().to_vec())
}

/// Send a body and end it. A server can stop reading before the end of the body, and still respond.
fn write(target: OutgoingBody, body: Body, deadlines: &Deadlines) -> Result<(), HttpError> {
    let Ok(stream) = target.write() else { return Ok(()) };
    let mut whole = true;
    for piece in body.into_pieces() {
        if !write_piece(&stream, &piece, deadlines)? {
            whole = false;
            break;
        }
    }
    whole = whole && stream.flush().is_ok();
    drop(stream);
    if whole {
        let _ = OutgoingBody::finish(target, None);
    }
    Ok(())
}

fn write_piece(stream: &OutputStream, piece: &[u8], deadlines: &Deadlines) -> Result<bool, HttpError> {
    let mut rest = piece;
    while !rest.is_empty() {
        let Ok(allowed) = stream.check_write() else {
            return Ok(false);
        };
        if allowed == 0 {
            ready(&stream.subscribe(), deadlines.between_bytes()?)?;
            continue;
        }
        let size = rest.len().min(usize::try_from(allowed).unwrap_or(usize::MAX));
        if stream.write(&rest[..size]).is_err() {
            return Ok(false);
        }
        rest = &rest[size..];
    }
    Ok(true)
}

struct Sent(FutureIncomingResponse);

impl Pending for Sent {
    fn wait(self: Box<Self>, deadlines: &Deadlines) -> Result<Box<dyn Incoming>, HttpError> {
        loop {
            match self.0.get() {
                Some(Ok(Ok(response))) => return Received::new(response),
                Some(Ok(Err(code))) => return Err(failure(&code)),
                Some(Err(())) => {
                    return Err(HttpError::from_code(
                        "internal-error",
                        "the response was already returned",
                    ));
                }
                None => {
                    // The host does not report when the connection is established: the time includes it.
                    let timeout = deadlines.timeout;
                    let first = timeout
                        .first_byte
                        .map(|time| time + timeout.connect.unwrap_or_default());
                    let limit = deadlines.remaining(first.map(|time| (time, Phase::FirstByte)))?;
                    ready(&self.0.subscribe(), limit)?;
                }
            }
        }
    }
}

/// Response of the host. A handle is dropped before the handle that it was made from: in the order of the members.
struct Received {
    stream: Option<InputStream>,
    _body: IncomingBody,
    response: IncomingResponse,
}

impl Received {
    fn new(response: IncomingResponse) -> Result<Box<dyn Incoming>, HttpError> {
        let gone = |()| HttpError::from_code("internal-error", "the body was already returned");
        let body = response.consume().map_err(gone)?;
        let stream = body.stream().map_err(gone)?;
        Ok(Box::new(Self {
            stream: Some(stream),
            _body: body,
            response,
        }))
    }
}

impl Incoming for Received {
    fn status(&self) -> u16 {
        self.response.status()
    }

    fn headers(&self) -> Headers {
        let text = |value: Vec<u8>| {
            String::from_utf8(value)
                .unwrap_or_else(|error| error.as_bytes().iter().map(|byte| char::from(*byte)).collect())
        };
        self.response
            .headers()
            .entries()
            .into_iter()
            .map(|(name, value)| (name, text(value)))
            .collect()
    }

    fn read(&mut self, size: usize, deadlines: &Deadlines) -> Result<Vec<u8>, HttpError> {
        while let Some(stream) = &self.stream {
            match stream.read(size as u64) {
                Ok(piece) if piece.is_empty() => ready(&stream.subscribe(), deadlines.between_bytes()?)?,
                Ok(piece) => return Ok(piece),
                Err(StreamError::Closed) => self.stream = None,
                Err(StreamError::LastOperationFailed(error)) => {
                    let found = match http_error_code(&error) {
                        Some(code) => failure(&code),
                        None => HttpError::from_code("HTTP-response-incomplete", &error.to_debug_string()),
                    };
                    drop(error);
                    self.stream = None;
                    return Err(found);
                }
            }
        }
        Ok(Vec::new())
    }
}

/// Wait until a stream or future is ready.
fn ready(subject: &Pollable, limit: Option<(Duration, Phase)>) -> Result<(), HttpError> {
    match limit {
        None => subject.block(),
        Some((time, phase)) => {
            let timer = monotonic_clock::subscribe_duration(nanoseconds(time));
            if !poll(&[subject, &timer]).contains(&0) {
                return Err(HttpError::timeout(phase));
            }
        }
    }
    Ok(())
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Return the error for a case of `error-code`: its name, and its payload as a text.
fn failure(code: &ErrorCode) -> HttpError {
    fn some<T: ToString>(value: &Option<T>) -> String {
        value.as_ref().map(T::to_string).unwrap_or_default()
    }
    let (name, detail) = match code {
        ErrorCode::DnsTimeout => ("DNS-timeout", String::new()),
        ErrorCode::DnsError(payload) => ("DNS-error", some(&payload.rcode)),
        ErrorCode::DestinationNotFound => ("destination-not-found", String::new()),
        ErrorCode::DestinationUnavailable => ("destination-unavailable", String::new()),
        ErrorCode::DestinationIpProhibited => ("destination-IP-prohibited", String::new()),
        ErrorCode::DestinationIpUnroutable => ("destination-IP-unroutable", String::new()),
        ErrorCode::ConnectionRefused => ("connection-refused", String::new()),
        ErrorCode::ConnectionTerminated => ("connection-terminated", String::new()),
        ErrorCode::ConnectionTimeout => ("connection-timeout", String::new()),
        ErrorCode::ConnectionReadTimeout => ("connection-read-timeout", String::new()),
        ErrorCode::ConnectionWriteTimeout => ("connection-write-timeout", String::new()),
        ErrorCode::ConnectionLimitReached => ("connection-limit-reached", String::new()),
        ErrorCode::TlsProtocolError => ("TLS-protocol-error", String::new()),
        ErrorCode::TlsCertificateError => ("TLS-certificate-error", String::new()),
        ErrorCode::TlsAlertReceived(payload) => ("TLS-alert-received", some(&payload.alert_message)),
        ErrorCode::HttpRequestDenied => ("HTTP-request-denied", String::new()),
        ErrorCode::HttpRequestLengthRequired => ("HTTP-request-length-required", String::new()),
        ErrorCode::HttpRequestBodySize(size) => ("HTTP-request-body-size", some(size)),
        ErrorCode::HttpRequestMethodInvalid => ("HTTP-request-method-invalid", String::new()),
        ErrorCode::HttpRequestUriInvalid => ("HTTP-request-URI-invalid", String::new()),
        ErrorCode::HttpRequestUriTooLong => ("HTTP-request-URI-too-long", String::new()),
        ErrorCode::HttpRequestHeaderSectionSize(size) => ("HTTP-request-header-section-size", some(size)),
        ErrorCode::HttpRequestHeaderSize(field) => (
            "HTTP-request-header-size",
            some(&field.as_ref().and_then(|field| field.field_name.clone())),
        ),
        ErrorCode::HttpRequestTrailerSectionSize(size) => ("HTTP-request-trailer-section-size", some(size)),
        ErrorCode::HttpRequestTrailerSize(field) => ("HTTP-request-trailer-size", some(&field.field_name)),
        ErrorCode::HttpResponseIncomplete => ("HTTP-response-incomplete", String::new()),
        ErrorCode::HttpResponseHeaderSectionSize(size) => ("HTTP-response-header-section-size", some(size)),
        ErrorCode::HttpResponseHeaderSize(field) => ("HTTP-response-header-size", some(&field.field_name)),
        ErrorCode::HttpResponseBodySize(size) => ("HTTP-response-body-size", some(size)),
        ErrorCode::HttpResponseTrailerSectionSize(size) => ("HTTP-response-trailer-section-size", some(size)),
        ErrorCode::HttpResponseTrailerSize(field) => ("HTTP-response-trailer-size", some(&field.field_name)),
        ErrorCode::HttpResponseTransferCoding(coding) => ("HTTP-response-transfer-coding", some(coding)),
        ErrorCode::HttpResponseContentCoding(coding) => ("HTTP-response-content-coding", some(coding)),
        ErrorCode::HttpResponseTimeout => ("HTTP-response-timeout", String::new()),
        ErrorCode::HttpUpgradeFailed => ("HTTP-upgrade-failed", String::new()),
        ErrorCode::HttpProtocolError => ("HTTP-protocol-error", String::new()),
        ErrorCode::LoopDetected => ("loop-detected", String::new()),
        ErrorCode::ConfigurationError => ("configuration-error", String::new()),
        ErrorCode::InternalError(reason) => ("internal-error", some(reason)),
    };
    HttpError::from_code(name, &detail)
}
