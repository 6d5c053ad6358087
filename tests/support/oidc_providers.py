"""oidc-provider, an authorization server that others wrote, from npm: as a process, with a user who consents."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx2
import pytest
from conformance.node import Node

from support.server_processes import free_port

PACKAGES = Path(__file__).parent / "oidc_provider"
CACHE = Path(__file__).parents[2] / ".cache" / "oidc-provider"


@dataclass
class OidcProvider:
    """A running authorization server.

    Attributes:
        url: Its issuer.
        events: Its events, in order.
    """

    url: str
    events: list[dict[str, Any]] = field(default_factory=list)

    def named(self, event: str) -> list[dict[str, Any]]:
        """Return the events of one kind."""
        return [one for one in self.events if one["event"] == event]


@contextlib.contextmanager
def oidc_provider(resource: str, scopes: str) -> Iterator[OidcProvider]:
    """Run oidc-provider for one resource. The test is skipped if its packages cannot be installed."""
    node = Node(CACHE, PACKAGES)
    try:
        node.install()
    except subprocess.CalledProcessError as error:
        pytest.skip(f"oidc-provider cannot be installed from npm: {error.stderr[-300:]}")
    with tempfile.TemporaryDirectory() as folder:
        script = Path(shutil.copy(PACKAGES / "provider.mjs", CACHE / f"{Path(folder).name}.mjs"))
        port = free_port()
        command = [*node.command, str(script), str(port), resource, scopes]
        try:
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
                provider, ready = OidcProvider(f"http://127.0.0.1:{port}"), threading.Event()

                def read() -> None:
                    for line in process.stdout or ():
                        if line.startswith("{"):
                            provider.events.append(json.loads(line))
                            ready.set()
                    ready.set()

                reader = threading.Thread(target=read, daemon=True)
                reader.start()
                try:
                    assert ready.wait(120)
                    assert provider.named("listening"), "oidc-provider ended"
                    yield provider
                finally:
                    process.terminate()
                    reader.join()
        finally:
            script.unlink()


async def consent(url: str, account: str) -> dict[str, str]:
    """Log in and consent at the pages of the provider, as a user's browser does; return the redirect's parameters."""
    async with httpx2.AsyncClient(timeout=60) as browser:
        response = await browser.get(url)
        for _ in range(20):
            if response.status_code in {302, 303}:
                target = urljoin(str(response.url), response.headers["location"])
                if urlsplit(target).path == "/callback":
                    return {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
                response = await browser.get(target)
                continue
            assert response.status_code == 200, response.text
            action = re.search(r'<form[^>]* action="([^"]+)"', response.text)
            prompt = re.search(r'name="prompt" value="(\w+)"', response.text)
            assert action is not None, response.text
            assert prompt is not None, response.text
            form = {"prompt": prompt[1], "login": account, "password": "any"}
            response = await browser.post(urljoin(str(response.url), action[1]), data=form)
    raise AssertionError("the provider did not redirect to the client")
