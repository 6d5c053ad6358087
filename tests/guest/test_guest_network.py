"""Seams of HTTP libraries, executed natively: over sockets to a loopback server, and with responses of a test."""

from __future__ import annotations

import asyncio
import importlib.util
import sys

import pytest
from support.network_uses import fits, result_of, seams_over_network
from support.web_server import web_server

from wasmcp.guest import NotGrantedError
from wasmcp.guest.network.seams import SEAMS, Seams
from wasmcp.guest.testing import Answer, fake_http, real_http

httpx = pytest.importorskip("httpx")
aiohttp = pytest.importorskip("aiohttp")
requests = pytest.importorskip("requests")
from support import network_aiohttp, network_httpx, network_requests  # noqa: E402

URL = "https://api.example.org/items"


@pytest.fixture(scope="module")
def base():
    with web_server() as url:
        yield url


@pytest.mark.parametrize("library", network_httpx.LIBRARIES)
@pytest.mark.parametrize("use", network_httpx.EXPECTED, ids=lambda use: use.__name__)
def test_use_of_httpx(use, library, base):
    with seams_over_network():
        found = result_of(use, network_httpx.LIBRARIES[library], base)
    assert fits(found, network_httpx.EXPECTED[use]), found


@pytest.mark.parametrize("use", network_requests.EXPECTED, ids=lambda use: use.__name__)
def test_use_of_requests(use, base):
    with seams_over_network():
        found = result_of(use, base)
    assert fits(found, network_requests.EXPECTED[use]), found


@pytest.mark.parametrize("use", network_aiohttp.EXPECTED, ids=lambda use: use.__name__)
def test_use_of_aiohttp(use, base):
    with seams_over_network():
        found = result_of(use, base)
    assert fits(found, network_aiohttp.EXPECTED[use]), found


class TestSeams:
    def test_attributes_are_restored(self):
        import httpcore

        before = vars(httpcore.ConnectionPool)["handle_request"]
        with fake_http():
            assert vars(httpcore.ConnectionPool)["handle_request"] is not before
        assert vars(httpcore.ConnectionPool)["handle_request"] is before

    def test_library_imported_later_gets_its_seam(self, monkeypatch, tmp_path):
        (tmp_path / "late_library.py").write_text("value = 1\nbefore = value\n")
        (tmp_path / "late_seam.py").write_text(
            "from wasmcp.guest.network.seams import Patch\n"
            "def patches(module):\n    return [Patch(module, 'value', 2), Patch(module, 'added', 3)]\n"
        )
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.setitem(SEAMS, "late_library", "late_seam")
        # The loader of this process: libraries of other tests replace it.
        loader = type(importlib.util.find_spec("late_library").loader)
        seams = Seams()
        seams.install()
        try:
            spec = importlib.util.find_spec("late_library")
            assert spec.loader.get_code("late_library").co_filename == str(tmp_path / "late_library.py")
            import late_library

            assert (late_library.before, late_library.value, late_library.added) == (1, 2, 3)
            assert type(late_library.__loader__) is loader
            assert late_library.__spec__.loader is late_library.__loader__
        finally:
            seams.remove()
            sys.modules.pop("late_library", None)
        assert late_library.value == 1
        assert not hasattr(late_library, "added")
        assert seams not in sys.meta_path

    def test_library_without_its_seam_is_imported_unchanged(self, monkeypatch, tmp_path):
        """As ``http.client`` in a finished component, which the standard library imports in a call."""
        (tmp_path / "bare_library.py").write_text("value = 1\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.setitem(SEAMS, "bare_library", "seam_that_is_not_there")
        seams = Seams()
        seams.install()
        try:
            import bare_library

            assert bare_library.value == 1
        finally:
            seams.remove()
            sys.modules.pop("bare_library", None)

    @pytest.mark.parametrize("version", ["3.9.5", "3.15.0", "4.0.0a1"])
    def test_other_version_of_aiohttp_is_refused(self, version, monkeypatch):
        from wasmcp.guest.network.aiohttp_connections import patches

        monkeypatch.setattr(aiohttp, "__version__", version)
        (patch,) = patches(aiohttp)
        message = rf"aiohttp {version} is not supported in a component.*`aiohttp>=3.10,<3.15`"
        with pytest.raises(ImportError, match=message):
            asyncio.run(patch.value(None, None, None, None))
        monkeypatch.setattr(sys, "platform", "wasi")
        with pytest.raises(ImportError, match=message):
            patches(aiohttp)


class TestFake:
    @pytest.mark.parametrize("library", network_httpx.LIBRARIES)
    def test_httpx_gets_the_response_of_the_test(self, library):
        x = network_httpx.LIBRARIES[library]
        with fake_http() as network:
            network.route("POST", URL, json={"a": 1}, headers=[("set-cookie", "a=1"), ("set-cookie", "b=2")])
            response = x.post(URL, json=[1], params={"q": "x"})
            assert response.json() == {"a": 1}
            assert dict(response.cookies) == {"a": "1", "b": "2"}
        (sent,) = network.requests
        assert (sent.method, sent.url, sent.body) == ("POST", f"{URL}?q=x", b"[1]")
        assert sent.headers["content-type"] == "application/json"
        assert "host" not in sent.headers

    @pytest.mark.parametrize("url", ["ftp://a.test/", "a.test/path"])
    def test_other_protocols_have_the_error_of_httpcore(self, url):
        with pytest.raises(httpx.UnsupportedProtocol) as original:
            httpx.get(url)
        with fake_http(), pytest.raises(httpx.UnsupportedProtocol) as found:
            httpx.get(url)
        assert str(found.value) == str(original.value)

    def test_network_inside_of_a_fake(self, base):
        with fake_http() as network, real_http():
            assert httpx.get(f"{base}/gzip").text == "compressed"
            assert requests.get(f"{base}/gzip", timeout=5).text == "compressed"
        assert network.requests == []

    def test_requests_gets_the_response_of_the_test(self):
        with fake_http() as network:
            network.route("POST", URL, lambda sent: Answer(201, {"x-one": "é"}, [b"a", sent.body]))
            network.route("GET", URL, error="TLS-certificate-error")
            response = requests.post(URL, json=[1], timeout=5)
            assert (response.status_code, response.reason, response.text) == (201, "Created", "a[1]")
            with pytest.raises(requests.exceptions.SSLError, match="TLS-certificate-error"):
                requests.get(URL, timeout=5)
        assert network.requests[0].headers["content-type"] == "application/json"

    def test_aiohttp_gets_the_response_of_the_test(self):
        async def fetch():
            async with aiohttp.ClientSession() as session:
                async with session.put(URL, data=b"body") as response:
                    found = [response.status, await response.text()]
                with pytest.raises(aiohttp.ClientConnectorCertificateError):
                    await session.get(URL)
                with pytest.raises(NotGrantedError):
                    await session.delete(URL)
            return found

        with fake_http() as network:
            network.route("PUT", URL, text="put")
            network.route("GET", URL, error="TLS-certificate-error")
            network.route("DELETE", URL, error="HTTP-request-denied")
            assert asyncio.run(fetch()) == [200, "put"]
        assert network.requests[0].body == b"body"

    def test_httpx_concurrently(self):
        async def both():
            async with httpx.AsyncClient() as client:
                return await asyncio.gather(client.get(URL), client.get(URL))

        with fake_http() as network:
            network.route("GET", URL, text="one")
            assert [response.text for response in asyncio.run(both())] == ["one", "one"]

    @pytest.mark.parametrize(
        ("code", "kind"),
        [
            ("connection-timeout", "ConnectTimeout"),
            ("connection-refused", "ConnectError"),
            ("TLS-certificate-error", "ConnectError"),
            ("HTTP-response-timeout", "ReadTimeout"),
            ("connection-write-timeout", "WriteTimeout"),
            ("HTTP-response-incomplete", "RemoteProtocolError"),
            ("HTTP-request-URI-invalid", "LocalProtocolError"),
            ("HTTP-request-denied", "RequestDeniedError"),
        ],
    )
    def test_httpx_raises_its_own_exception(self, code, kind):
        with fake_http() as network:
            network.route("GET", URL, error=code)
            with pytest.raises(Exception, match=code if kind != "RequestDeniedError" else "not granted") as caught:
                httpx.get(URL)
        assert type(caught.value).__name__ == kind
        assert isinstance(caught.value, NotGrantedError if kind == "RequestDeniedError" else httpx.TransportError)


def test_request_without_grant_is_refused():
    seams = Seams()
    seams.install()
    try:
        with pytest.raises(NotGrantedError, match="`http` is not granted"):
            httpx.get(URL)
    finally:
        seams.remove()
