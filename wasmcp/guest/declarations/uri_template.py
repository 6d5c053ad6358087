"""URI templates (RFC 6570): their variables.

The framework matches URIs against templates, and the build refuses those that cannot be matched.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from wasmcp.guest.json_types.uris import checked, normalized, normalized_template

_EXPRESSION = re.compile(r"\{([+#./;?&]?)([^{}]*)\}")
_VARIABLE = re.compile(r"([A-Za-z0-9_.]+)[^*]*(\*?)")


class Variable(NamedTuple):
    """A variable of a template.

    Attributes:
        name: The name of the variable.
        many: True if it has a list of values (``*``).
        optional: True if a URI can omit it: variables of a query, of path parameters and of a fragment.
    """

    name: str
    many: bool
    optional: bool


class Pattern(NamedTuple):
    """A template as the framework matches it: the record `uri-template`.

    Attributes:
        text: The template in normal form.
        unchecked: The names of variables that can have any value.
    """

    text: str
    unchecked: list[str]


class UriTemplate:
    """A URI, or a template such as ``notes://{folder}/{id}{?q,tags*}``.

    Args:
        text: The URI or the template.

    Attributes:
        text: The text of the author.
        normal: The normal form.
        variables: The variables by name, in order; empty for a URI.

    Raises:
        ValueError: The text is not a URI or a template.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.normal = normalized_template(text) if "{" in text or "}" in text else normalized(text)
        checked(text)
        self.variables: dict[str, Variable] = {}
        for operator, names in _EXPRESSION.findall(self.normal.text):
            for found in filter(None, map(_VARIABLE.match, names.split(","))):
                variable = Variable(found[1], bool(found[2]), operator in tuple("#;?&"))
                self.variables[variable.name] = variable
