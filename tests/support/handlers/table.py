"""Handlers that run the cases of `table.json`: compiled to a component, and run natively with the fakes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from wasmcp.guest import config, http, kv, tool

_KINDS: dict[str, Any] = {"text": str, "integer": int, "number": float, "boolean": bool, "texts": list[str]}
_FACTS = ("code", "phase", "limit", "grant")


def _options(given: dict[str, Any]) -> dict[str, Any]:
    options = {name: given[name] for name in ("headers", "json", "max_redirects", "max_body") if name in given}
    for name in ("params", "form"):
        if name in given:
            options[name] = [tuple(pair) for pair in given[name]]
    if "text" in given:
        options["body"] = given["text"]
    if "pieces" in given:
        options["body"] = (piece.encode() for piece in given["pieces"])
    if "first_byte" in given:
        options["timeout"] = http.Timeout(first_byte=given["first_byte"])
    return options


def http_case(given: dict[str, Any]) -> dict[str, Any]:
    """Send the request of a case."""
    try:
        if "read_lines" in given:
            with http.stream(given["method"], given["url"], **_options(given)) as streamed:
                return {"status": streamed.status, "lines": list(streamed.lines())}
        response = http.request(given["method"], given["url"], **_options(given))
        if "raise_for_status" in given:
            response.raise_for_status()
        if "read_json" in given:
            return {"status": response.status, "json": response.json()}
    except http.HttpError as error:
        return {
            "error": type(error).__name__,
            **{name: getattr(error, name) for name in _FACTS if hasattr(error, name)},
        }
    return {
        "status": response.status,
        "text": response.text,
        "url": response.url,
        "redirects": len(response.redirects),
        "cookies": response.headers.all("set-cookie"),
    }


def _stored(value: Any) -> Any:
    return bytes(value["bytes"]) if isinstance(value, dict) and "bytes" in value else value


def _plain(value: Any) -> Any:
    return {"bytes": list(value)} if isinstance(value, bytes) else value


def _step(bucket: kv.Bucket, given: dict[str, Any]) -> Any:
    key = "k" * given["key_length"] if "key_length" in given else given.get("key", "")
    value = "x" * given["value_length"] if "value_length" in given else _stored(given.get("value"))
    keys = given["keys"] if "keys" in given else [str(number) for number in range(given.get("count", 0))]
    operations: dict[str, Callable[[], Any]] = {
        "set": lambda: bucket.set(key, value),
        "get": lambda: _plain(bucket.get(key, "absent")),
        "exists": lambda: key in bucket,
        "delete": lambda: bucket.delete(key),
        "increment": lambda: bucket.increment(key, given["by"]),
        "compare_and_swap": lambda: bucket.compare_and_swap(
            key, kv.ABSENT if given["expected"] == "absent" else _stored(given["expected"]["is"]), value
        ),
        "set_many": lambda: bucket.set_many(given.get("values", dict.fromkeys(keys, 1))),
        "get_many": lambda: bucket.get_many(keys) if "keys" in given else len(bucket.get_many(keys)),
        "delete_many": lambda: bucket.delete_many(keys),
        "update": lambda: bucket.update(key, lambda before: before + given["by"], 0),
        "items": lambda: dict(bucket.items(given["prefix"])),
        "keys": lambda: list(bucket.keys(given["prefix"])),
        "open": lambda: kv.open(given.get("bucket", "n" * given.get("bucket_length", 0))),
    }
    return operations[given["op"]]()


def kv_case(given: dict[str, Any]) -> list[dict[str, Any]]:
    """Do the steps of a case in a bucket, and return the outcome of each."""
    bucket = kv.open(given["bucket"])
    outcomes: list[dict[str, Any]] = []
    for step in given["steps"]:
        try:
            outcomes.append({"gives": _step(bucket, step)})
        except kv.StoreError as error:
            outcomes.append({"fails": type(error).__name__, "message": str(error)})
    return outcomes


def config_case(lookups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Read the values of lookups, and return the outcome of each."""
    outcomes: list[dict[str, Any]] = []
    for lookup in lookups:
        default = {"default": lookup["default"]} if "default" in lookup else {}
        try:
            outcomes.append({"gives": config.get(lookup["key"], _KINDS[lookup["kind"]], **default)})
        except config.ConfigError as error:
            outcomes.append({"fails": type(error).__name__, "message": str(error)})
    return outcomes


def keep(url: str) -> dict[str, Any]:
    """Fetch a page, keep it, and return it with the greeting of the configuration and the number of pages so far."""
    page = http.get(url).raise_for_status()
    pages = kv.open()
    pages["python/page"] = {"text": page.text, "greeting": config.get("greeting")}
    count = pages.increment("python/count")
    return {"kept": pages["python/page"], "count": count}


@tool
def python_http(case: str) -> str:
    """Send a request."""
    return json.dumps(http_case(json.loads(case)))


@tool
def python_kv(case: str) -> str:
    """Use a bucket."""
    return json.dumps(kv_case(json.loads(case)))


@tool
def python_config(case: str) -> str:
    """Read the configuration."""
    return json.dumps(config_case(json.loads(case)))


@tool
def python_keep(url: str) -> str:
    """Keep a page."""
    return json.dumps(keep(url))
