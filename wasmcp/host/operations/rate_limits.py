"""Rate limits: a maximum number of requests, tool calls and completions of each client in a time.

Specification: server/tools and server/utilities/completion, "Security Considerations": servers limit the rate of calls
and of completions. RFC 6585, section 4: status 429.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from wasmcp.host.operations.request_records import Received

RATE_LIMITED = -32000
"""Code of the error for a request above a limit: one that JSON-RPC leaves to implementations."""

KINDS = ("requests", "tools", "completions")
"""Names of the limits: of all requests, of calls of all tools, of completions."""

CLIENTS = ("address", "session", "identity")
"""Properties that distinguish clients."""

_UNITS = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86400.0}
_RATE = re.compile(r"([1-9][0-9]{0,8})\s*/\s*([a-z]+)")
_TOLERANCE = 1e-6  # seconds of rounding
_MOST_CLIENTS = 65_536  # maximum number of clients whose requests are counted, for each limit


class Rate(NamedTuple):
    """A number of requests in a time, all of which can come at once.

    Attributes:
        number: The number of requests.
        seconds: The time.
    """

    number: int
    seconds: float

    @classmethod
    def parse(cls, text: str) -> Rate:
        """Parse `COUNT/UNIT`, for example `10/minute`.

        Raises:
            ValueError: The text has another form.
        """
        found = _RATE.fullmatch(text.strip())
        if found is None or found[2] not in _UNITS:
            raise ValueError(f"must be a rate such as `10/minute` (second, minute, hour, day), not `{text}`")
        return cls(int(found[1]), _UNITS[found[2]])

    def __str__(self) -> str:
        """Return the form that `parse` accepts."""
        unit = next(name for name, seconds in _UNITS.items() if seconds == self.seconds)
        return f"{self.number}/{unit}"


@dataclass(frozen=True)
class RateLimits:
    """The rate limits of one server, for each client.

    Attributes:
        by: The property that distinguishes clients: `address`, `session`, or the `identity` that authorization has
            verified. Clients without it are distinguished by their addresses; IPv6 addresses by their first 64 bits.
        rates: The limits by their kinds: `requests`, `tools`, `completions`.
        tool: The limits of single tools, by their names.
    """

    by: str = "address"
    rates: Mapping[str, Rate] = field(default_factory=dict)
    tool: Mapping[str, Rate] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Return True if there is a limit."""
        return bool(self.rates or self.tool)

    def to_manifest(self) -> dict[str, Any]:
        """Return the limits as JSON; an empty object without limits."""
        if not self:
            return {}
        whole: dict[str, Any] = {"by": self.by, **{kind: str(rate) for kind, rate in self.rates.items()}}
        return {**whole, "tool": {name: str(rate) for name, rate in self.tool.items()}} if self.tool else whole

    @classmethod
    def of_manifest(cls, document: Mapping[str, Any]) -> RateLimits:
        """Parse what `to_manifest` returned.

        Raises:
            ValueError: The document has another form.
        """
        by = str(document.get("by", "address"))
        if by not in CLIENTS:
            raise ValueError(f"`by` must be one of {', '.join(CLIENTS)}, not `{by}`")
        rates = {kind: Rate.parse(str(document[kind])) for kind in KINDS if kind in document}
        return cls(by, rates, {str(name): Rate.parse(str(rate)) for name, rate in document.get("tool", {}).items()})

    def with_options(self, texts: Iterable[str], by: str | None = None) -> RateLimits:
        """Return the limits with those of an operator, which replace the ones of the same kind or tool.

        Args:
            texts: Limits as `KIND=RATE`, where KIND is one of `KINDS` or `tool:NAME`; `none` as the rate removes one.
            by: The property that distinguishes clients.

        Raises:
            ValueError: A text has another form.
        """
        rates, tool = dict(self.rates), dict(self.tool)
        for text in texts:
            kind, equals, rate = text.rpartition("=")
            name = kind.removeprefix("tool:")
            table, key = (tool, name) if kind.startswith("tool:") else (rates, kind)
            if not equals or not key or (table is rates and kind not in KINDS):
                raise ValueError(
                    f"a rate limit must be KIND=RATE with the kind `requests`, `tools`, `completions` or `tool:NAME`, "
                    f"such as `requests=600/minute`, not `{text}`"
                )
            if rate.strip() == "none":
                table.pop(key, None)
                continue
            try:
                table[key] = Rate.parse(rate)
            except ValueError as error:
                raise ValueError(f"the rate limit `{kind}` {error}") from None
        return RateLimits(by or self.by, rates, tool)


class Limited(NamedTuple):
    """A request above a limit.

    Attributes:
        what: The requests that are limited, for a message.
        rate: The limit.
        seconds: The time after which a request is possible again.
    """

    what: str
    rate: Rate
    seconds: float

    @property
    def retry_after(self) -> int:
        """The time after which a request is possible again, in whole seconds (RFC 9110, section 10.2.3)."""
        return max(1, int(self.seconds + 0.999))

    def __str__(self) -> str:
        """Return the message for the client."""
        most = f"at most {self.rate.number} {self.what} in {self.rate.seconds:.0f} s"
        return f"Rate limit exceeded: {most}; try again in {self.retry_after} s"


class _Counters:
    """Requests of each client, of one limit.

    The algorithm is the virtual scheduling of the generic cell rate algorithm (ITU-T I.371, annex A), which keeps for
    each client the time at which all its requests are paid for.
    """

    def __init__(self, what: str, rate: Rate) -> None:
        self.what = what
        self.rate = rate
        self._cost = rate.seconds / rate.number
        self._paid: OrderedDict[str, float] = OrderedDict()

    def count(self, client: str, now: float) -> None:
        """Count a request."""
        self._paid[client] = max(self._paid.get(client, now), now) + self._cost
        self._paid.move_to_end(client)
        if len(self._paid) > _MOST_CLIENTS:
            self._paid.popitem(last=False)  # that of the client whose last request was the longest ago

    def over(self, client: str, now: float) -> float:
        """Return the seconds by which the counted requests exceed the limit; 0 or less if they do not."""
        excess = self._paid.get(client, now) - now - self.rate.seconds
        return excess if excess > _TOLERANCE else 0.0

    def give_back(self, client: str) -> None:
        """Undo one `count`."""
        if client in self._paid:
            self._paid[client] -= self._cost


class RateLimiter:
    """Counters of the requests of all clients. The methods are thread-safe."""

    def __init__(self, limits: RateLimits, clock: Callable[[], float] = monotonic) -> None:
        """Create counters at zero.

        Args:
            limits: The limits.
            clock: The time in seconds.
        """
        self.by = limits.by
        self._clock = clock
        self._kinds = {kind: _Counters(_NAMES[kind], rate) for kind, rate in limits.rates.items()}
        self._tools = {name: _Counters(f"calls of `{name}`", rate) for name, rate in limits.tool.items()}
        self._lock = threading.Lock()

    def admit(self, client: str, messages: Iterable[Received]) -> Limited | None:
        """Count the messages of a request, or return the limit that one of them exceeds, and count none.

        Args:
            client: The client.
            messages: The messages; none counts as one request.
        """
        now = self._clock()
        counted: list[_Counters] = []
        given: list[Received | None] = [*messages]
        with self._lock:
            for message in given or [None]:
                for counters in self._of(message):
                    counters.count(client, now)
                    counted.append(counters)
            over = [(counters.over(client, now), counters) for counters in dict.fromkeys(counted)]
            seconds, worst = max(over, key=lambda each: each[0], default=(0.0, None))
            if worst is None or seconds <= 0:
                return None
            for counters in counted:
                counters.give_back(client)
        return Limited(worst.what, worst.rate, seconds)

    def _of(self, message: Received | None) -> Iterator[_Counters]:
        """Yield the counters of a message."""
        names = ["requests"]
        if message is not None and message.method == "tools/call":
            names.append("tools")
            if message.target in self._tools:
                yield self._tools[message.target]
        if message is not None and message.method == "completion/complete":
            names.append("completions")
        yield from (self._kinds[name] for name in names if name in self._kinds)


_NAMES = {"requests": "requests", "tools": "calls of tools", "completions": "completions"}


def refusal(messages: Sequence[Received], limited: Limited, *, is_batch: bool = False) -> bytes | None:
    """Return the error response to the requests among messages; None without a request among them.

    Args:
        messages: The messages.
        limited: The limit that they exceed.
        is_batch: True if they arrived as a JSON array.
    """
    import json  # lazy: `wasmcp.host.configuration.declared` imports this module at each start

    error = {"code": RATE_LIMITED, "message": str(limited), "data": {"retryAfter": limited.retry_after}}
    errors = [{"jsonrpc": "2.0", "id": one.id, "error": error} for one in messages if one.id is not None]
    if not errors:
        return None
    return json.dumps(errors if is_batch else errors[0], separators=(",", ":")).encode()
