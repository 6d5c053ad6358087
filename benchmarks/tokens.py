"""Cost of access tokens: a request with a valid token against one to the public server, next to PyJWT and the SDK."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import jwt
from mcp.server.auth.middleware.bearer_auth import BearerAuthBackend
from mcp.server.auth.provider import AccessToken
from starlette.requests import HTTPConnection

from benchmarks.measure import Row, least_in_turns, least_seconds
from wasmcp.auth.issuer import Issuer
from wasmcp.host import Server, open_server

ALGORITHMS = ("RS256", "ES256", "EdDSA")
CACHED = 20.0
"""Most microseconds that a token may add to a request once its verdict is cached."""
COLD = 2000.0
"""Most microseconds that the first request with a token may take longer."""
RUNS = 15
BODY = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"})
FIELDS = (
    ("host", "127.0.0.1"),
    ("content-type", "application/json"),
    ("accept", "application/json, text/event-stream"),
)


class Verifier:
    """Token verifier for the SDK's middleware, with PyJWT."""

    def __init__(self, issuer: Issuer) -> None:
        self.issuer = issuer
        self.key = jwt.PyJWK(issuer.jwks["keys"][0])

    def decode(self, token: str) -> dict[str, object]:
        """Verify a token with PyJWT."""
        given = {"algorithms": [self.issuer.algorithm], "audience": self.issuer.audience, "issuer": self.issuer.url}
        found: dict[str, object] = jwt.decode(token, self.key, **given)
        return found

    async def verify_token(self, token: str) -> AccessToken:
        """Verify a token, as the middleware demands."""
        claims = self.decode(token)
        return AccessToken(
            token=token, client_id=str(claims["client_id"]), scopes=[], expires_at=int(str(claims["exp"]))
        )


def request(server: Server, tokens: Iterator[str | None]) -> Callable[[], None]:
    """Return a function that sends one request, with the next token."""

    def send() -> None:
        token = next(tokens)
        fields = [*FIELDS] if token is None else [*FIELDS, ("authorization", f"Bearer {token}")]
        # The session is missing, which the server finds after authorization, and without a component.
        assert server.http("POST", "/mcp", fields, BODY).status != 401

    return send


def rows(zig: Path) -> list[Row]:
    """Return the time that tokens add to a request: verdict cached, and cold for each algorithm."""
    found = []
    for algorithm in ALGORITHMS:
        issuer = Issuer("https://issuer.example.com", algorithm=algorithm)
        verifier = Verifier(issuer)
        token = issuer.token()
        pyjwt = least_seconds(lambda v=verifier, t=token: v.decode(t), runs=RUNS, inner=20) * 1e6  # type: ignore[misc]
        with (
            open_server(zig, instances=2) as open_to_all,
            open_server(zig, instances=2, settings=issuer.settings()) as server,
        ):
            without, valid = request(open_to_all, itertools.repeat(None)), request(server, itertools.repeat(token))
            least = least_in_turns({"public": without, "cached": valid})
            public, cached = least["public"], least["cached"]
            if algorithm == ALGORITHMS[0]:
                peer, middleware = "the SDK's bearer middleware with PyJWT, RS256", sdk_microseconds(verifier, token)
                found.append(Row("token, verdict cached", (cached - public) * 1e6, "us", CACHED, peer, middleware))
            fresh = iter([issuer.token() for _ in range(RUNS * 5 + 1)])
            cold = least_seconds(request(server, fresh), runs=RUNS * 5, inner=1)  # short: others preempt long batches
            found.append(Row(f"token, {algorithm}, cold", (cold - public) * 1e6, "us", COLD, "PyJWT", pyjwt))
    return found


def sdk_microseconds(verifier: Verifier, token: str) -> float:
    """Return the time of the official SDK's middleware for one request."""
    backend = BearerAuthBackend(verifier)
    scope = {"type": "http", "headers": [(b"authorization", f"Bearer {token}".encode())]}

    async def measure() -> float:
        async def batch() -> None:
            for _ in range(20):
                assert await backend.authenticate(HTTPConnection(scope))

        loop, least = asyncio.get_running_loop(), float("inf")
        for _ in range(RUNS):
            start = loop.time()
            await batch()
            least = min(least, (loop.time() - start) / 20)
        return least * 1e6

    return asyncio.run(measure())
