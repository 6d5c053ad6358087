"""Server-to-client requests: the cases that the guest libraries of all languages have in common.

The components of `tests/toolchains/equal/` declare the same functions. A case is the way of a client through the rounds
of one call: in each round it gets requests, and sends a result for each.
"""

from __future__ import annotations

from typing import Any, NamedTuple

ABLE: dict[str, Any] = {"elicitation": {"form": {}, "url": {}}, "sampling": {"tools": {}}, "roots": {}}

FORM: dict[str, Any] = {
    "message": "Who?",
    "requestedSchema": {
        "type": "object",
        "properties": {"name": {"type": "string"}, "loud": {"type": "boolean"}},
        "required": ["name"],
    },
}
LINK = {"mode": "url", "message": "Pay", "url": "https://example.com/pay"}
WHO = ("elicitation/create", FORM)
PAY = ("elicitation/create", LINK)
ROOTS: tuple[str, dict[str, Any]] = ("roots/list", {})


def model(text: str) -> tuple[str, dict[str, Any]]:
    """Return a request to the client's model."""
    content = {"type": "text", "text": text}
    return "sampling/createMessage", {"messages": [{"role": "user", "content": content}], "maxTokens": 5}


def accept(**content: Any) -> dict[str, Any]:
    return {"action": "accept", "content": content}


def sampled(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": {"type": "text", "text": text}, "model": "m"}


def roots(*uris: str) -> dict[str, Any]:
    return {"roots": [{"uri": uri} for uri in uris]}


class Case(NamedTuple):
    """The rounds of one call.

    Attributes:
        method: The method.
        params: Its parameters.
        rounds: For each round the expected requests, each with the client's result.
        outcome: The text of the result; or the code of the error, and a pattern of its message.
        capabilities: The client's capabilities.
        keys: Patterns of the keys of the requests, in the order of the rounds.
    """

    method: str
    params: dict[str, Any]
    rounds: list[list[tuple[tuple[str, Any], Any]]]
    outcome: str | tuple[int, str]
    capabilities: dict[str, Any] = ABLE
    keys: tuple[str, ...] = ()


def tool(name: str, **arguments: Any) -> tuple[str, dict[str, Any]]:
    return "tools/call", {"name": name, "arguments": arguments}


def misfit(words: str) -> tuple[int, str]:
    """Return the error for a result that does not fit its request."""
    return -32602, f"the input response `[a-z]+-1-[0-9a-f]{{8}}` {words}"


CASES = [
    Case(
        *tool("steps"),
        [
            [(WHO, accept(name="Ada", loud=True))],
            [(model("Greet Ada"), sampled("Hello"))],
            [(ROOTS, roots("file:///a", "file:///b"))],
        ],
        "Ada true Hello ['file:///a', 'file:///b'] True",
        keys=("elicitation-1-[0-9a-f]{8}", "sampling-1-[0-9a-f]{8}", "roots-1-[0-9a-f]{8}"),
    ),
    # clients send null for fields that stay empty
    Case(
        *tool("steps"),
        [[(WHO, accept(name="É", loud=None))], [(model("Greet É"), sampled(""))], [(ROOTS, roots())]],
        "É none  [] True",
    ),
    Case(*tool("steps"), [[(WHO, {"action": "decline"})]], "decline"),
    Case(*tool("steps"), [[(WHO, {"action": "cancel"})]], "cancel"),
    Case(*tool("steps"), [[(WHO, {"action": "maybe"})]], misfit("has no `action` that is known")),
    Case(*tool("steps"), [[(WHO, {})]], misfit("has no `action` that is known")),
    Case(
        *tool("steps"),
        [[(WHO, {"action": "accept", "content": []})]],
        misfit("has no object as its `content`"),
    ),
    Case(*tool("steps"), [[(WHO, {"action": "accept"})]], misfit("does not fit: name: required, but missing")),
    Case(
        *tool("steps"),
        [[(WHO, accept(name=1, loud="x"))]],
        misfit("does not fit: name: expected string, got integer; loud: expected boolean, got string"),
    ),
    Case(
        *tool("steps"),
        [[(WHO, accept(name="Ada"))], [(model("Greet Ada"), {"content": {"type": "text"}})]],
        misfit("is not a message of a model: its content needs `text`, a string"),
    ),
    Case(
        *tool("steps"),
        [[(WHO, accept(name="Ada"))], [(model("Greet Ada"), sampled("Hi"))], [(ROOTS, {"roots": {}})]],
        misfit("is not a list of roots: it needs `roots`, an array"),
    ),
    Case(*tool("steps"), [], (-32021, "the client does not support `elicitation`"), capabilities={}),
    Case(
        *tool("steps"),
        [[(WHO, accept(name="Ada"))]],
        (-32021, "the client does not support `sampling`"),
        capabilities={"elicitation": {}},
    ),
    Case(*tool("both"), [[(WHO, accept(name="Ada")), (ROOTS, roots("file:///a"))]], "accept 1"),
    Case(*tool("both"), [[(WHO, {"action": "decline"}), (ROOTS, roots())]], "decline 0"),
    # the user does not get one of two requests when the client does not support the other
    Case(*tool("both"), [], (-32021, "the client does not support `roots`"), capabilities={"elicitation": {}}),
    Case(*tool("both"), [], (-32021, "the client does not support `elicitation`"), capabilities={}),
    Case(*tool("each", words=["a", "b"]), [[(model("a"), sampled("A")), (model("b"), sampled("B"))]], "A, B"),
    Case(*tool("link", url=LINK["url"]), [[(PAY, {"action": "accept"})]], "opened"),
    Case(*tool("link", url=LINK["url"]), [[(PAY, {"action": "cancel"})]], "not opened"),
    Case(
        *tool("link", url=LINK["url"]),
        [],
        (-32021, "the client does not support `elicitation.url`"),
        capabilities={"elicitation": {}},
    ),
    Case(*tool("keys", first="a", second="b"), [[(ROOTS, roots())], [(ROOTS, roots())]], "done", keys=("a", "b")),
    Case(*tool("fallback"), [[(model("Hi"), sampled("Hello"))]], "Hello"),
    Case(*tool("fallback"), [], "no model", capabilities={}),
    Case("prompts/get", {"name": "asks"}, [[(WHO, accept(name="Ada"))]], "Ada"),
    Case("prompts/get", {"name": "asks"}, [[(WHO, {"action": "no"})]], misfit("has no `action` that is known")),
    Case("resources/read", {"uri": "asks://7"}, [[(ROOTS, roots("a:b"))]], "7 1"),
    Case("resources/read", {"uri": "asks://7"}, [], (-32021, "the client does not support `roots`"), capabilities={}),
]

# Mistakes of the component: the text goes to the log of the server, not to the client.
MISTAKES = [
    (tool("keys", first="a", second="a"), "two requests of this call have the key `a`: each needs its own"),
    (tool("link", url="/pay"), "the `url` of an elicitation must be an absolute URL"),
]
