"""The OAuth flow of the official client, with an authorization server that others wrote (oidc-provider)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from support.oidc_providers import OidcProvider, consent, oidc_provider
from support.server_processes import WASMCP, free_port, listening
from support.tokens import compose, whoami_component

pytestmark = pytest.mark.slow

REDIRECT = "http://127.0.0.1:3000/callback"
MODES = ("auto", "legacy")


class Storage:
    """Tokens and client of one user, in memory."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


async def whoami(url: str, storage: Storage, account: str, mode: str) -> tuple[str, list[str]]:
    """Call the tool with the official client; return its result, and the addresses that the user visited."""
    visited: list[str] = []

    async def redirect(address: str) -> None:
        visited.append(address)

    async def callback() -> AuthorizationCodeResult:
        return AuthorizationCodeResult(**await consent(visited[-1], account))

    metadata = OAuthClientMetadata(redirect_uris=[REDIRECT], client_name="tests")
    auth = OAuthClientProvider(url, metadata, storage, redirect, callback)
    async with httpx2.AsyncClient(auth=auth, timeout=60) as http_client:
        transport: Any = streamable_http_client(url, http_client=http_client)
        async with Client(transport, mode=mode, read_timeout_seconds=60) as client:
            assert [tool.name for tool in (await client.list_tools()).tools] == ["whoami"]
            result = await client.call_tool("whoami", {})
            return result.content[0].text, visited


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whoami")
    path = folder / "server.wasm"
    path.write_bytes(compose(whoami_component(folder), auth="required"))
    return path


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def provider(port: int) -> Iterator[OidcProvider]:
    with oidc_provider(f"http://127.0.0.1:{port}/mcp", "notes:read notes:write") as found:
        yield found


@pytest.mark.parametrize("mode", MODES)
def test_the_flow_completes_and_steps_up(
    server: Path, provider: OidcProvider, port: int, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client without a token gets one; when the server requires another scope, the client obtains it."""
    url, storage = f"http://127.0.0.1:{port}/mcp", Storage()
    settings = {"WASMCP_AUTH_MODE": "oauth", "WASMCP_SERVER_URI": url, "JWT_ISSUER": provider.url}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    command = [*WASMCP, "serve", str(server), "--port", str(port)]
    provider.events.clear()
    scopes = []
    for required in ("notes:read", "notes:read notes:write"):
        monkeypatch.setenv("JWT_REQUIRED_SCOPES", required)
        with listening(command, port):
            text, visited = anyio.run(whoami, url, storage, "alice", mode)
            assert len(visited) == 1
            assert httpx2.URL(visited[0]).params["resource"] == url
            assert httpx2.URL(visited[0]).params["code_challenge_method"] == "S256"
            subject, issuer, _ = text.split("|")
            scopes.append(subject.split())
            assert issuer == provider.url
            again, visited = anyio.run(whoami, url, storage, "alice", mode)
            assert (again, visited) == (text, [])
    assert [sorted(names) for names in scopes] == [["alice", "notes:read"], ["alice", "notes:read", "notes:write"]]
    assert len(provider.named("registered")) == 1
    assert provider.named("granted") == 2 * [
        {"event": "granted", "grant_type": "authorization_code", "resource": url, "pkce": True}
    ]
    assert not [one for one in provider.events if one["event"].endswith("error")]
