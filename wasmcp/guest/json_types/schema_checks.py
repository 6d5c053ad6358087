r"""Validation of JSON Schemas, and regular expressions of ECMA-262, which clients compile, in Python's form.

A pattern is parsed by the grammar of ECMA-262 with the flag ``u``, as ``ajv`` compiles it, and translated to a Python
pattern that matches the same strings: ``$`` is the end of the string, ``.`` does not match line terminators, ``\d`` and
``\w`` are ASCII. Syntax that only Python has is an error; if ECMA-262 has another spelling, the error contains it.
Source: ECMA-262, section 22.2.1; JSON Schema 2020-12, Core, section 6.4.

A JavaScript client compiles the output schemas of all tools when it lists them; one invalid schema makes it lose all
tools. Source: JSON Schema 2020-12, Core; schema `Tool` of the specification.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from wasmcp.guest.json_types.json_codec import encode

_SYNTAX = frozenset("^$\\.*+?()[]{}|/")
_SAME = {"f": "\\f", "n": "\\n", "r": "\\r", "t": "\\t", "v": "\\x0b"}
_SPACE = "\\t-\\r \\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000\\ufeff"
_NO_SPACE = (
    "\\x00-\\x08\\x0e-\\x1f!-\\x9f\\xa1-\\u167f\\u1681-\\u1fff\\u200b-\\u2027\\u202a-\\u202e\\u2030-\\u205e"
    "\\u2060-\\u2fff\\u3001-\\ufefe\\uff00-\\U0010ffff"
)
_CLASSES = {"d": "\\d", "D": "\\D", "w": "\\w", "W": "\\W", "s": _SPACE, "S": _NO_SPACE}
_QUANTIFIER = re.compile(r"[*+?]|\{([0-9]*)(,?)([0-9]*)\}")
_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_FLAGS = re.compile(r"\(\?[aiLmsux]*(?:-[imsx]+)?[:)]")
_PROPERTY = re.compile(r"\{(?:[A-Za-z_]+=)?[A-Za-z0-9_]+\}")
_NUMBER = re.compile(r"[1-9][0-9]?")
_OCTAL = re.compile(r"[0-3][0-7]{2}|0[0-7]?")
_OCTAL_IN_CLASS = re.compile(r"[0-3]?[0-7]{1,2}")


class PatternError(ValueError):
    """A pattern that clients cannot compile, or that Python cannot check.

    Attributes:
        translation: An equivalent ECMA-262 pattern; None without one.
    """

    def __init__(self, reason: str, translation: str | None = None) -> None:
        super().__init__(reason if translation is None else f"{reason}: write `{translation}`")
        self.translation = translation


class _Atom(NamedTuple):
    """One element of a pattern.

    Attributes:
        python: Its form in Python.
        ecma: Its form in ECMA-262.
        character: The character, if it is a single one; otherwise None.
        assertion: True if it matches a position, and cannot be repeated.
    """

    python: str
    ecma: str
    character: str | None = None
    assertion: bool = False


def matcher(pattern: str) -> Callable[[str], bool]:
    """Return a function that searches a string for a pattern as a client does.

    Raises:
        PatternError: Clients cannot compile the pattern, or Python cannot check it.
    """
    reader = _Reader(pattern)
    reader.read()
    reader.refuse()
    if reader.unchecked:
        raise PatternError(f"`{reader.unchecked}` is ECMA-262, but Python cannot check it")
    try:
        search = re.compile("".join(reader.python), re.ASCII).search
    except (re.error, OverflowError, RecursionError) as error:
        raise PatternError(str(error)) from None
    return lambda text: search(text) is not None


def check_pattern(pattern: str) -> None:
    """Check that clients can compile a pattern, also one that Python does not support.

    Raises:
        PatternError: Clients cannot compile the pattern.
    """
    reader = _Reader(pattern)
    reader.read()
    reader.refuse()


class _Reader:
    """Parser of a pattern, from left to right.

    Attributes:
        python: The pieces of the translation.
        unchecked: Syntax that Python does not support; empty without any.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.python: list[str] = []
        self.unchecked = ""
        self._ecma: list[str] = []
        self._wrong = ""
        self._advice = ""
        self._groups = 0
        self._names: set[str] = set()
        self._references: list[int | str] = []

    def refuse(self) -> None:
        """Raise an error for the first syntax that ECMA-262 does not have."""
        for reference in self._references:
            known = reference in self._names if isinstance(reference, str) else reference <= self._groups
            if not known:
                raise PatternError(f"the group `{reference}` does not exist")
        if self._wrong:
            reason = f"`{self._wrong}` is not ECMA-262, the syntax of clients"
            if self._advice:
                raise PatternError(f"{reason}: {self._advice}")
            raise PatternError(reason, "".join(self._ecma))

    def read(self) -> None:
        """Parse the whole pattern.

        Raises:
            PatternError: The pattern is invalid, in Python and in ECMA-262.
        """
        depth: list[tuple[str, bool]] = []
        while self.at < len(self.text):
            letter = self.text[self.at]
            if letter == "(":
                opened = self._open()
                if opened is not None:
                    depth.append(opened)
                continue
            if letter == ")":
                if not depth:
                    raise PatternError("a `)` has no `(`")
                self.at += 1
                kind, assertion = depth.pop()
                self._put(_Atom(")", ")", assertion=assertion))
                self._quantify(_Atom("", "", assertion=assertion), kind)
                continue
            if letter == "|":
                self.at += 1
                self._put(_Atom("|", "|"))
                continue
            start = self.at
            atom = self._atom(letter)
            self._put(atom)
            self._quantify(atom, self.text[start : self.at])
        if depth and not self._advice:  # with advice, the rest was not parsed
            raise PatternError(f"`{depth[-1][0]}` has no `)`")

    def _put(self, atom: _Atom) -> None:
        self.python.append(atom.python)
        self._ecma.append(atom.ecma)

    def _other(self, found: str, advice: str = "") -> None:
        """Record syntax that ECMA-262 does not have; without advice it is translated."""
        if not self._wrong or (advice and not self._advice):
            self._wrong, self._advice = found, advice

    def _open(self) -> tuple[str, bool] | None:
        """Parse the start of a group. Return it and True for an assertion; None if it is not a group."""
        rest = self.text[self.at :]
        for begin in ("(?:", "(?=", "(?!", "(?<=", "(?<!"):
            if rest.startswith(begin):
                self.at += len(begin)
                self._put(_Atom(begin, begin))
                return begin, begin != "(?:"
        if rest.startswith(("(?<", "(?P<")):
            return self._named(rest)
        if not rest.startswith("(?"):
            self.at += 1
            self._groups += 1
            self._put(_Atom("(", "("))
            return "(", False
        if rest.startswith("(?P="):
            name, end, _ = rest[4:].partition(")")
            if not end:
                raise PatternError("`(?P=` has no `)`")
            self.at += len(name) + 5
            self._references.append(name)
            self._other(f"(?P={name})")
            self._put(_Atom(f"(?P={name})", f"\\k<{name}>"))
            return None
        if rest.startswith("(?#"):
            if ")" not in rest:
                raise PatternError("`(?#` has no `)`")
            self._other("(?#", "leave out the comment")
            self.at = len(self.text)  # a quantifier after the comment would apply to the element before it
            return None
        flags = _FLAGS.match(rest)
        if flags is not None:
            self._other(flags[0], "write both cases, such as `[Aa]` for the flag `i`")
        elif rest.startswith("(?>"):
            self._other("(?>", "write a group without `>`, in which the order of the alternatives does not matter")
        elif rest.startswith("(?("):
            self._other("(?(", "write the two expressions as alternatives")
        else:
            raise PatternError(f"`{rest[:4]}` does not begin a group")
        self.at = len(self.text)  # a translation is not possible: skip the rest
        return None

    def _named(self, rest: str) -> tuple[str, bool]:
        begin = "(?P<" if rest.startswith("(?P<") else "(?<"
        name = _NAME.match(rest, len(begin))
        if name is None or rest[name.end() : name.end() + 1] != ">":
            raise PatternError(f"`{begin}` needs the name of a group and `>`")
        if begin == "(?P<":
            self._other(f"(?P<{name[0]}>")
        self.at += name.end() + 1
        self._groups += 1
        self._names.add(name[0])
        self._put(_Atom(f"(?P<{name[0]}>", f"(?<{name[0]}>"))
        return f"{begin}{name[0]}>", False

    def _quantify(self, atom: _Atom, found: str) -> None:
        match = _QUANTIFIER.match(self.text, self.at)
        if match is None or match[0] in ("{}", "{,}"):
            return
        if atom.assertion:
            self._other(
                f"{found}{match[0]}" if not atom.ecma else f"{atom.ecma}{match[0]}", "an assertion cannot be repeated"
            )
        least, comma, most = match[1], match[2], match[3]
        text = match[0]
        if comma and not least:
            self._other(text)
            text = f"{{0,{most}}}"
        if least and most and int(least) > int(most):
            raise PatternError(f"`{text}`: the lower bound is above the upper one")
        self.at = match.end()
        follows = self.text[self.at : self.at + 1]
        if follows == "?":
            self.at += 1
            text += "?"
        elif follows == "+":
            self._other(f"{match[0]}+", "leave out the `+` behind the quantifier, and make what follows unambiguous")
            self.at += 1
        self._put(_Atom(text, text))
        again = _QUANTIFIER.match(self.text, self.at)
        if again is not None and again[0] not in ("{}", "{,}"):
            raise PatternError(f"`{again[0]}` follows another quantifier")

    def _atom(self, letter: str) -> _Atom:
        self.at += 1
        if letter == "^":
            return _Atom("^", "^", assertion=True)
        if letter == "$":
            return _Atom("\\Z", "$", assertion=True)
        if letter == ".":
            return _Atom("[^\\n\\r\\u2028\\u2029]", ".")
        if letter == "[":
            return self._class()
        if letter == "\\":
            return self._escape()
        if letter in "*+?":
            raise PatternError(f"`{letter}` has nothing to repeat")
        if letter in "{}]":
            self._other(letter)
            return _Atom(f"\\{letter}", f"\\{letter}", letter)
        return _Atom(re.escape(letter), letter, letter)

    def _escape(self) -> _Atom:
        letter = self.text[self.at : self.at + 1]
        if letter in ("b", "B"):
            self.at += 1
            # Python before 3.14 does not match `\B` in an empty string.
            return _Atom("\\b" if letter == "b" else "(?!\\b)", f"\\{letter}", assertion=True)
        if letter and letter in "AZz":
            self.at += 1
            self._other(f"\\{letter}")
            return _Atom("^", "^", assertion=True) if letter == "A" else _Atom("\\Z", "$", assertion=True)
        if letter == "k":
            name = _NAME.match(self.text, self.at + 2)
            if (
                name is None
                or self.text[self.at + 1 : self.at + 2] != "<"
                or self.text[name.end() : name.end() + 1] != ">"
            ):
                raise PatternError("`\\k` needs the name of a group: `\\k<name>`")
            self.at = name.end() + 1
            self._references.append(name[0])
            return _Atom(f"(?P={name[0]})", f"\\k<{name[0]}>")
        octal, number = _OCTAL.match(self.text, self.at), _NUMBER.match(self.text, self.at)
        if number is not None and (octal is None or len(octal[0]) < 3):
            self.at = number.end()
            self._references.append(int(number[0]))
            return _Atom(f"(?:\\{number[0]})", f"\\{number[0]}")
        if letter in ("s", "S"):
            self.at += 1
            return _Atom(f"[{_CLASSES[letter]}]", f"\\{letter}")
        return self._character()

    def _class(self) -> _Atom:
        python, ecma = ["["], ["["]
        if self.text[self.at : self.at + 1] == "^":
            self.at += 1
            python.append("^")
            ecma.append("^")
        first = True
        while True:
            if self.at >= len(self.text):
                raise PatternError("a `[` has no `]`")
            if self.text[self.at] == "]" and not first:
                self.at += 1
                return _Atom("".join(python) + "]", "".join(ecma) + "]")
            low = self._member(first=first)
            first = False
            python.append(low.python)
            ecma.append(low.ecma)
            if self.text[self.at : self.at + 1] == "-" and self.text[self.at + 1 : self.at + 2] not in ("]", ""):
                self.at += 1
                high = self._member(first=False)
                if low.character is None or high.character is None:
                    raise PatternError(f"`{low.ecma}-{high.ecma}` is not a range: put the `-` last, or write `\\-`")
                if low.character > high.character:
                    raise PatternError(f"`{low.ecma}-{high.ecma}` is a range without characters")
                python.append(f"-{high.python}")
                ecma.append(f"-{high.ecma}")

    def _member(self, *, first: bool) -> _Atom:
        letter = self.text[self.at]
        self.at += 1
        if letter == "]" and first:
            self._other("[]")
            return _Atom("\\]", "\\]", "]")
        if letter != "\\":
            return _Atom(_one(letter), letter, letter)
        follows = self.text[self.at : self.at + 1]
        if follows == "b":
            self.at += 1
            return _Atom("\\x08", "\\b", "\b")
        if follows == "-":
            self.at += 1
            return _Atom("\\-", "\\-", "-")
        return self._character(_OCTAL_IN_CLASS)

    def _character(self, octal: re.Pattern[str] = _OCTAL) -> _Atom:
        """Parse an escape that has the same meaning inside and outside of a class."""
        letter = self.text[self.at : self.at + 1]
        self.at += 1
        if not letter:
            raise PatternError("nothing follows the last `\\`")
        if letter in _CLASSES:
            return _Atom(_CLASSES[letter], f"\\{letter}")
        if letter in _SAME:
            return _Atom(_SAME[letter], f"\\{letter}", "\f\n\r\t\v"["fnrtv".index(letter)])
        if letter in _SYNTAX:
            return _Atom(_one(letter), f"\\{letter}", letter)
        if letter in "pP":
            found = _PROPERTY.match(self.text, self.at)
            if found is None:
                raise PatternError(f"`\\{letter}` needs a property: `\\{letter}{{L}}`")
            self.at = found.end()
            self.unchecked = self.unchecked or f"\\{letter}{found[0]}"
            return _Atom("", f"\\{letter}{found[0]}")
        if letter in "xucUN":
            return self._numbered(letter)
        if letter.isascii() and letter.isdigit():
            return self._octal(octal.match(self.text, self.at - 1))
        if letter == "a":
            self._other("\\a")
            return _Atom("\\x07", "\\x07", "\x07")
        if letter.isascii() and letter.isalpha():
            raise PatternError(f"`\\{letter}` is not an escape")
        self._other(f"\\{letter}")
        return _Atom(_one(letter), letter, letter)

    def _octal(self, octal: re.Match[str] | None) -> _Atom:
        if octal is None:
            raise PatternError(f"`\\{self.text[self.at - 1]}` is not a reference in a class")
        self.at = octal.end()
        if octal[0] == "0" and self.text[self.at : self.at + 1] not in tuple("0123456789"):
            return _Atom("\\x00", "\\0", "\0")
        self._other(f"\\{octal[0]}")
        found = chr(int(octal[0], 8))
        return _Atom(_one(found), f"\\x{ord(found):02x}", found)

    def _numbered(self, letter: str) -> _Atom:
        r"""Parse ``\xHH``, ``\uHHHH``, ``\u{H...}``, ``\cX``, and of Python ``\UHHHHHHHH`` and ``\N{NAME}``."""
        forms = {
            "x": r"[0-9A-Fa-f]{2}",
            "u": r"[Dd][89ABab][0-9A-Fa-f]{2}\\u[Dd][C-Fc-f][0-9A-Fa-f]{2}|[0-9A-Fa-f]{4}|\{0*[0-9A-Fa-f]{1,6}\}",
            "c": r"[A-Za-z]",
            "U": r"[0-9A-Fa-f]{8}",
            "N": r"\{[^}]+\}",
        }
        match = re.compile(forms[letter]).match(self.text, self.at)
        if match is None:
            raise PatternError(f"`\\{letter}` is not followed by a character's code or name")
        self.at = match.end()
        digits = match[0]
        try:
            if letter == "N":
                import unicodedata

                found = unicodedata.lookup(digits[1:-1])
            elif letter == "c":
                found = chr(ord(digits) % 32)
            elif "\\" in digits:
                found = chr(0x10000 + ((int(digits[:4], 16) - 0xD800) << 10) + int(digits[6:], 16) - 0xDC00)
            else:
                found = chr(int(digits.strip("{}"), 16))
        except (LookupError, ValueError, OverflowError):
            raise PatternError(f"`\\{letter}{digits}` is not a character") from None
        if letter in "UN" or len(found) != 1:
            self._other(f"\\{letter}{digits}")
            return _Atom(re.escape(found), f"\\u{{{ord(found[0]):x}}}", found[0])
        return _Atom(_one(found), f"\\{letter}{digits}", found)


def _one(character: str) -> str:
    """Return a character, escaped for Python, also inside a class."""
    if character.isascii() and character.isalnum():
        return character
    return f"\\U{ord(character):08x}"


_TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")
_NAMED = frozenset({"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"})
_DATA = frozenset({"const", "default", "enum", "examples"})


def problems(schema: Mapping[str, Any]) -> list[str]:
    """Return the problems of the schema of a tool's arguments or result, each with its path."""
    try:
        encode(schema)
    except (TypeError, ValueError, RecursionError) as error:
        return [f"it is not JSON: {error}"]
    found = list(_problems(schema, schema, ""))
    properties = schema.get("properties", {})
    if not isinstance(properties, Mapping):
        return [*found, "`properties` must be an object"]
    found += [
        f"`properties.{name}` must be an object, for any value `{{}}`"
        for name, member in properties.items()
        if not isinstance(member, Mapping)
    ]
    return found


def _problems(schema: Any, root: Mapping[str, Any], place: str) -> Iterator[str]:
    if isinstance(schema, (list, tuple)):
        for index, item in enumerate(schema):
            yield from _problems(item, root, f"{place}[{index}]")
    if not isinstance(schema, Mapping):
        return
    for key, value in schema.items():
        below = f"{place}.{key}" if place else str(key)
        if key in _NAMED and isinstance(value, Mapping):
            for name, member in value.items():
                if key == "patternProperties":
                    yield from _pattern(name, below)
                yield from _problems(member, root, f"{below}.{name}")
        elif key == "pattern":
            yield from _pattern(value, below)
        elif key == "type":
            names = value if isinstance(value, (list, tuple)) else [value]
            unknown = [name for name in names if name not in _TYPES]
            if unknown:
                yield f"`{below}` is {encode(unknown[0])}, expected one of {', '.join(_TYPES)}"
        elif key == "$ref":
            if not _resolves(value, root):
                yield f"`{below}` is {encode(value)}, which is not in the schema; clients do not load other schemas"
        elif key not in _DATA:
            yield from _problems(value, root, below)


def _pattern(pattern: Any, place: str) -> Iterator[str]:
    if not isinstance(pattern, str):
        yield f"`{place}` must be a string"
        return
    try:
        check_pattern(pattern)
    except PatternError as error:
        yield f"`{place}`: `{pattern}`: {error}"


def _resolves(reference: Any, root: Mapping[str, Any]) -> bool:
    if not isinstance(reference, str) or reference[:1] != "#":
        return False
    if reference[1:2] != "/":
        return reference == "#" or reference[1:] in _anchors(root)
    found: Any = root
    for step in reference[2:].split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, (list, tuple)) and name.isascii() and name.isdigit() and int(name[:9]) < len(found):
            found = found[int(name)]
        elif isinstance(found, Mapping) and name in found:
            found = found[name]
        else:
            return False
    return True


def _anchors(schema: Any) -> set[Any]:
    if isinstance(schema, Mapping):
        own = {schema["$anchor"]} if isinstance(schema.get("$anchor"), str) else set()
        return own.union(*map(_anchors, schema.values()))
    return set().union(*map(_anchors, schema)) if isinstance(schema, (list, tuple)) else set()
