"""Warnings about uses that cannot work in a component."""

from __future__ import annotations

from pathlib import Path

import pytest

from wasmcp.toolchains.base import ComponentSource
from wasmcp.toolchains.python.code_checks import unavailable_uses
from wasmcp.toolchains.python.modules import reachable
from wasmcp.toolchains.python.toolchain import ungranted

WITHOUT = frozenset[str]()


def warnings(folder: Path, text: str, *grants: str) -> list[tuple[int, str]]:
    """Return the line and the use of each warning, and check that each has a problem."""
    path = folder / "tools.py"
    path.write_text(text)
    found = []
    for line in unavailable_uses(reachable(path, [folder], folder).values(), frozenset(grants)):
        head, use, problem = line.removeprefix("warning: `tools.py`, line ").split("`", 2)
        assert problem.startswith(": ")
        found.append((int(head.rstrip(": ")), use))
    return found


@pytest.mark.parametrize(
    ("text", "uses"),
    [
        ("import os\ndef f():\n    os.system('ls')\n", [(3, "os.system")]),
        ("from os import popen as run\nrun('ls')\n", [(2, "run")]),
        ("import os\nos.execvpe('a', [], {})\nos.spawnlp(0, 'a')\n", [(2, "os.execvpe"), (3, "os.spawnlp")]),
        ("import asyncio\nasyncio.create_subprocess_exec('ls')\n", [(2, "asyncio.create_subprocess_exec")]),
        ("import asyncio as a\nasync def f():\n    await a.open_connection('h', 1)\n", [(3, "a.open_connection")]),
        ("import socket\ndef f():\n    socket.create_connection(('h', 1))\n", [(3, "socket.create_connection")]),
        ("from socket import *\nfrom socket import socket\ndef f():\n    socket()\n", [(4, "socket")]),
        (
            "import socket\nclass C:\n    def f(self):\n        socket.getaddrinfo('h', 1)\n",
            [(4, "socket.getaddrinfo")],
        ),
        (
            "import hashlib\ndef f(p):\n    return hashlib.pbkdf2_hmac('sha256', p, b's', 9)\n",
            [(3, "hashlib.pbkdf2_hmac")],
        ),
        ("import hashlib as h\nKEY = h.scrypt(b'p', salt=b's', n=2, r=8, p=1)\n", [(2, "h.scrypt")]),
        ("import httpx\nhttpx.get('u', verify=False)\n", [(2, "verify=False")]),
        ("import requests\nrequests.get('u', proxies={'http': 'p'})\n", [(2, "proxies={'http': 'p'}")]),
        ("import requests\nrequests.get('u',\n    cert=('a', 'b'))\n", [(3, "cert=('a', 'b')")]),
        ("import httpx\nP = 'p'\nhttpx.Client(proxy=P)\n", [(3, "proxy=P")]),
        ("import aiohttp\nasync def f(s):\n    s.get('u', ssl=False)\n", [(3, "ssl=False")]),
        ("import aiohttp\nasync def f(s):\n    await s.ws_connect('u')\n", [(3, "ws_connect")]),
        ("import ssl\nC = ssl._create_unverified_context()\n", [(2, "ssl._create_unverified_context")]),
    ],
)
def test_use_that_cannot_work(tmp_path, text, uses):
    assert warnings(tmp_path, text) == uses


@pytest.mark.parametrize(
    "text",
    [
        "import os\nos.path.join('a')\nsystem = print\nsystem('ls')\n",
        "import socket\nS = socket.socket()\n",  # reported by the interpreter that makes the component
        "import socket\ndef f():\n    socket.inet_aton('1.2.3.4')\n",
        "import httpx\nhttpx.get('u', verify=True, proxy=None)\nhttpx.Client(cert=None)\n",
        "import requests\nrequests.get('u', proxies={})\n",
        "from verification import check\ncheck(verify=False)\n",
        "import asyncio\nasyncio.to_thread(print)\n",
        "this is not Python of any version that is read here".replace(" ", "_") + "\n",
    ],
)
def test_use_that_works(tmp_path, text):
    assert warnings(tmp_path, text) == []


def test_sockets_are_permitted_by_their_grant(tmp_path):
    text = "import socket, asyncio\ndef f():\n    socket.socket()\n    asyncio.open_connection('h', 1)\n"
    assert warnings(tmp_path, text, "sockets") == [(4, "asyncio.open_connection")]


def test_dependencies_are_left_out(tmp_path):
    (tmp_path / "there" / "library").mkdir(parents=True)
    (tmp_path / "there" / "library" / "__init__.py").write_text("import os\nos.system('ls')\n")
    (tmp_path / "tools.py").write_text("import library\n")
    found = reachable(tmp_path / "tools.py", [tmp_path], tmp_path, fetched=tmp_path / "there")
    assert "library" in found
    assert unavailable_uses(found.values(), WITHOUT) == []


def test_http_library_without_its_grant(tmp_path):
    path = tmp_path / "tools.py"
    path.write_text("import httpx, urllib\nfrom urllib import request\nimport http.client\nimport httpx.auth\n")
    modules = reachable(path, [tmp_path], tmp_path)
    expected = [
        f'warning: `tools.py`, line {line}: `{name}` needs `grants = ["http"]` in `[tool.wasmcp.components.text]`'
        for line, name in ((1, "httpx"), (2, "urllib.request"), (3, "http.client"))
    ]
    assert ungranted(ComponentSource("text", path, tmp_path), modules) == expected
    assert ungranted(ComponentSource("text", path, tmp_path, grants=frozenset({"http"})), modules) == []
