"""Texts of the command line: values from texts, and lists and results as text for terminals.

Values are arguments of tools and prompts, and fields of elicitation forms. Both are typed by the schema that the server
gives. Everything that a server sends is escaped in the text for terminals.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wasmcp.errors import ArgumentsError
from wasmcp.terminal import printable

_DEPTH = 16  # references that refer to references
_MOST_VALUES = 1000
_TYPES = ("string", "integer", "number", "boolean", "null", "array", "object")
_ARTICLES = {"integer": "an integer", "array": "an array", "object": "an object", "null": "null"}


def tool_arguments(given: Sequence[str], base: Mapping[str, Any], schema: Any) -> dict[str, Any]:
    """Return the arguments of a call.

    Args:
        given: `NAME=VALUE`, which take precedence over `base`. A name of an array can be repeated.
        base: Arguments as JSON.
        schema: The `inputSchema` of the tool; None if it is unknown.

    Raises:
        ArgumentsError: Texts without `=`, names that the schema excludes, or values of another type; all of them.
    """
    texts, problems = _split(given)
    found = dict(base)
    properties, is_open = _properties(schema)
    for name, values in texts.items():
        if name not in properties and not is_open:
            known = ", ".join(f"`{one}`" for one in properties) or "none"
            problems.append(f"`{name}` is not an argument of the tool: it has {known}")
            continue
        try:
            found[name] = _typed_all(values, properties.get(name, True), schema)
        except ValueError as error:
            problems.append(f"`{name}` {error}")
    if problems:
        raise ArgumentsError(*problems)
    return found


def prompt_arguments(given: Sequence[str], base: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a prompt, which are texts.

    Raises:
        ArgumentsError: Texts without `=`, or names that are repeated; all of them.
    """
    texts, problems = _split(given)
    problems += [f"`{name}` is given {len(values)} times" for name, values in texts.items() if len(values) > 1]
    if problems:
        raise ArgumentsError(*problems)
    return {**base, **{name: values[0] for name, values in texts.items()}}


def json_object(text: str) -> dict[str, Any]:
    """Parse the JSON text of an object of arguments.

    Raises:
        ArgumentsError: The text is not JSON, or not an object.
    """
    try:
        found = json.loads(text, parse_constant=_reject)
    except (ValueError, RecursionError) as error:
        raise ArgumentsError(f"the arguments are not JSON: {error}") from None
    if not isinstance(found, dict):
        raise ArgumentsError(f"the arguments must be a JSON object, not {_name_of(found)}")
    return found


def signature(schema: Any) -> str:
    """Return the parameters of a tool on one line, optional ones with `?`: `a: integer, note?: string`."""
    properties, _ = _properties(schema)
    required = schema.get("required") if isinstance(schema, dict) else None
    names = required if isinstance(required, list) else []
    return ", ".join(
        f"{name}{'' if name in names else '?'}: {type_text(member, schema)}" for name, member in properties.items()
    )


def type_text(schema: Any, root: Any) -> str:
    """Return the types of a schema: `integer`, `"a" | "b"`, `array of string`."""
    values = _values(schema, root)
    if values is not None:
        return " | ".join(json.dumps(value, ensure_ascii=False) for value in values)
    types = _types(schema, root)
    if types == ["array"]:
        items = _resolved(schema, root).get("items")
        inner = _types(items, root) if items is not None else []
        return f"array of {inner[0]}" if len(inner) == 1 else "array"
    return " | ".join(types) if len(types) < len(_TYPES) else "any"


def _split(given: Sequence[str]) -> tuple[dict[str, list[str]], list[str]]:
    texts: dict[str, list[str]] = {}
    problems = []
    for one in given:
        name, equals, value = one.partition("=")
        if equals and name:
            texts.setdefault(name, []).append(value)
        else:
            problems.append(f"`{one}` must be NAME=VALUE")
    return texts, problems


def _properties(schema: Any) -> tuple[dict[str, Any], bool]:
    """Return the properties of an object, and True if it can have others."""
    top = _resolved(schema, schema)
    properties = top.get("properties")
    is_open = not top or not isinstance(properties, dict) or top.get("additionalProperties") not in {None, False}
    is_open = is_open or any(word in top for word in ("patternProperties", "allOf", "anyOf", "oneOf", "$ref"))
    return properties if isinstance(properties, dict) else {}, is_open


def _typed_all(texts: Sequence[str], schema: Any, root: Any) -> Any:
    types = _types(schema, root)
    if "array" in types and not (len(texts) == 1 and texts[0].lstrip().startswith("[")):
        others = [one for one in types if one != "array"]
        if len(texts) > 1 or not others:
            items = _resolved(schema, root).get("items", True)
            return [_typed(text, items, root) for text in texts]
    if len(texts) > 1:
        raise ValueError(f"is given {len(texts)} times, and is not an array")
    return _typed(texts[0], schema, root)


def _typed(text: str, schema: Any, root: Any) -> Any:
    """Return the value of a text by its schema; JSON where several types are possible, else the text itself.

    Raises:
        ValueError: The text has none of the types.
    """
    types = _types(schema, root)
    values = _values(schema, root)
    if values is not None:
        for value in values:
            if value == text if isinstance(value, str) else json.dumps(value) == text:
                return value
        raise ValueError(f"must be {type_text(schema, root)}, not `{text}`")
    if types == ["string"]:
        return text
    try:
        found = json.loads(text, parse_constant=_reject)
    except (ValueError, RecursionError):
        if "string" in types:
            return text
        raise ValueError(f"must be {_wanted(types)}, not `{text}`") from None
    if _name_of(found) in types or (_name_of(found) == "integer" and "number" in types):
        return found
    if "string" in types:
        return text
    raise ValueError(f"must be {_wanted(types)}, not `{text}`")


def _wanted(types: Sequence[str]) -> str:
    return " or ".join(_ARTICLES.get(one, f"a {one}") for one in types)


def _name_of(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    names = {str: "string", int: "integer", float: "number", list: "array", dict: "object"}
    return names[type(value)]


def _resolved(schema: Any, root: Any, depth: int = 0) -> dict[str, Any]:
    """Follow references within the document (JSON Schema, section 8.2.3); an empty schema for others."""
    if not isinstance(schema, dict) or depth > _DEPTH:
        return {}
    target = schema.get("$ref")
    if not isinstance(target, str):
        return schema
    found = root
    if not target.startswith("#"):
        return {}
    for part in target[1:].split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        found = found.get(key) if isinstance(found, dict) else None
    return _resolved(found, root, depth + 1)


class _Document:
    """Document with schemas; each is read once, so that cycles and repetitions of references end."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._found_types: dict[int, list[str]] = {}
        self._found_values: dict[int, list[Any] | None] = {}

    def types(self, schema: Any) -> list[str]:
        """Return the possible types of a schema, in the order in which it has them."""
        one = _resolved(schema, self._root)
        if id(one) not in self._found_types:
            self._found_types[id(one)] = list(_TYPES)  # for a cycle
            self._found_types[id(one)] = self._types(one)
        return self._found_types[id(one)]

    def values(self, schema: Any) -> list[Any] | None:
        """Return the values of an enumeration or of alternatives that are constants; None for other schemas."""
        one = _resolved(schema, self._root)
        if id(one) not in self._found_values:
            self._found_values[id(one)] = None
            self._found_values[id(one)] = self._values(one)
        return self._found_values[id(one)]

    def _types(self, one: dict[str, Any]) -> list[str]:
        named = one.get("type")
        if isinstance(named, str):
            return [named]
        if isinstance(named, list):
            return [str(name) for name in named]
        if isinstance(one.get("enum"), list):
            return list(dict.fromkeys(_name_of(value) for value in one["enum"]))
        if "const" in one:
            return [_name_of(one["const"])]
        for word in ("anyOf", "oneOf"):
            if isinstance(one.get(word), list):
                return list(dict.fromkeys(name for part in one[word] for name in self.types(part)))
        if isinstance(one.get("allOf"), list):
            parts = [self.types(part) for part in one["allOf"]]
            return [name for name in _TYPES if all(name in part for part in parts)]
        return list(_TYPES)

    def _values(self, one: dict[str, Any]) -> list[Any] | None:
        if isinstance(one.get("enum"), list):
            return list(one["enum"])
        if "const" in one:
            return [one["const"]]
        for word in ("anyOf", "oneOf"):
            parts = one.get(word)
            if isinstance(parts, list) and parts:
                found = [[None] if self.types(part) == ["null"] else self.values(part) for part in parts]
                if all(found) and any(values != [None] for values in found):
                    return [value for values in found for value in values or []][:_MOST_VALUES]
        return None


def _types(schema: Any, root: Any) -> list[str]:
    return _Document(root).types(schema)


def _values(schema: Any, root: Any) -> list[Any] | None:
    return _Document(root).values(schema)


def _reject(text: str) -> Any:
    raise ValueError(f"`{text}` is not JSON")


@dataclass(frozen=True)
class Field:
    """Field of a form.

    Attributes:
        name: The property.
        title: The title, or the name.
        description: The description; can be empty.
        kind: `string`, `number`, `integer`, `boolean` or `array`.
        choices: The values to choose from, each with its title; empty for free input.
        default: The default; can be None.
        is_required: True if the form is not valid without it.
        schema: The schema of the property.
    """

    name: str
    title: str
    description: str
    kind: str
    choices: tuple[tuple[Any, str], ...]
    default: Any
    is_required: bool
    schema: dict[str, Any]

    def value(self, text: str) -> Any:
        """Return the value of a text.

        Raises:
            ValueError: The text is not valid; the message has the expected form.
        """
        if self.kind == "array":
            parts = [part.strip() for part in text.split(",") if part.strip()]
            return [self._choice(part) for part in parts] if self.choices else parts
        if self.choices:
            return self._choice(text)
        if self.kind == "boolean":
            if text.lower() in {"y", "yes", "true"}:
                return True
            if text.lower() in {"n", "no", "false"}:
                return False
            raise ValueError("answer `y` or `n`")
        if self.kind in {"integer", "number"}:
            return self._number(text)
        return self._string(text)

    def _choice(self, text: str) -> Any:
        if text.isascii() and text.isdigit() and 1 <= int(text) <= len(self.choices):
            return self.choices[int(text) - 1][0]
        for value, title in self.choices:
            if text in {str(value), title}:
                return value
        raise ValueError(f"answer a number from 1 to {len(self.choices)}")

    def _number(self, text: str) -> int | float:
        try:
            found: int | float = int(text) if self.kind == "integer" else float(text)
        except ValueError:
            raise ValueError(f"answer {'an integer' if self.kind == 'integer' else 'a number'}") from None
        if found != found or found in {float("inf"), float("-inf")}:  # noqa: PLR0124 - NaN
            raise ValueError("answer a number")
        least, most = self.schema.get("minimum"), self.schema.get("maximum")
        if isinstance(least, int | float) and found < least:
            raise ValueError(f"answer a number of at least {least:g}")
        if isinstance(most, int | float) and found > most:
            raise ValueError(f"answer a number of at most {most:g}")
        return found

    def _string(self, text: str) -> str:
        least, most = self.schema.get("minLength"), self.schema.get("maxLength")
        if isinstance(least, int) and len(text) < least:
            raise ValueError(f"answer at least {least} characters")
        if isinstance(most, int) and len(text) > most:
            raise ValueError(f"answer at most {most} characters")
        return text


def fields(params: dict[str, Any]) -> Iterator[Field]:
    """Yield the fields of an elicitation in form mode."""
    schema = params.get("requestedSchema")
    whole = schema if isinstance(schema, dict) else {}
    properties = whole.get("properties")
    required = whole.get("required")
    for name, member in properties.items() if isinstance(properties, dict) else ():
        if not isinstance(member, dict):
            continue
        items = member.get("items")
        kind = str(member.get("type", "string"))
        yield Field(
            name=name,
            title=str(member.get("title") or name),
            description=str(member.get("description") or ""),
            kind=kind,
            choices=tuple(_choices(items if kind == "array" and isinstance(items, dict) else member)),
            default=member.get("default"),
            is_required=isinstance(required, list) and name in required,
            schema=member,
        )


def _choices(schema: dict[str, Any]) -> Iterator[tuple[Any, str]]:
    """Yield the values of an enumeration with their titles: `enum` with `enumNames`, or `oneOf` and `anyOf`."""
    values, names = schema.get("enum"), schema.get("enumNames")
    if isinstance(values, list):
        titles = names if isinstance(names, list) and len(names) == len(values) else values
        yield from ((value, str(title)) for value, title in zip(values, titles, strict=True))
        return
    for word in ("oneOf", "anyOf"):
        parts = schema.get(word)
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, dict) and "const" in part:
                yield part["const"], str(part.get("title") or part["const"])


_LINES = "\n\t"
_TITLES = {"tools": "tools", "resources": "resources", "templates": "resource templates", "prompts": "prompts"}


def lists(server: Mapping[str, Any], revision: str, items: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[str]:
    """Yield the lines of the lists of a server.

    Args:
        server: Its `Implementation`.
        revision: The revision of MCP in use.
        items: The lists, by the kinds of `wasmcp.protocol.LISTS`.
    """
    name = " ".join(str(server[key]) for key in ("name", "version") if server.get(key))
    yield f"{one_line(name or 'a server without a name')}, MCP {revision}"
    for kind, title in _TITLES.items():
        if items.get(kind):
            yield f"\n{title}:"
            for item in items[kind]:
                yield f"  {one_line(_head(kind, item))}"
                described = str(item.get("description") or item.get("title") or "").strip().splitlines()
                if described:
                    yield f"      {one_line(described[0])}"
    if not any(items.values()):
        yield "it has no tools, resources and prompts"


def _head(kind: str, item: Mapping[str, Any]) -> str:
    if kind == "tools":
        return f"{item.get('name')}({signature(item.get('inputSchema'))})"
    if kind == "prompts":
        given = item.get("arguments")
        names = [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []
        return f"{item.get('name')}({', '.join(_parameter(one) for one in names)})"
    place = item.get("uri") if kind == "resources" else item.get("uriTemplate")
    facts = [str(item["mimeType"])] if item.get("mimeType") else []
    facts += [f"{item['size']:,} bytes"] if isinstance(item.get("size"), int) else []
    return f"{place}" + (f"  ({', '.join(facts)})" if facts else "")


def _parameter(argument: Mapping[str, Any]) -> str:
    return f"{argument.get('name')}{'' if argument.get('required') is True else '?'}"


def blocks(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield the content of a tool's result: texts, descriptions of binary content, structured content without text."""
    content = result.get("content")
    parts = content if isinstance(content, list) else []
    for part in parts:
        yield block(part)
    if result.get("structuredContent") is not None and not any(_is_text(part) for part in parts):
        yield pretty(result["structuredContent"])


def block(part: Any) -> str:
    """Return a content block as text."""
    if not isinstance(part, dict):
        return pretty(part)
    kind = part.get("type")
    if kind == "text":
        return printable(str(part.get("text", "")), keep=_LINES)
    if kind in {"image", "audio"}:
        return one_line(f"[{kind} {part.get('mimeType', '')}, {_size(part.get('data'))}]")
    if kind == "resource_link":
        return one_line(f"[link to resource {part.get('uri')}]")
    if kind == "resource":
        inner = part.get("resource")
        return contents(inner) if isinstance(inner, dict) else pretty(inner)
    return pretty(part)


def contents(part: Mapping[str, Any]) -> str:
    """Return the contents of a resource as text."""
    if isinstance(part.get("text"), str):
        return printable(part["text"], keep=_LINES)
    return one_line(f"[{part.get('uri')} {part.get('mimeType') or 'of unknown type'}, {_size(part.get('blob'))}]")


def messages(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield the messages of a prompt, each with its role."""
    found = result.get("messages")
    for message in found if isinstance(found, list) else ():
        if isinstance(message, dict):
            yield f"{one_line(str(message.get('role')))}: {block(message.get('content'))}"


def progress(params: Mapping[str, Any]) -> str:
    """Return a notification of progress on one line."""
    done, total, message = params.get("progress"), params.get("total"), params.get("message")
    number = f"{_number(done)}/{_number(total)}" if isinstance(total, int | float) else _number(done)
    return one_line(f"progress {number}" + (f": {message}" if message else ""))


def log_message(params: Mapping[str, Any]) -> str:
    """Return a log message on one line: level, logger and data."""
    data = params.get("data")
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    logger = f" {params['logger']}" if params.get("logger") else ""
    return one_line(f"{params.get('level')}{logger}: {text}")


def pretty(value: Any) -> str:
    """Return a value as indented JSON in ASCII, which needs no further escape."""
    return json.dumps(value, indent=2).replace("\x7f", "\\u007f")


def one_line(text: str) -> str:
    """Return a text of a server on one line, escaped."""
    return printable(text)


def _is_text(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "text"


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float) else "?"


def _size(data: Any) -> str:
    try:
        return f"{len(base64.b64decode(str(data), validate=True)):,} bytes"
    except ValueError:
        return "not base64"
