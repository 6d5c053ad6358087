"""Elicitation on the terminal: forms are filled in, URLs are shown.

Specification: client/elicitation.
"""

from __future__ import annotations

import sys
from typing import Any
from urllib.parse import urlsplit

from wasmcp.client.arguments import Field, fields
from wasmcp.terminal import printable

_ACCEPT, _DECLINE, _CANCEL = "a", "d", "c"
_ACTIONS = {_ACCEPT: "accept", _DECLINE: "decline", _CANCEL: "cancel"}


def elicit(params: dict[str, Any]) -> dict[str, Any]:
    """Show the elicitation of a server, and return the result of the user's input.

    Texts of the server are escaped. No URL is opened.
    """
    _say("")
    _say(f"The server requests input: {printable(str(params.get('message', '')), keep=chr(10))}")
    try:
        if params.get("mode") == "url":
            return _url(params)
        return _form(params)
    except EOFError:
        _say("")
        return {"action": "cancel"}


def _url(params: dict[str, Any]) -> dict[str, Any]:
    url = str(params.get("url", ""))
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        host = ""
    _say(f"Open this address in a browser, if you trust `{printable(host)}`:")
    _say(f"  {printable(url)}")
    return {"action": _action("[a] accept, it is open  [d] decline  [c] cancel")}


def _form(params: dict[str, Any]) -> dict[str, Any]:
    form = list(fields(params))
    if form:
        _say("An empty line takes the default; end of input (Ctrl-D) cancels.")
    content: dict[str, Any] = {}
    for one in form:
        value = _value(one)
        if value is not None:
            content[one.name] = value
    action = _action("[a] accept and send  [d] decline  [c] cancel")
    return {"action": action, "content": content} if action == "accept" else {"action": action}


def _value(one: Field) -> Any:
    """Read the value of a field; None for a field that stays empty."""
    described = f" - {printable(one.description)}" if one.description else ""
    _say(f"{printable(one.title)}{described}")
    for position, (_, title) in enumerate(one.choices, 1):
        _say(f"  {position}) {printable(title)}")
    kinds = {"boolean": "y/n", "integer": "integer", "number": "number", "array": "several, with commas"}
    facts = [kinds[one.kind]] if one.kind in kinds else []
    facts += ["required" if one.is_required else "optional"]
    facts += [f"default {printable(str(one.default))}"] if one.default is not None else []
    while True:
        text = _read(f"  ({', '.join(facts)}): ").strip()
        if not text and one.default is not None:
            return one.default
        if not text and not one.is_required:
            return None
        if not text and one.kind != "string":
            _say("  a value is required")
            continue
        try:
            return one.value(text)
        except ValueError as error:
            _say(f"  {error}")


def _action(prompt: str) -> str:
    while True:
        text = _read(f"{prompt}: ").strip().lower()[:1]
        if text in _ACTIONS:
            return _ACTIONS[text]


def _read(prompt: str) -> str:
    """Read a line; standard output is for results.

    Raises:
        EOFError: The input has ended.
    """
    sys.stderr.write(prompt)
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.rstrip("\n")


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
