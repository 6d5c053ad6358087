"""Imitations of public registries' authorization, for tests: the real ones cannot be reached from a test.

A token server, and a check of its tokens in front of `docker-registry`. What is imitated, and from what:

* Docker Hub: a token server on another host; `GET` with Basic, or without for public repositories; user and password.
  (Docker Registry v2, "Token Authentication Specification")
* Azure: `POST` with `grant_type=refresh_token` and nothing else (Docker Registry v2, "OAuth2 Token Authentication";
  Azure, "Authenticate with Azure Container Registry using the Docker API").
* GitHub: `GET`; without credentials 403 `DENIED` for what is private.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from support.registries import Answer, Proxy, proxy

USER, PASSWORD, REFRESH = "ann", "secret", "refresh-token-of-ann"


@dataclass
class TokenServer:
    """A token server.

    Attributes:
        host: Its address.
        public: Give tokens for pulls to every client.
        refresh_only: Accept only refresh tokens, as Azure's server does.
        answers: Answers that come before its own, one a request.
        seen: The requests, as method, path, form or query, and the field `Authorization`.
    """

    host: str
    public: bool = True
    refresh_only: bool = False
    answers: list[Answer] = field(default_factory=list)
    seen: list[tuple[str, str, dict[str, str], str]] = field(default_factory=list)

    def answer(self, method: str, path: str, form: dict[str, str], authorization: str) -> Answer:
        """Return what a request is answered with; a token is who it is for and what it allows."""
        self.seen.append((method, path, form, authorization))
        if self.answers:
            return self.answers.pop(0)
        who = ""
        if method == "POST":
            fits = form.get("grant_type") == "refresh_token" and form.get("refresh_token") == REFRESH
            if not fits or not form.get("client_id") or not form.get("service"):
                return 401, {}, b'{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}'
            who = USER
        elif authorization.startswith("Basic "):
            given = base64.b64decode(authorization[6:]).decode()
            if self.refresh_only or given != f"{USER}:{PASSWORD}":
                return 401, {}, b'{"errors":[{"code":"UNAUTHORIZED","message":"incorrect username or password"}]}'
            who = USER
        elif not self.public:
            return 403, {}, b'{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}'
        text = f"{who or 'anybody'}|{form.get('scope', '')}"
        token = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
        return 200, {}, json.dumps({"access_token" if method == "POST" else "token": token}).encode()


@contextlib.contextmanager
def token_server(**attributes: Any) -> Iterator[TokenServer]:
    """Run a token server."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            parts = urlsplit(self.path)
            form = {key: values[0] for key, values in parse_qs(body or parts.query).items()}
            authorization = self.headers.get("Authorization", "")
            status, headers, data = state.answer(self.command, parts.path, form, authorization)
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = _serve  # noqa: N815 - the names that http.server requires

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state = TokenServer(f"127.0.0.1:{server.server_port}", **attributes)
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@contextlib.contextmanager
def guarded(upstream: str, tokens: TokenServer, *, realm: str = "", public: bool = True) -> Iterator[Proxy]:
    """Run a proxy that lets requests through to a registry that have a token of a server.

    Args:
        upstream: The registry.
        tokens: The token server.
        realm: Another address for it.
        public: Allow pulls with any token.
    """
    with proxy(upstream) as front:

        def guard(method: str, path: str, fields: dict[str, str]) -> Answer | None:
            repository = re.split("/manifests|/blobs|/tags", path.removeprefix("/v2/"))[0]
            pull = f"repository:{repository}:pull"
            want = pull if method in ("GET", "HEAD") else f"{pull},push"
            token = fields.get("Authorization", "").removeprefix("Bearer ")
            who, _, scope = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode().partition("|")
            known = who == USER or (public and want == pull)
            if known and scope in (want, f"{pull},push"):
                return None
            want = "" if path == "/v2/" else want
            challenge = f'Bearer realm="{realm or f"http://{tokens.host}/token"}",service="{front.host}"'
            challenge += f',scope="{want}"' if want else ""
            data = b'{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}'
            return 401, {"Www-Authenticate": challenge}, data

        front.guard = guard
        yield front
