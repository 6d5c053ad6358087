"""Python SDK of a model provider in a composed server, unchanged, against a loopback server. Slow: it is large."""

from __future__ import annotations

import json

import pytest
from support.projects import write_project
from support.web_server import web_server

from wasmcp.host import open_server

pytestmark = pytest.mark.slow

PYPROJECT = """\
[project]
name = "assistant"
version = "0.1.0"

[tool.wasmcp.components.chat]
source = "src/assistant/chat.py"
grants = ["http"]
dependencies = ["openai>=3.57,<4"]
imports = ["anyio._backends._asyncio"]

[tool.wasmcp.servers.default]
components = ["chat"]
"""
TOOLS = '''\
"""Tools that use a model."""

import asyncio

import openai
from wasmcp.guest import tool

CLIENT = openai.OpenAI(api_key="key", base_url="http://127.0.0.1:1", max_retries=1)
MESSAGES = [{"role": "user", "content": "Hi"}]


@tool
def chat(base: str) -> str:
    """Return the answer of a model."""
    client = CLIENT.with_options(base_url=base)
    return client.chat.completions.create(model="m", messages=MESSAGES).choices[0].message.content or ""


@tool
def chat_in_parts(base: str) -> list[str]:
    """Return the parts of a streamed answer."""
    client = CLIENT.with_options(base_url=base)
    stream = client.chat.completions.create(model="m", messages=MESSAGES, stream=True)
    return [part.choices[0].delta.content or "" for part in stream]


@tool
async def chats(base: str) -> list[str]:
    """Return the answers to two requests."""
    async with openai.AsyncOpenAI(api_key="key", base_url=base) as client:
        found = await asyncio.gather(*(client.chat.completions.create(model="m", messages=MESSAGES) for _ in range(2)))
    return [one.choices[0].message.content or "" for one in found]


@tool
def failure(base: str) -> list[str]:
    """Return the exceptions of a client that cannot connect, and of one that gets an error response."""
    found = []
    for client in (CLIENT, CLIENT.with_options(base_url=f"{base}/missing?")):
        try:
            client.chat.completions.create(model="m", messages=MESSAGES)
        except openai.APIError as error:
            found.append(type(error).__name__)
    return found
'''


def test_client_of_a_provider(tmp_path):
    from wasmcp.project import ensure_built

    project = write_project(
        tmp_path, {"pyproject.toml": PYPROJECT, "src/assistant/__init__.py": "", "src/assistant/chat.py": TOOLS}
    )
    answer = "Hello, Bearer key"
    with web_server() as base, open_server(ensure_built(project)) as server:

        def call(name):
            found = server.call_tool(name, {"base": base})
            assert not found.is_error, found
            return found.text

        assert call("chat") == answer
        assert json.loads(call("chat_in_parts")) == ["Hel", "lo"]
        assert json.loads(call("chats")) == [answer, answer]
        assert json.loads(call("failure")) == ["APIConnectionError", "NotFoundError"]
