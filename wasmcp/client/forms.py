"""Elicitation forms: the fields of a requested schema, and values from texts. Specification: client/elicitation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


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
