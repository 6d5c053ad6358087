"""Decisions of policies: those of the framework's code equal those of a reference, over generated policies."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import pytest

from wasmcp.insight.access import _INTERFACE
from wasmcp.project.catalogue_recording import BuildComponent

TOOLS = ("add", "admin", "admin_stop", "sub")
URIS = ("n://a/x", "n://b/x", "n://b/y%2Fz", "n://c/../b/x")
PROMPTS = ("add", "review")
PATTERNS = ("*", "a*", "add", "admin_*", "*_stop", "s*b", "n://*", "n://b/*", "n://a/x", "n://{area}/{id}", "none")
SCOPES = ("a", "b", "a:b", "A")
METHODS = ("tools/call", "prompts/get", "resources/read", "resources/subscribe", "completion/complete", "x/y")
PATHS = ("/mcp", "/mcp/a")
TAGS = ("t", "u")
PARTS = ("one", "two")
CLAIMS = (["roles"], ["org", "id"], ["org"], ["plan"])
VALUES = ("admin", "5", 5, 0, True, "true", "é")
ABOUT = {
    "tools/call": ("tools", TOOLS),
    "prompts/get": ("prompts", PROMPTS),
    "resources/read": ("resources", URIS),
    "resources/subscribe": ("resources", URIS),
    "completion/complete": ("templates", ("n://{area}/{id}", "m://{id}")),
}

Document = dict[str, Any]


def some(random_: random.Random, values: Any, most: int = 2) -> list[Any]:
    return random_.sample(values, random_.randint(1, most))


def condition(random_: random.Random) -> Document:
    found: Document = {}
    if random_.random() < 0.5:
        found["scopes"] = some(random_, SCOPES)
    if random_.random() < 0.4:
        found["claims"] = [{"path": path, "values": some(random_, VALUES)} for path in some(random_, CLAIMS)]
    return found


def rule(random_: random.Random) -> Document:
    found = condition(random_)
    for key, values in (
        ("tools", PATTERNS),
        ("resources", PATTERNS),
        ("prompts", PATTERNS),
        ("tags", TAGS),
        ("components", PARTS),
        ("methods", METHODS),
        ("paths", PATHS),
    ):
        if random_.random() < 0.25:
            found[key] = some(random_, values)
    return found


def entry(random_: random.Random, name: str) -> Document:
    found: Document = {
        "name": name,
        "component": random_.choice(PARTS),
        "tags": random_.choice(([], ["t"], ["t", "u"])),
    }
    return {**found, "own": condition(random_)} if random_.random() < 0.3 else found


def rules(random_: random.Random) -> Document:
    named = {"tools": TOOLS[:3], "resources": URIS[:2], "prompts": PROMPTS, "templates": ("n://{area}/{id}",)}
    entries = {kind: [entry(random_, name) for name in sorted(names)] for kind, names in named.items()}
    entries["templates"][0]["variables"] = ["area", "id"]
    policy = {
        effect: [rule(random_) for _ in range(random_.randint(0, most))] for effect, most in (("allow", 4), ("deny", 2))
    }
    return {"entries": entries, "policy": policy}


def claims(random_: random.Random) -> str:
    """Return claims as JSON, with doubled members and numbers in other forms among them."""
    scalars = [
        '"admin"',
        '"adm\\u0069n"',
        '"Admin"',
        '"5"',
        "5",
        "5.0",
        "50",
        "-0",
        "0",
        "true",
        '"true"',
        "null",
        '"é"',
        "{}",
    ]
    values = [*scalars, "[" + ",".join(random_.sample(scalars, 2)) + "]", "[]"]
    members = []
    for name in ("roles", "org", "plan", "r\\u006fles", "other"):
        for _ in range(random_.choice((0, 0, 1, 1, 1, 2)) if name in ("roles", "plan") else random_.choice((0, 0, 1))):
            value = random_.choice(values)
            if name == "org" and random_.random() < 0.7:
                value = f'{{"id":{value}}}'
            members.append(f'"{name}":{value}')
    return "{" + ",".join(members) + "}"


def case(random_: random.Random) -> tuple[Document, str]:
    method = random_.choice(METHODS)
    found: Document = {
        "method": method,
        "path": random_.choice(PATHS),
        "scopes": random_.sample(SCOPES, random_.randint(0, 3)),
    }
    if method in ABOUT:
        found["kind"], names = ABOUT[method]
        found["name"] = random_.choice(names)
    return found, claims(random_)


class Member(list[tuple[str, Any]]):
    """Object with its members in order, doubled ones included."""


class Number(str):
    """Text of a number."""

    __slots__ = ()


UNCLEAR = object()


def look_up(object_: Any, path: list[str]) -> Any:
    """Return the value of a claim; None: it is missing; `UNCLEAR`: a member on the way is doubled."""
    for name in path:
        if not isinstance(object_, Member):
            return None
        values = [value for key, value in object_ if key == name]
        if len(values) > 1:
            return UNCLEAR
        if not values:
            return None
        object_ = values[0]
    return object_


def equal(value: Any, wanted: Any) -> bool | None:
    """Compare a claim with a value; None: the number has a fraction or an exponent."""
    if isinstance(wanted, bool):
        return value is wanted
    if isinstance(wanted, str):
        return type(value) is str and value == wanted
    if not isinstance(value, Number):
        return False
    if re.fullmatch(r"-?\d+", value):
        return int(value) == wanted
    return None


def holds(claim: Document, given: Any, *, sure: bool) -> bool:
    value = look_up(given, claim["path"])
    if value is UNCLEAR:
        return not sure
    items = value if type(value) is list else [value]
    verdicts = {equal(item, wanted) for item in items for wanted in claim["values"]}
    return True in verdicts or (not sure and None in verdicts)


def match(pattern: str, text: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None


class Reference:
    """Decisions in Python, from the documentation."""

    def __init__(self, document: Document) -> None:
        self.entries: Document = document["entries"]
        self.allow: list[Document] = document["policy"]["allow"]
        self.deny: list[Document] = document["policy"]["deny"]

    def decide(self, request: Document, given: Any) -> list[str] | None:
        """Return None if a request is allowed, otherwise the scopes that it needs."""
        if "kind" not in request:
            return self.one(request, given, None)
        if ".." in request["name"]:
            return []
        needed: list[str] = []
        for entry in self.matching(request["kind"], request["name"]):
            scopes = self.one(request, given, entry)
            if scopes == []:
                return []
            needed += [scope for scope in scopes or () if scope not in needed]
        return needed or None

    def matching(self, kind: str, name: str) -> list[Document]:
        found = [one for one in self.entries[kind] if one["name"] == name]
        if kind == "resources":
            found += [one for one in self.entries["templates"] if re.fullmatch(r"n://[^/]+/[^/]+", name)]
        return found or [{"name": "", "component": "", "tags": []}]

    def about(self, rule: Document, request: Document, entry: Document | None, *, sure: bool) -> bool:
        if "methods" in rule and request["method"] not in rule["methods"]:
            return False
        if "paths" in rule and request["path"] not in rule["paths"]:
            return False
        kinds = [key for key in ("tools", "resources", "prompts") if key in rule]
        if not kinds and "tags" not in rule and "components" not in rule:
            return True
        if entry is None:
            return False
        if kinds:
            key = "resources" if request["kind"] == "templates" else request["kind"]
            if key not in rule:
                return False
            name = request["name"]
            forms = {name, name.replace("%2F", "/")} if key == "resources" else {name}
            found = [any(match(pattern, form) for pattern in rule[key]) for form in forms]
            by_template = request["kind"] == "resources" and any(match(pattern, entry["name"]) for pattern in rule[key])
            if not (all(found) if sure else any(found)) and not (by_template and entry["name"]):
                return False
        if "tags" in rule and not set(rule["tags"]) & set(entry["tags"]):
            return False
        return "components" not in rule or entry["component"] in rule["components"]

    def denied(self, request: Document, given: Any, entry: Document | None, scopes: set[str]) -> bool:
        return any(
            self.about(rule, request, entry, sure=False)
            and set(rule.get("scopes", ())) <= scopes
            and all(holds(claim, given, sure=False) for claim in rule.get("claims", ()))
            for rule in self.deny
        )

    def one(self, request: Document, given: Any, entry: Document | None) -> list[str] | None:
        has = set(request["scopes"])
        if self.denied(request, given, entry, has):
            return []
        own = None if entry is None else entry.get("own")
        required = own or {}
        if not all(holds(claim, given, sure=True) for claim in required.get("claims", ())):
            return []
        if own is not None or not (self.allow or self.deny):
            ways: list[Document] = [{}]
        else:
            ways = [
                rule
                for rule in self.allow
                if self.about(rule, request, entry, sure=True)
                and all(holds(claim, given, sure=True) for claim in rule.get("claims", ()))
            ]
        best: list[str] | None = None
        fewest = 1000
        for way in ways:
            needed = list(dict.fromkeys([*required.get("scopes", ()), *way.get("scopes", ())]))
            lacking = len(set(needed) - has)
            if not lacking:
                return None
            if lacking < fewest and not self.denied(request, given, entry, has | set(needed)):
                best, fewest = needed, lacking
        return best or []


def read_claims(text: str) -> Any:
    return json.loads(text, object_pairs_hook=Member, parse_int=Number, parse_float=Number)


@pytest.fixture(scope="module")
def checker() -> BuildComponent:
    return BuildComponent("access-checker", _INTERFACE)


def test_decisions_equal_those_of_the_reference(checker: BuildComponent) -> None:
    outcomes = {"allowed": 0, "scopes": 0, "denied": 0}
    for seed in range(400):
        random_ = random.Random(seed)  # noqa: S311  # repeatable, not secret
        document = rules(random_)
        reference = Reference(document)
        cases = [case(random_) for _ in range(30)]
        # The claims are written as they are: a JSON writer would drop doubled members.
        texts = [json.dumps(one, ensure_ascii=False)[:-1] + f',"claims":{given}}}' for one, given in cases]
        query = '{"cases":[' + ",".join(texts) + "]}"
        decided = json.loads(checker.call("decide", json.dumps(document), query))["verdicts"]
        for (one, given), verdict in zip(cases, decided, strict=True):
            expected = reference.decide(one, read_claims(given))
            assert verdict == expected, (seed, document["policy"], document["entries"], one, given)
            outcomes["allowed" if verdict is None else "scopes" if verdict else "denied"] += 1
    assert min(outcomes.values()) > 500, outcomes
