"""A local issuer of access tokens: its keys and their rotation, tokens, metadata, and its HTTP server on loopback."""

from __future__ import annotations

import base64
import contextlib
import hmac
import json
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, unquote_plus, urlsplit

from wasmcp.auth.access_tokens import SigningKey, VerificationKeys, decode, mint, verify
from wasmcp.errors import AuthorizationError, InvalidTokenError
from wasmcp.host.authorization.documents import is_loopback

MOST_KEYS = 4
"""Limit of the keys of an issuer: the one that signs, and those before it, whose tokens stay valid."""

MOST_TOKENS = 10_000
"""Limit of the opaque and the revoked tokens that an issuer stores; the oldest are deleted first."""

AUDIENCE = "http://127.0.0.1/mcp"
"""The audience of tokens by default: the address of servers that are called in this process."""


class Issuer:
    """Issuer of access tokens for development and tests. Its methods are thread-safe.

    Attributes:
        url: Its identifier, the claim `iss` of its tokens.
        audience: The audience of tokens for which none is given.
        algorithm: The signature algorithm.
        lifetime: The lifetime of tokens for which none is given, in seconds.
        clients: The secrets of clients, by client identifier.
    """

    def __init__(
        self,
        url: str,
        *,
        audience: str = AUDIENCE,
        algorithm: str = "ES256",
        key: SigningKey | None = None,
        lifetime: float = 3600,
        clients: Mapping[str, str] | None = None,
    ) -> None:
        self.url = url
        self.audience = audience
        self.algorithm = algorithm if key is None else key.algorithm
        self.lifetime = lifetime
        self.clients = dict(clients or {})
        self._keys = [key or SigningKey.generate(algorithm)]  # the one that signs first
        self._opaque: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._revoked: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def token(
        self,
        *,
        scopes: Sequence[str] = (),
        subject: str = "alice",
        audience: str | Sequence[str] | None = None,
        lifetime: float | None = None,
        header: Mapping[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """Return a signed access token.

        Args:
            scopes: Its scopes.
            subject: The claim `sub`.
            audience: The claim `aud`; by default `self.audience`.
            lifetime: Seconds until it expires; a negative number makes a token that has expired.
            header: Further header parameters; None removes one.
            claims: Further claims, which replace the others; None removes one.
        """
        with self._lock:
            key = self._keys[0]
        for_whom = self.audience if audience is None else audience
        return mint(
            key,
            issuer=self.url,
            audience=[for_whom] if isinstance(for_whom, str) else for_whom,
            scopes=scopes,
            subject=subject,
            lifetime=self.lifetime if lifetime is None else lifetime,
            claims=claims,
            header=header,
        )

    def opaque_token(self, **arguments: Any) -> str:
        """Return a token that only introspection can read (RFC 7662); the arguments are those of `token`."""
        _, claims = decode(self.token(**arguments))
        found = secrets.token_urlsafe(24)
        with self._lock:
            _remember(self._opaque, found, claims)
        return found

    def revoke(self, token: str) -> None:
        """Make a token inactive for introspection. Servers that verify signatures accept it until it expires."""
        with self._lock:
            _remember(self._revoked, token, None)

    def rotate(self) -> str:
        """Sign with a new key from now on, and return its `kid`. The keys before it stay in the key set."""
        key = SigningKey.generate(self.algorithm)
        with self._lock:
            self._keys = [key, *self._keys][:MOST_KEYS]
        return key.key_id

    def retire(self) -> None:
        """Remove all keys but the one that signs, so that older tokens are not valid any more."""
        with self._lock:
            del self._keys[1:]

    @property
    def jwks(self) -> dict[str, Any]:
        """The public keys as a JSON Web Key Set (RFC 7517)."""
        with self._lock:
            return {"keys": [key.jwk for key in self._keys]}

    @property
    def public_key(self) -> str:
        """The public key that tokens are signed with, as PEM."""
        with self._lock:
            return self._keys[0].public_pem

    @property
    def jwks_uri(self) -> str:
        """The address of the key set."""
        return f"{self.url}/jwks.json"

    def settings(self, server: str | None = None) -> dict[str, str]:
        """Return settings for a server that accepts the tokens of this issuer.

        Args:
            server: The URL of the server's MCP endpoint; by default the issuer's audience.
        """
        return {
            "WASMCP_AUTH_MODE": "oauth",
            "WASMCP_SERVER_URI": server or self.audience,
            "JWT_ISSUER": self.url,
            "JWT_AUDIENCE": self.audience if server is None else f"{self.audience},{server}",
            "JWT_JWKS": json.dumps(self.jwks),
        }

    @property
    def metadata(self) -> dict[str, Any]:
        """The metadata of the authorization server (RFC 8414; OpenID Connect Discovery 1.0, section 3)."""
        methods = ["client_secret_basic", "client_secret_post"]
        return {
            "issuer": self.url,
            "jwks_uri": self.jwks_uri,
            "token_endpoint": f"{self.url}/token",
            "token_endpoint_auth_methods_supported": methods,
            "introspection_endpoint": f"{self.url}/introspect",
            "introspection_endpoint_auth_methods_supported": methods,
            "grant_types_supported": ["client_credentials"],
            "response_types_supported": ["none"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [self.algorithm],
        }

    def introspect(self, token: str) -> dict[str, Any]:
        """Return the state of a token (RFC 7662, section 2.2)."""
        with self._lock:
            claims = self._opaque.get(token)
            is_revoked = token in self._revoked
        if is_revoked:
            return {"active": False}
        if claims is None:
            try:
                keys = VerificationKeys.parse(self.jwks_uri, json.dumps(self.jwks).encode())
                claims = verify(token, keys, issuer=self.url, leeway=0)
            except AuthorizationError:
                return {"active": False}
        now = time.time()
        if not claims.get("nbf", 0) <= now < claims.get("exp", 0):
            return {"active": False}
        return {"active": True, "token_type": "Bearer", **claims}

    def has_client(self, client: str, secret: str) -> bool:
        """Check the secret of a client."""
        known = self.clients.get(client)
        return known is not None and hmac.compare_digest(known.encode(), secret.encode())


def _remember(known: OrderedDict[str, Any], token: str, value: Any) -> None:
    known[token] = value
    while len(known) > MOST_TOKENS:
        known.popitem(last=False)


def scopes_in(text: str) -> Iterable[str]:
    """Return the scopes of a parameter `scope` (RFC 6749, section 3.3).

    Raises:
        InvalidTokenError: A scope has a character that scopes cannot have.
    """
    found = [one for one in text.split(" ") if one]
    for one in found:
        if not all(character == "!" or "#" <= character <= "[" or "]" <= character <= "~" for character in one):
            raise InvalidTokenError(f"`{one}` is not a scope")
    return tuple(dict.fromkeys(found))


ADDRESS = "127.0.0.1"

_LARGEST_BODY = 64 * 1024
_MOST_REQUESTS = 64  # at a time
_TIMEOUT = 10  # seconds that a client may take
_POLL = 0.05  # seconds until a stopped server ends


class IssuerServer(ThreadingHTTPServer):
    """HTTP server of one issuer. Use it as a context manager: it serves until the block ends.

    Attributes:
        issuer: The issuer, whose URL is the address of this server.
        opaque: True if the token endpoint issues opaque tokens.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        port: int = 0,
        *,
        opaque: bool = False,
        log: Callable[[str], None] | None = None,
        **options: Any,
    ) -> None:
        """Listen on a port of 127.0.0.1.

        Args:
            port: The port; 0 for any.
            opaque: Issue opaque tokens at the token endpoint.
            log: Called with a line for each request.
            options: Arguments of `Issuer`.

        Raises:
            AuthorizationError: The port is in use.
        """
        try:
            super().__init__((ADDRESS, port), _Handler)
        except OSError as error:
            raise AuthorizationError(f"cannot listen on {ADDRESS}:{port}: {error.strerror or error}") from None
        self.issuer = Issuer(f"http://{ADDRESS}:{self.server_address[1]}", **options)
        self.opaque = opaque
        self.log = log
        self.slots = threading.BoundedSemaphore(_MOST_REQUESTS)
        self._thread = threading.Thread(target=self.serve_forever, args=(_POLL,), name="wasmcp-issuer", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Handle a request on its own thread; above the limit of requests, close the connection."""
        if not self.slots.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self.slots.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Handle a request, and free its slot."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Drop a connection that its client has closed, or on which it is too slow."""


@contextlib.contextmanager
def serving(port: int = 0, **options: Any) -> Iterator[Issuer]:
    """Yield an issuer that is served on loopback until the block ends; the arguments are those of `IssuerServer`."""
    with IssuerServer(port, **options) as server:
        yield server.issuer


class _OAuthError(Exception):
    """An error response (RFC 6749, section 5.2)."""

    def __init__(self, code: str, description: str, status: int = 400) -> None:
        self.code = code
        self.description = description
        self.status = status
        super().__init__(description)


class _Handler(BaseHTTPRequestHandler):
    """Handler of one request; HTTP/1.0, so that each has its own connection."""

    server: IssuerServer
    server_version = "wasmcp-issuer"
    sys_version = ""
    timeout = _TIMEOUT

    def do_GET(self) -> None:
        """Answer a request for metadata or keys."""
        issuer, path = self.server.issuer, urlsplit(self.path).path
        documents: dict[str, Callable[[], Mapping[str, Any]]] = {
            "/.well-known/oauth-authorization-server": lambda: issuer.metadata,
            "/.well-known/openid-configuration": lambda: issuer.metadata,
            "/jwks.json": lambda: issuer.jwks,
        }
        if not self._has_our_host():
            self._answer(403, {"error": "invalid_request", "error_description": "unknown host"})
        elif path in documents:
            self._answer(200, documents[path]())
        elif path in {"/token", "/introspect"}:
            self._answer(405, {"error": "invalid_request", "error_description": "use POST"}, allow="POST")
        else:
            self._answer(404, {"error": "not_found", "error_description": "there is nothing at this path"})

    def do_POST(self) -> None:
        """Answer a request for a token or for introspection."""
        endpoints = {"/token": self._token, "/introspect": self._introspection}
        endpoint = endpoints.get(urlsplit(self.path).path)
        try:
            self._answer(200, self._result(endpoint))
        except _OAuthError as error:
            document = {"error": error.code, "error_description": error.description}
            fields = {"www_authenticate": 'Basic realm="wasmcp"'} if error.status == 401 else {}
            self._answer(error.status, document, **fields)

    def _result(self, endpoint: Callable[[Mapping[str, str]], dict[str, Any]] | None) -> dict[str, Any]:
        if not self._has_our_host():
            raise _OAuthError("invalid_request", "unknown host", 403)
        if endpoint is None:
            raise _OAuthError("not_found", "there is nothing at this path", 404)
        return endpoint(self._form())

    def _token(self, form: Mapping[str, str]) -> dict[str, Any]:
        """Issue a token to a client (RFC 6749, section 4.4), for the resource that it names (RFC 8707)."""
        issuer = self.server.issuer
        client = self._client(form)
        if form.get("grant_type") != "client_credentials":
            raise _OAuthError("unsupported_grant_type", "the only grant type is client_credentials")
        try:
            scopes = tuple(scopes_in(form.get("scope", "")))
        except InvalidTokenError as error:
            raise _OAuthError("invalid_scope", error.reason) from None
        resource = form.get("resource")
        if resource is not None and (not urlsplit(resource).scheme or "#" in resource):
            raise _OAuthError("invalid_target", "`resource` is not an absolute URI without fragment")
        make = issuer.opaque_token if self.server.opaque else issuer.token
        token = make(scopes=scopes, subject=client, audience=resource, client_id=client)
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": int(issuer.lifetime)}
        return {**answer, "scope": " ".join(scopes)} if scopes else answer

    def _introspection(self, form: Mapping[str, str]) -> dict[str, Any]:
        self._client(form)
        if "token" not in form:
            raise _OAuthError("invalid_request", "the parameter `token` is missing")
        return self.server.issuer.introspect(form["token"])

    def _client(self, form: Mapping[str, str]) -> str:
        """Return the client of a request after the check of its secret (RFC 6749, section 2.3.1)."""
        scheme, _, encoded = self.headers.get("authorization", "").partition(" ")
        client, secret = form.get("client_id", ""), form.get("client_secret", "")
        if scheme:
            try:
                text = base64.b64decode(encoded.strip(), validate=True).decode() if scheme.lower() == "basic" else ""
            except ValueError:
                text = ""
            client, _, secret = (unquote_plus(part) for part in text.partition(":"))
        if not self.server.issuer.has_client(client, secret):
            raise _OAuthError("invalid_client", "the client or its secret is unknown", 401)
        return client

    def _form(self) -> dict[str, str]:
        kind = self.headers.get_content_type()
        if kind != "application/x-www-form-urlencoded":
            raise _OAuthError("invalid_request", "the body must be application/x-www-form-urlencoded")
        length = self.headers.get("content-length", "")
        if not (length.isascii() and length.isdigit() and len(length) < 8 and int(length) <= _LARGEST_BODY):
            raise _OAuthError("invalid_request", f"the body must have a length of at most {_LARGEST_BODY} bytes", 413)
        try:
            pairs = parse_qsl(self.rfile.read(int(length)).decode(), keep_blank_values=True, max_num_fields=64)
        except ValueError:
            raise _OAuthError("invalid_request", "the body is not a form") from None
        if len(dict(pairs)) != len(pairs):
            raise _OAuthError("invalid_request", "a parameter occurs twice")
        return dict(pairs)

    def _has_our_host(self) -> bool:
        """Return False for a request of a page whose name resolves to this machine (DNS rebinding)."""
        return is_loopback(urlsplit(f"http://{self.headers.get('host', '')}").hostname or "")

    def _answer(self, status: int, document: Mapping[str, Any], **fields: str) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.send_header("cache-control", "no-store")
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the name of the base class
        """Pass a line for a request to the log of the server."""
        if self.server.log is not None:
            self.server.log(format % arguments)
