from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.web_server import web_server

from wasmcp.guest import NotGrantedError, http, tool
from wasmcp.guest.declarations.registry import tool_of
from wasmcp.guest.http import responses
from wasmcp.guest.http.messages import encoded, transfer_failed, url_of
from wasmcp.guest.testing import Answer, LocalContext, fake_http, real_http

URL = "https://api.example.org/items"


@pytest.fixture
def network():
    with fake_http() as network:
        yield network


class TestGrant:
    def test_request_without_grant_is_refused(self):
        with pytest.raises(
            NotGrantedError, match=r"`http` is not granted.*`fake_http\(\)` or `real_http\(\)`"
        ) as caught:
            http.get(URL)
        assert caught.value.grant == "http"

    def test_component_built_without_grant(self, monkeypatch):
        monkeypatch.setattr(sys, "platform", "wasi")
        denied = responses._default_transport()
        monkeypatch.setattr(responses, "TRANSPORTS", [denied])
        with pytest.raises(NotGrantedError, match=r'add it to the `grants` of its table: `grants = \["http"\]`'):
            http.get(URL)

    def test_host_refuses_the_request(self, network):
        network.route("*", URL, error="HTTP-request-denied")
        with pytest.raises(http.RequestDeniedError) as caught:
            http.get(URL)
        assert isinstance(caught.value, NotGrantedError)
        assert (caught.value.grant, caught.value.url) == ("http", URL)

    @pytest.mark.parametrize(
        ("url", "rule"),
        [
            ("https://a.example.org/x?y#z", "https://a.example.org"),
            ("http://a.example.org:8080?y=http://b.org/", "http://a.example.org:8080"),
        ],
    )
    def test_a_denied_request_names_the_missing_rule(self, network, monkeypatch, url, rule):
        monkeypatch.setattr(sys, "platform", "wasi")
        network.route("*", "*", error="HTTP-request-denied")
        with pytest.raises(http.RequestDeniedError) as caught:
            http.get(url)
        assert caught.value.rule == rule
        assert f"`http` for `{rule}` is not granted to this component: name it in the `grants`" in str(caught.value)
        assert f'`grants = {{ http = ["{rule}"] }}`' in str(caught.value)

    def test_fake_ends_with_its_block(self):
        with fake_http():
            pass
        with pytest.raises(NotGrantedError):
            http.get(URL)


class TestRequests:
    def test_parameters(self, network):
        network.route("GET", URL)
        params = {"q": "ä b&c", "n": 1, "yes": True, "none": None, "many": ["a", 2.5]}
        http.get(f"{URL}?x=1", params=params)
        assert network.requests[0].url == f"{URL}?x=1&q=%C3%A4+b%26c&n=1&yes=true&many=a&many=2.5"

    def test_json(self, network):
        @dataclass
        class Item:
            name: str

        network.route("POST", URL)
        http.post(URL, json=[Item("é"), None, 1.5])
        sent = network.requests[0]
        assert sent.json() == [{"name": "é"}, None, 1.5]
        expected = {"user-agent": "wasmcp", "content-type": "application/json", "content-length": str(len(sent.body))}
        assert dict(sent.headers) == expected
        http.post(URL, json=None)
        assert network.requests[1].body == b"null"

    def test_form_body(self, network):
        network.route("POST", URL)
        http.post(URL, form={"a": "ü", "b": [1, 2]})
        assert network.requests[0].body == b"a=%C3%BC&b=1&b=2"
        assert network.requests[0].headers["content-type"] == "application/x-www-form-urlencoded"

    @pytest.mark.parametrize(
        ("body", "sent"),
        [("é", "é".encode()), (b"x", b"x"), (bytearray(b"y"), b"y"), ([b"a", b"", b"b"], b"ab"), (iter([b"c"]), b"c")],
    )
    def test_bodies(self, network, body, sent):
        network.route("PUT", URL)
        http.put(URL, body=body)
        assert network.requests[0].body == sent

    def test_explicit_media_type(self, network):
        network.route("PATCH", URL)
        http.patch(URL, json={}, headers={"Content-Type": "application/merge-patch+json"})
        assert network.requests[0].headers.all("content-type") == ["application/merge-patch+json"]

    def test_user_and_password_of_the_url(self, network):
        network.route("*", "*")
        http.get("https://me:p%40ss@example.org/x")
        assert network.requests[0].headers["authorization"] == "Basic bWU6cEBzcw=="
        assert network.requests[0].url == "https://example.org/x"

    def test_every_method(self, network):
        network.route("*", URL)
        for send in (http.get, http.head, http.options, http.post, http.put, http.patch, http.delete):
            send(URL)
        http.request("purge", URL)
        assert [sent.method for sent in network.requests] == [
            "GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "PURGE",
        ]  # fmt: skip

    def test_client_defaults(self, network):
        network.route("*", "*")
        client = http.Client(base_url="https://api.example.org/v1/", headers={"x-key": "k", "accept": "a"})
        client.get("items", headers={"Accept": "b"})
        client.get("/other")
        client.get("https://elsewhere.example.org/")
        assert [sent.url for sent in network.requests] == [
            "https://api.example.org/v1/items",
            "https://api.example.org/other",
            "https://elsewhere.example.org/",
        ]
        assert network.requests[0].headers.pairs == (("x-key", "k"), ("Accept", "b"), ("user-agent", "wasmcp"))
        http.get("https://elsewhere.example.org/", headers={"User-Agent": "mine"})
        assert network.requests[-1].headers.all("user-agent") == ["mine"]

    @pytest.mark.parametrize(
        ("options", "problem"),
        [
            ({"json": 1, "body": b""}, "one body, not `json` and `body`"),
            ({"json": object()}, "`json` has no JSON form"),
            ({"body": 5}, "a body is bytes, a text or pieces of bytes, not int"),
            ({"body": ["text"]}, "the pieces of a body are bytes, not str"),
            ({"headers": {"host": "x"}}, "the header `host` is set by the host"),
            ({"headers": {"a b": "x"}}, "the header name 'a b' is invalid"),
            ({"headers": {"a": "x\ny"}}, "the value of the header `a` is invalid"),
            ({"params": {"a": object()}}, "the parameter `a` is a object"),
        ],
    )
    def test_invalid_requests(self, network, options, problem):
        network.route("*", "*")
        with pytest.raises(http.InvalidRequestError, match=problem):
            http.post(URL, **options)
        assert network.requests == []

    def test_async_body_needs_async_client(self, network):
        async def pieces():
            yield b"a"
            yield b"b"

        network.route("POST", URL)
        with pytest.raises(http.InvalidRequestError, match="AsyncClient"):
            http.post(URL, body=pieces())
        asyncio.run(http.AsyncClient().post(URL, body=pieces()))
        assert network.requests[0].body == b"ab"

    def test_unknown_option(self):
        with pytest.raises(TypeError, match="no option `timeot`"):
            http.get(URL, timeot=5)


class TestUrls:
    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("items", "must begin with `http://` or `https://`, not a relative URL"),
            ("file:///etc/passwd", "not `file://`"),
            ("http:///x", "has no host"),
            ("http://a b/", "a space or a control character"),
            ("http://a/\r\nx", "a space or a control character"),
            ("http://a:99999/", "cannot be read"),
            ("http://[::1/", "cannot be read"),
        ],
    )
    def test_invalid_urls(self, text, problem):
        with pytest.raises(http.InvalidRequestError, match=problem):
            url_of(text)

    def test_password_is_not_in_messages(self):
        with pytest.raises(http.InvalidRequestError) as caught:
            url_of("ftp://me:secret@example.org/")
        assert "secret" not in str(caught.value)

    @pytest.mark.parametrize(
        ("text", "url", "authority"),
        [
            ("HTTP://Example.ORG", "http://example.org/", "example.org"),
            ("http://example.org:80/a?b", "http://example.org/a?b", "example.org"),
            ("https://example.org:80", "https://example.org:80/", "example.org:80"),
            ("http://[::1]:8000/ä", "http://[::1]:8000/%C3%A4", "[::1]:8000"),
            ("http://bücher.example/", "http://xn--bcher-kva.example/", "xn--bcher-kva.example"),
            ("http://a/x%20y?q=%2F#part", "http://a/x%20y?q=%2F", "a"),
        ],
    )
    def test_normal_form(self, text, url, authority):
        found = url_of(text)
        assert (str(found), found.authority) == (url, authority)

    @given(st.text(max_size=40))
    def test_random_text_is_a_url_or_refused(self, text):
        try:
            found = url_of(f"http://example.org/{text}")
        except http.InvalidRequestError:
            return
        assert str(found).isascii()
        assert str(url_of(str(found))) == str(found)

    @given(st.dictionaries(st.text(max_size=5), st.one_of(st.text(max_size=9), st.integers(), st.booleans())))
    def test_parameters_round_trip(self, params):
        from urllib.parse import parse_qsl

        expected = {key: {True: "true", False: "false"}.get(value, value) if isinstance(value, bool) else str(value)
                for key, value in params.items()}  # fmt: skip
        assert dict(parse_qsl(encoded(params), keep_blank_values=True, strict_parsing=bool(params))) == expected


class TestResponses:
    def test_headers(self, network):
        network.route("GET", URL, headers=[("Set-Cookie", "a=1"), ("set-cookie", "b=2"), ("X-A", "1")])
        headers = http.get(URL).headers
        assert headers["SET-COOKIE"] == "a=1, b=2"
        assert headers.all("set-cookie") == ["a=1", "b=2"]
        assert (list(headers), len(headers), "x-a" in headers, headers.get("x-b")) == (
            ["set-cookie", "x-a"],
            2,
            True,
            None,
        )
        assert "1" not in repr(headers)

    def test_texts(self, network):
        network.route("GET", URL, body="é".encode("latin-1"), headers={"content-type": 'Text/Plain; charset="Latin-1"'})
        response = http.get(URL)
        assert (response.text, response.media_type, response.charset) == ("é", "text/plain", "Latin-1")
        network.route("GET", URL, body=b"\xff", headers={"content-type": "text/plain; charset=nonsense"})
        assert http.get(URL).text == "\ufffd"

    def test_json(self, network):
        network.route("GET", URL, json={"a": [1]})
        assert http.get(URL).json() == {"a": [1]}
        network.route("GET", URL, body=b"<html>", headers={"content-type": "text/html"})
        with pytest.raises(
            http.InvalidContentError, match=r"GET https://api.example.org/items: the body \(text/html\) is not"
        ):
            http.get(URL).json()

    def test_status(self, network):
        network.route("GET", URL, status=503, text="busy")
        response = http.get(URL)
        assert (response.ok, response.reason) == (False, "Service Unavailable")
        with pytest.raises(http.StatusError, match=f"GET {URL}: status 503 Service Unavailable") as caught:
            response.raise_for_status()
        assert caught.value.status == 503
        assert caught.value.response is response
        network.route("GET", URL, status=299)
        assert http.get(URL).raise_for_status().reason == ""

    def test_streamed_body(self, network):
        network.route("GET", URL, body=[b"one\r\ntw", b"o\n\xc3", b"\xa9"])
        with http.stream("GET", URL) as response:
            assert list(response.chunks(4)) == [b"one\r", b"\ntw", b"o\n\xc3", b"\xa9"]
        with http.stream("GET", URL) as response:
            assert list(response.lines()) == ["one", "two", "é"]
        with http.stream("GET", URL) as response:
            assert response.read().text == "one\r\ntwo\né"

    def test_body_limit(self, network):
        network.route("GET", URL, body=[b"12", b"34", b"5"])
        assert http.get(URL, max_body=5).content == b"12345"
        with pytest.raises(http.BodyTooLargeError, match="more than 4 bytes"):
            http.get(URL, max_body=4)
        assert len(http.get(URL, max_body=None).content) == 5

    @pytest.mark.parametrize("length", ["²", "1_0", " 9", "-1"])
    def test_invalid_content_length_is_ignored(self, network, length):
        network.route("GET", URL, headers={"content-length": length}, body=b"12")
        assert http.get(URL, max_body=2).content == b"12"

    def test_content_length_beyond_the_limit_is_refused(self, network):
        network.route("GET", URL, headers={"content-length": "9" * 5000}, body=b"12")
        with pytest.raises(http.BodyTooLargeError):
            http.get(URL, max_body=2)

    def test_response_of_a_function(self, network):
        network.route("POST", URL, lambda sent: Answer(201, {"location": "/1"}, sent.body.upper()))
        response = http.post(URL, body="x")
        assert (response.status, response.headers["location"], response.content) == (201, "/1", b"X")

    def test_missing_route(self, network):
        network.route("GET", URL)
        with pytest.raises(LookupError, match=f"no route for POST {URL}; its routes: GET {URL}"):
            http.post(URL)


class TestErrors:
    @pytest.mark.parametrize(
        ("code", "kind"),
        [
            ("DNS-error", http.ConnectError),
            ("destination-unavailable", http.ConnectError),
            ("connection-limit-reached", http.ConnectError),
            ("connection-terminated", http.ProtocolError),
            ("connection-timeout", http.TransferTimeoutError),
            ("TLS-certificate-error", http.TlsError),
            ("HTTP-request-URI-too-long", http.InvalidRequestError),
            ("HTTP-response-body-size", http.ProtocolError),
            ("internal-error", http.ProtocolError),
        ],
    )
    def test_exception_classes(self, network, code, kind):
        network.route("GET", URL, error=code)
        with pytest.raises(kind, match=f"GET {URL}: {code}") as caught:
            http.get(URL)
        assert (caught.value.method, caught.value.url) == ("GET", URL)
        assert type(caught.value) is kind

    def test_timeout_is_a_timeout_error(self):
        error = transfer_failed("connection-timeout", "slow")
        assert isinstance(error, TimeoutError)
        assert str(error) == "connection-timeout (slow)"

    def test_errors_are_masked(self, network, capsys):
        network.route("GET", URL, error="connection-refused")

        @tool
        def fetch() -> str:
            return http.get(URL).text

        called = tool_of(fetch).call("{}", LocalContext())
        assert (called.is_error, called.content[0].text) == (True, "Error executing tool fetch")
        assert "connection-refused" in capsys.readouterr().err


class TestRealNetwork:
    def test_tasks_run_concurrently(self):
        with web_server() as url, real_http():

            async def together():
                client = http.AsyncClient()
                return await asyncio.gather(*[client.get(f"{url}/together") for _ in range(3)])

            assert [response.text for response in asyncio.run(together())] == ["together"] * 3

            @tool
            async def in_a_tool() -> list[str]:
                return [response.text for response in await together()]

            called = tool_of(in_a_tool).call("{}", LocalContext())
        assert json.loads(called.structured) == {"result": ["together"] * 3}

    def test_iterator_body_cannot_be_redirected(self):
        with web_server() as url, real_http():
            with pytest.raises(http.InvalidRequestError, match="its streamed body cannot be sent again"):
                http.post(f"{url}/moved?307", body=iter([b"x"]))
            assert http.post(f"{url}/moved?303", body=iter([b"x"])).status == 200

    def test_async_tool(self):
        @tool
        async def fetch(url: str) -> list[str]:
            async with http.AsyncClient().stream("GET", url) as response:
                return [line async for line in response.lines()]

        with web_server() as url, real_http():
            called = tool_of(fetch).call(json.dumps({"url": f"{url}/lines"}), LocalContext())
        assert json.loads(called.structured) == {"result": ["one", "twö", "three"]}
