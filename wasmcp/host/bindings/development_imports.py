"""Imports of servers under development and test: the modules of a development build, and substitutes for WASI.

Substitutes replace outgoing HTTP, clocks and random numbers. They are below all components of the server, in the host's
linker, so that they hold for each language. Functions of this host cannot make resources of wasmtime's own `wasi:http`
and `wasi:io`. A small component, instantiated in the store of each instance that needs it, makes them:
`framework/test-imports/`.

Sources: wasi:http, wasi:clocks and wasi:random 0.2.8.
"""

from __future__ import annotations

import ctypes
import json
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from wasmtime import StoreContext, WasmtimeError

from wasmcp.host.bindings import _capi, component_values
from wasmcp.wasi import FUNCTION, INTERFACE, interfaces_of

if TYPE_CHECKING:
    from wasmtime.component import Component, Linker

    from wasmcp.host.bindings.component_values import Writer


def define_modules(linker: Linker, modules: Mapping[str, str]) -> None:
    """Define the interfaces of the modules of a development build, and of facts about them, in a linker.

    Args:
        linker: The linker of the server.
        modules: The modules by the component's name, as the text of a JSON object; and for each further interface, by
            its name, an object with the values of its functions. They are read at each call.
    """

    def read(_store: Any, component: str) -> str:
        return modules.get(component, "{}")

    def constant(interface: str, function: str) -> Callable[[Any], str | bool]:
        def value(_store: Any) -> str | bool:
            found: str | bool = json.loads(modules[interface])[function]
            return found

        return value

    with linker.root() as root:
        with root.add_instance(INTERFACE) as instance:
            instance.add_func(FUNCTION, read)
        for interface in interfaces_of(modules):
            with root.add_instance(interface) as instance:
                for function in json.loads(modules[interface]):
                    instance.add_func(function, constant(interface, function))


_DECISIONS = "wasmcp:mcp-v20260728/test-decisions@0.1.0"
_TIMERS = "wasmcp:mcp-v20260728/test-timers@0.1.0"
_HANDLER = "wasi:http/outgoing-handler@0.2.8"
_MOST_RANDOM = 1 << 24  # bytes of one call
_SECOND = 1_000_000_000  # nanoseconds


class Redirect(NamedTuple):
    """Decision to send a request elsewhere, over HTTP without TLS."""

    authority: str
    path: str


class Failure(NamedTuple):
    """Decision to fail a request with a case of `error-code`, for example `connection-refused`.

    Attributes:
        code: The name of the case.
        reason: A text for `internal-error` and other cases that carry one.
    """

    code: str
    reason: str = ""


@dataclass(frozen=True)
class Substitutes:
    """Functions that replace imports; those that are None leave the import to WASI.

    Attributes:
        component: The file of the framework component `test-imports`.
        decide: Gets method and URL of a request; returns where it is sent, or None to send it where it goes.
        wall: Returns the time of day, in nanoseconds since 1970.
        monotonic: Returns the monotonic clock, in nanoseconds. It needs `wait`.
        wait: Gets the nanoseconds that a timer was set to; returns those that it waits.
        random: Returns so many random bytes.
    """

    component: str | os.PathLike[str]
    decide: Callable[[str, str], Redirect | Failure | None] | None = None
    wall: Callable[[], int] | None = None
    monotonic: Callable[[], int] | None = None
    wait: Callable[[int], int] = int
    random: Callable[[int], bytes] | None = None

    @property
    def can_repeat(self) -> bool:
        """False if a call that is stopped and run again would find other values than at first."""
        return self.monotonic is None and self.random is None


class Defined:
    """Substitutes in the linker of one server. Keep it alive as long as the linker."""

    def __init__(
        self,
        of: Linker,
        needs: Mapping[str, Any],
        given: Substitutes,
        load: Callable[[], tuple[Linker, Component]],
    ) -> None:
        """Define the substitutes for the imports that a server has.

        Args:
            of: The linker of the server.
            needs: The imports of the server, by name.
            given: The substitutes.
            load: Returns a linker with WASI, and the component of the substitutes.
        """
        self._load = load
        self._given = given
        self._callbacks: list[Any] = []
        self._loaded: tuple[Linker, Component] | None = None
        self._helpers: dict[int, tuple[Any, Any]] = {}
        self._lock = threading.Lock()
        interfaces: dict[str, dict[str, Callable[..., int]]] = {}
        if given.decide is not None:
            interfaces["wasi:http/outgoing-handler"] = {"handle": self._handle}
        if given.wall is not None:
            interfaces["wasi:clocks/wall-clock"] = {
                "now": self._returning("wall-clock now", self._wall),
                "resolution": self._returning("wall-clock resolution", lambda: _datetime(1)),
            }
        if given.monotonic is not None:
            interfaces["wasi:clocks/monotonic-clock"] = {
                "now": self._returning("monotonic-clock now", self._monotonic),
                "resolution": self._returning("monotonic-clock resolution", lambda: _u64(1)),
                "subscribe-instant": self._subscribe_instant,
                "subscribe-duration": self._subscribe_duration,
            }
        if given.random is not None:
            numbers = {
                "random-bytes": self._returning("random bytes", self._random_bytes),
                "random-u64": self._returning("random u64", self._random_u64),
            }
            interfaces["wasi:random/random"] = {f"get-{name}": called for name, called in numbers.items()}
            interfaces["wasi:random/insecure"] = {f"get-insecure-{name}": called for name, called in numbers.items()}
            interfaces["wasi:random/insecure-seed"] = {
                "insecure-seed": self._returning(
                    "insecure-seed", lambda: component_values.both(self._random_u64(), self._random_u64())
                )
            }
        of.allow_shadowing = True
        with of.root() as root:
            for name in needs:
                functions = interfaces.get(name.partition("@")[0])
                if functions is not None:
                    with root.add_instance(name) as instance:
                        for function, called in functions.items():
                            self._callbacks.append(_capi.define_function(instance, function, called))

    def ended(self, store: Any) -> None:
        """Forget the component of an instance; `store` is the context of its store, which is about to be closed."""
        with self._lock:
            self._helpers.pop(_address(store), None)

    # HTTP

    def _handle(
        self, _data: Any, raw: Any, _type: Any, arguments: Any, count: int, results: Any, results_count: int
    ) -> int:
        try:
            handle, _ = self._helper(raw)
        except Exception as error:  # noqa: BLE001 - C code is above this frame: the error becomes a trap
            return _capi.error_address(f"wasi:http outgoing-handler: {type(error).__name__}: {error}")
        return _forward(handle, raw, arguments, count, results, results_count)

    def _decide(self, method: str, url: str) -> Writer:
        decided = None if self._given.decide is None else self._given.decide(method, url)
        if decided is None:
            return component_values.case("pass-on")
        if isinstance(decided, Failure):
            texts = component_values.both(component_values.text(decided.code), component_values.text(decided.reason))
            return component_values.case("fail", texts)
        place = component_values.both(component_values.text(decided.authority), component_values.text(decided.path))
        return component_values.case("redirect", place)

    # Clocks

    def _wall(self) -> Writer:
        return _datetime(0 if self._given.wall is None else self._given.wall())

    def _monotonic(self) -> Writer:
        return _u64(self._now())

    def _now(self) -> int:
        return 0 if self._given.monotonic is None else self._given.monotonic()

    def _subscribe_instant(
        self, _data: Any, raw: Any, _type: Any, arguments: Any, count: int, results: Any, results_count: int
    ) -> int:
        return self._timer(raw, lambda when: max(0, when - self._now()), arguments, count, results, results_count)

    def _subscribe_duration(
        self, _data: Any, raw: Any, _type: Any, arguments: Any, count: int, results: Any, results_count: int
    ) -> int:
        return self._timer(raw, lambda duration: duration, arguments, count, results, results_count)

    def _timer(  # noqa: PLR0917 - the arguments of a callback
        self, raw: Any, duration: Callable[[int], int], arguments: Any, count: int, results: Any, results_count: int
    ) -> int:
        try:
            _, after = self._helper(raw)
            arguments[0].of.u64 = self._given.wait(duration(arguments[0].of.u64))
        except Exception as error:  # noqa: BLE001 - as above
            return _capi.error_address(f"wasi:clocks monotonic-clock: {type(error).__name__}: {error}")
        return _forward(after, raw, arguments, count, results, results_count)

    # Random numbers

    def _random_bytes(self, count: int) -> Writer:
        if count > _MOST_RANDOM:
            raise ValueError(f"{count} bytes at once; at most {_MOST_RANDOM}")
        return component_values.data(self._random(count))

    def _random_u64(self) -> Writer:
        return _u64(int.from_bytes(self._random(8), "little"))

    def _random(self, count: int) -> bytes:
        return b"" if self._given.random is None else self._given.random(count)

    # Component of each store

    def _helper(self, raw: Any) -> tuple[Any, Any]:
        """Return the functions `handle` and `after` of the component in a store."""
        address = _address(raw)
        with self._lock:
            found = self._helpers.get(address)
            if found is not None:
                return found
            if self._loaded is None:
                self._loaded = self._with_decisions(*self._load())
        linker, component = self._loaded
        context = StoreContext(raw)
        try:
            instance = linker.instantiate(context, component)
            functions = []
            for interface, name in ((_HANDLER, "handle"), (_TIMERS, "after")):
                outer = instance.get_export_index(context, interface)
                index = outer and instance.get_export_index(context, name, outer)
                function = index and instance.get_func(context, index)
                if not function:
                    raise WasmtimeError(f"`{self._given.component}` does not export `{interface}`")
                functions.append(function)
        finally:
            _capi.invalidate(context)
        found = (functions[0], functions[1])
        with self._lock:
            self._helpers[address] = found
        return found

    def _with_decisions(self, linker: Linker, component: Component) -> tuple[Linker, Component]:
        with linker.root() as root, root.add_instance(_DECISIONS) as instance:
            called = self._returning("test-decisions", self._decide)
            self._callbacks.append(_capi.define_function(instance, "decide", called))
        return linker, component

    def _returning(self, name: str, function: Callable[..., Writer]) -> Callable[..., int]:
        """Return the callback of a function whose arguments and result are plain values."""

        def called(_data: Any, raw: Any, _type: Any, arguments: Any, count: int, results: Any, _count: int) -> int:
            try:
                given = []
                for index in range(count):
                    given.append(component_values.read(arguments[index]))
                    component_values.release(arguments[index])
                function(*given)(raw, results[0])
            except Exception as error:  # noqa: BLE001 - as above
                return _capi.error_address(f"{name}: {type(error).__name__}: {error}")
            return 0

        return called


def _forward(  # noqa: PLR0917 - the arguments of a callback
    function: Any, raw: Any, arguments: Any, count: int, results: Any, results_count: int
) -> int:
    """Call a function of another component with the arguments and the result of a callback, as they are."""
    error = _capi.call_function(
        ctypes.byref(_capi.raw_function(function)), raw, arguments, count, results, results_count
    )
    return ctypes.cast(error, ctypes.c_void_p).value or 0


def _u64(number: int) -> Writer:
    return component_values.integer(number % (1 << 64), signed=False)


def _datetime(nanoseconds: int) -> Writer:
    seconds, rest = divmod(max(nanoseconds, 0), _SECOND)
    return component_values.record(seconds=_u64(seconds), nanoseconds=component_values.small(rest))


def _address(context: Any) -> int:
    return ctypes.cast(context, ctypes.c_void_p).value or 0
