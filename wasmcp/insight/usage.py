"""Usage of a server by its tests: the parts of its surface that requests have used, and the unused ones.

A part is a tool, resource, resource template, prompt or completion, its error path, or a branch of a tool's input
schema. Usage comes from messages alone, so that it is the same for all transports and languages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from wasmcp.protocol import LISTS
from wasmcp.schemas.branches import branches, used_branches

Parts = dict[tuple[str, str, str], bool]
"""True for a part that was used, by kind, name and use: `("tool", "convert", "from = \\"kelvin\\"")`."""

_REQUESTS = {
    "tools/call": ("tool", "name", "called"),
    "resources/read": ("resource", "uri", "read"),
    "prompts/get": ("prompt", "name", "got"),
}
_MOST_OPEN = 10_000  # requests without a response that are kept
_VARIABLE = re.compile(r"\{[+#./;?&]?([^}]*)\}")
ERROR = "error"
"""The use of an error path: a tool error, or an error response."""


@dataclass
class Usage:
    """Usage of one server.

    Attributes:
        parts: The known parts, and whether they were used.
        problems: Reasons why parts are not known.
    """

    parts: Parts = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    _is_complete: bool = False  # the whole lists were read
    _tools: dict[str, Any] = field(default_factory=dict)
    _optional: dict[str, dict[str, None]] = field(default_factory=dict)  # arguments of prompts
    _templates: list[str] = field(default_factory=list)
    _early: list[tuple[str, Mapping[str, Any], bool]] = field(default_factory=list)  # before the lists were known
    _open: dict[tuple[object, str], tuple[str, Mapping[str, Any]]] = field(default_factory=dict)

    def learn(
        self,
        lists: Mapping[str, Iterable[Mapping[str, Any]]],
        *,
        completions: bool = False,
        complete: bool = False,
    ) -> None:
        """Add the parts of a server.

        Args:
            lists: The listed objects by kind: `tools`, `resources`, `templates`, `prompts`.
            completions: The server has completions.
            complete: These are all lists of the server.
        """
        for tool in lists.get("tools", ()):
            name = str(tool.get("name"))
            self._tools[name] = tool.get("inputSchema", {})
            self._add("tool", name, "called", ERROR, *branches(self._tools[name]))
        for resource in lists.get("resources", ()):
            self._add("resource", str(resource.get("uri")), "read")
        for template in lists.get("templates", ()):
            name = str(template.get("uriTemplate"))
            if name not in self._templates:
                self._templates.append(name)
            self._add("template", name, "read", ERROR)
            if completions:
                self._add("completion", name, *_variables(name))
        for prompt in lists.get("prompts", ()):
            name = str(prompt.get("name"))
            arguments = [one for one in prompt.get("arguments") or () if isinstance(one, dict)]
            self._add("prompt", name, "got", *([ERROR] if arguments else []))
            for argument in arguments:
                if not argument.get("required"):
                    optional = str(argument.get("name"))
                    self._optional.setdefault(name, {})[optional] = None
                    self._add("prompt", name, f"{optional} given", f"{optional} left out")
            if completions:
                self._add("completion", name, *(str(argument.get("name")) for argument in arguments))

        for method, params, failed in self._early:
            self._use(method, params, failed=failed)
        if complete:
            self._is_complete = True
            self._early.clear()

    def opened(self) -> None:
        """Expect lists of a further instance of the server, which can differ."""
        self._is_complete = False

    def hear(self, direction: str, message: Any, client: object = None) -> None:
        """Take a JSON-RPC message.

        Args:
            direction: `->` for a message to the server, `<-` for one from it.
            message: The message, or a batch.
            client: The client that the ids of requests belong to, hashable.
        """
        if isinstance(message, list):
            for one in message:
                self.hear(direction, one, client)
            return
        if not isinstance(message, dict) or message.get("id") is None:
            return
        key = (client, json.dumps(message["id"]))
        if direction == "->" and isinstance(message.get("method"), str):
            params = message.get("params")
            if len(self._open) < _MOST_OPEN:
                self._open[key] = (message["method"], params if isinstance(params, dict) else {})
        elif direction == "<-" and "method" not in message and key in self._open:
            method, params = self._open.pop(key)
            result = message.get("result")
            self._listed(method, result)
            if isinstance(result, dict) and result.get("resultType") == "input_required":
                return
            failed = "error" in message or (isinstance(result, dict) and result.get("isError") is True)
            if method in _REQUESTS or method == "completion/complete":
                self._use(method, params, failed=failed)
                if len(self._early) < _MOST_OPEN and not self._is_complete:
                    self._early.append((method, params, failed))

    def _listed(self, method: str, result: Any) -> None:
        """Add the parts of a list that a test has requested."""
        for one in LISTS:
            if method == one.method and isinstance(result, dict) and isinstance(result.get(one.member), list):
                self.learn({one.kind: [item for item in result[one.member] if isinstance(item, dict)]})

    def _use(self, method: str, params: Mapping[str, Any], *, failed: bool) -> None:
        if method == "completion/complete":
            reference, argument = params.get("ref"), params.get("argument")
            if isinstance(reference, dict) and isinstance(argument, dict) and not failed:
                name = str(reference.get("name", reference.get("uri")))
                self._mark("completion", name, str(argument.get("name")))
            return
        kind, identity, use = _REQUESTS[method]
        name = str(params.get(identity))
        arguments = params.get("arguments")
        arguments = arguments if isinstance(arguments, dict) else {}
        if kind == "resource" and (kind, name, use) not in self.parts:
            kind, name = "template", self._template_of(name)
        self._mark(kind, name, ERROR if failed else use)
        if kind == "tool" and not failed and name in self._tools:
            for branch in used_branches(self._tools[name], arguments):
                self._mark(kind, name, branch)
        if kind == "prompt" and not failed:
            for argument in self._optional.get(name, ()):
                self._mark(kind, name, f"{argument} {'given' if argument in arguments else 'left out'}")

    def _template_of(self, uri: str) -> str:
        """Return the template with the most literal text that a URI can match; the empty string without one."""
        fitting = [template for template in self._templates if _pattern(template).fullmatch(uri)]
        return max(fitting, key=lambda template: len(_VARIABLE.sub("", template)), default="")

    def _add(self, kind: str, name: str, *uses: str) -> None:
        for use in uses:
            self.parts.setdefault((kind, name, use), False)

    def _mark(self, kind: str, name: str, use: str) -> None:
        if (kind, name, use) in self.parts:
            self.parts[kind, name, use] = True

    def merge(self, parts: Iterable[Sequence[Any]], problems: Iterable[str]) -> None:
        """Add the usage of another process: `kind, name, use, used` for each part."""
        for kind, name, use, used in parts:
            key = (kind, name, use)
            self.parts[key] = self.parts.get(key, False) or bool(used)
        self.problems += [problem for problem in problems if problem not in self.problems]

    def rows(self) -> list[list[Any]]:
        """Return the parts as lists, for `merge`."""
        return [[*key, used] for key, used in self.parts.items()]

    def without(self, patterns: Sequence[str]) -> Usage:
        """Return the usage without the parts whose text matches one of the patterns of `fnmatch`."""
        kept = {
            key: used for key, used in self.parts.items() if not any(fnmatchcase(" ".join(key), p) for p in patterns)
        }
        return Usage(kept, self.problems)

    @property
    def percent(self) -> float:
        """The used parts of 100; 100 without parts."""
        return 100 * sum(self.parts.values()) / len(self.parts) if self.parts else 100.0

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON representation."""
        listed = [
            {"kind": kind, "name": name, "use": use, "used": used} for (kind, name, use), used in self.parts.items()
        ]
        used = sum(self.parts.values())
        return {
            "used": used,
            "total": len(listed),
            "percent": round(self.percent, 2),
            "problems": self.problems,
            "parts": listed,
        }

    def by_entry(self) -> Iterator[tuple[str, str, int, int, list[str]]]:
        """Yield kind, name, used and total number of parts, and the unused uses, of each entry."""
        entries: dict[tuple[str, str], list[tuple[str, bool]]] = {}
        for (kind, name, use), used in self.parts.items():
            entries.setdefault((kind, name), []).append((use, used))
        for (kind, name), uses in sorted(entries.items()):
            yield kind, name, sum(used for _, used in uses), len(uses), [use for use, used in uses if not used]


def _variables(template: str) -> list[str]:
    return [part.partition(":")[0].rstrip("*") for listed in _VARIABLE.findall(template) for part in listed.split(",")]


def _pattern(template: str) -> re.Pattern[str]:
    """Return a regular expression that matches all URIs of a template; it can match others as well."""
    parts = _VARIABLE.split(template)
    return re.compile(
        "".join(re.escape(part) if index % 2 == 0 else ".*" for index, part in enumerate(parts)), re.DOTALL
    )
