"""One instance of a server: a store, its streams, the bindings to its exports, and the costs of calls into it.

It belongs to one thread. Costs are executed instructions and linear memory, of servers that are opened with `on_cost`.
Fuel counts instructions of WebAssembly, not those of the host, so that it does not depend on the machine or its load.
wasmtime does not report the memories of a component; on Linux they are found in the map of the process
(`wasmcp.host.engine.memory`). A linear memory never shrinks, so that its size after a call is the most that it had.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from math import inf
from time import monotonic, thread_time
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from wasmcp.errors import (
    ArtifactError,
    GuestCancelledError,
    GuestOutOfMemoryError,
    GuestTimeoutError,
    GuestTrapError,
    HostError,
    InvalidSettingError,
)
from wasmcp.host.bindings import _capi
from wasmcp.host.bindings.exchange import CallError, ExchangeBindings
from wasmcp.host.bindings.messages import FRAMES, Changed, HttpRequest, TaskEvent, TaskRequest, target_of
from wasmcp.host.engine import backtraces
from wasmcp.host.engine import engine as watchdog
from wasmcp.host.engine.backtraces import Frames
from wasmcp.host.engine.memory import mappings, memories
from wasmcp.host.engine.stdio_pipes import Stdio

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wasmtime import Engine, Store, WasmtimeError
    from wasmtime.component import Component, Linker

    from wasmcp.host.authorization.issuer import Issuer, Issuers, Keys
    from wasmcp.host.bindings.development_imports import Defined
    from wasmcp.host.bindings.messages import Event, Request
    from wasmcp.host.bindings.wasi_keyvalue import Provided
    from wasmcp.host.engine.limits import Limits

_TAIL = 8192
LATEST_SLICE = 1.0  # seconds after which a call with a slice is not extended any more
_TABLE = 1 << 20  # maximum elements of a table, eight bytes each; the largest guests have about ten thousand


class Tasks(Protocol):
    """Runner of the tasks of a server; see `wasmcp.host.mcp.tasks`.

    Attributes:
        host: The name of this process.
    """

    host: str

    def begin(self) -> None:
        """Note that an instance has booted whose tools can run as tasks."""

    def take(self, text: bytes) -> None:
        """Take a line of the server: a task that needs a run, or was cancelled. It does not block."""


BOOT = "boot"
"""The method of the cost of booting an instance."""

_TANK = 1 << 62
_booting = threading.Lock()  # so that new memories belong to one instance


@dataclass(frozen=True)
class Cost:
    """Cost of one call, or of booting an instance.

    Attributes:
        method: The method of the request, or `boot`.
        name: The name or URI of its target; the empty string without one.
        fuel: Executed instructions, in wasmtime's unit of fuel: most instructions cost 1, some 0.
        memory: Bytes of all linear memories of the instance after the call; None if the system does not report them.
        growth: Bytes by which they grew in the call; None if the system does not report them.
    """

    method: str
    name: str
    fuel: int
    memory: int | None
    growth: int | None


class Meter:
    """Meter of the calls into one instance."""

    def __init__(self, store: Store, on_cost: Callable[[Cost], None]) -> None:
        self._store = store
        self._on_cost = on_cost
        self._own: frozenset[int] = frozenset()
        self._before: int | None = 0
        store.set_fuel(_TANK)

    @contextmanager
    def booting(self) -> Iterator[None]:
        """Measure the instantiation."""
        with _booting:
            others = memories()
            yield
            self._own = frozenset(memories().keys() - others.keys())
        self._report(BOOT, "")

    def began(self) -> None:
        """Begin to measure a call."""
        self._store.set_fuel(_TANK)
        self._before = self._memory()

    def ended(self, request: Request) -> None:
        """Report the cost of a call."""
        self._report(*target_of(request))

    def _report(self, method: str, name: str) -> None:
        memory = self._memory()
        growth = None if memory is None or self._before is None else memory - self._before
        self._on_cost(Cost(method, name, _TANK - self._store.get_fuel(), memory, growth))

    def _memory(self) -> int | None:
        sizes = memories()
        return sum(sizes.get(one, 0) for one in self._own) if self._own else None


class Uses:
    """Number of the pools that use a program. The methods are thread-safe."""

    def __init__(self) -> None:
        self._count = 0
        self._lock = threading.Lock()

    def add(self) -> None:
        """Count a further pool."""
        with self._lock:
            self._count += 1

    def remove(self) -> bool:
        """Count a pool as ended. Return True if none is left."""
        with self._lock:
            self._count -= 1
            return self._count == 0


class Program(NamedTuple):
    """A compiled server and the resources of its instances.

    Attributes:
        uses: The pools that boot instances of it: requests, and tasks, which can run for longer.
    """

    name: str
    engine: Engine
    linker: Linker
    component: Component
    limits: Limits
    env: tuple[tuple[str, str], ...]
    directories: tuple[tuple[str, str, bool], ...]
    watchdog: watchdog.Watchdog
    on_stderr: Callable[[bytes], None]
    on_changed: Callable[[str], None]
    uses: Uses
    keyvalue: Provided | None = None
    settings: tuple[tuple[str, str], ...] = ()
    can_wait: bool = True
    can_stop: bool = False
    frames: Frames = Frames(b"")
    imports: frozenset[str] = frozenset()
    issuers: Issuers | None = None
    substitutes: Defined | None = None
    on_cost: Callable[[Cost], None] | None = None
    tasks: Tasks | None = None

    def close(self) -> None:
        """Free the compiled code and the imports. No instance must be booting."""
        self.component.close()
        self.linker.close()


class Instance:
    """A booted instance. After a trap it is `broken`: close it and boot another.

    Attributes:
        issuer: The issuer of its tokens; None if nothing is fetched for it.
        keys: The keys of the issuer that it has.
    """

    def __init__(self, program: Program, on_overdue: Callable[[], None] | None = None) -> None:
        """Boot the instance.

        Args:
            program: The server.
            on_overdue: Called when a call hangs in the host, where it cannot be interrupted; None to wait for its end.

        Raises:
            ArtifactError: The component is not a server, or imports interfaces that this host does not provide.
            GuestTrapError: The server's start function trapped.
            InvalidSettingError: The server refuses a setting.
        """
        from wasmtime import Store, WasiConfig, WasmtimeError

        self._program = program
        self._limits = program.limits
        self.deadline = inf
        self.broken = False
        self._closed = False
        self._on_overdue = on_overdue
        self._cancelled = False
        self._slice: float | None = None  # seconds of the processor that the call has
        self._slice_used = self._slice_ends = 0.0
        self._timeout = program.limits.timeout
        self._token = -1
        self._on_event: Callable[[Event], None] | None = None
        self._partial = b""
        self._tail = b""
        self.issuer: Issuer | None = None
        self.keys: Keys | None = None
        self._stdio = Stdio(self._stdout, self._stderr)
        self._mapped_before = zlib.compress(mappings(), 1)  # a few hundred kilobytes, for each instance
        self._store = Store(program.engine)
        try:
            wasi = WasiConfig()
            if program.env:
                wasi.env = program.env
            for host_path, guest_path, writable in program.directories:
                wasi.preopen_dir(host_path, guest_path, writable)
            self._stdio.configure(wasi)
            self._store.set_wasi(wasi)
            self._store.set_wasi_http()
            self._meter = None if program.on_cost is None else Meter(self._store, program.on_cost)
            if self._limits.memory is not None:
                self._store.set_limits(memory_size=self._limits.memory, table_elements=_TABLE)
            program.watchdog.watch(self, self._store)
            program.watchdog.began(self, monotonic() + (self._limits.timeout or inf))
            try:
                with nullcontext() if self._meter is None else self._meter.booting():
                    instance = program.linker.instantiate(self._store, program.component)
            except WasmtimeError as error:
                raise self._boot_error(error) from None
            finally:
                self.deadline = inf
            self._bindings = ExchangeBindings(self._store, instance, program.name, self._limits.response)
            try:
                self._configure()
            except WasmtimeError as error:  # for example without the memory for its settings
                raise self._boot_error(error) from None
        except BaseException:
            self.close()
            raise

    def _configure(self) -> None:
        problem = self._bindings.configure(self._program.settings)
        if problem is not None:
            raise InvalidSettingError(problem)
        if self._program.issuers is not None:
            self.issuer = self._program.issuers.of(self._bindings.authorization())
        tasks = self._program.tasks
        if tasks is not None and self._bindings.attach(tasks.host):
            tasks.begin()

    def _take_keys(self) -> None:
        """Pass newer keys of the issuer on, or return to the ones before if they cannot be used."""
        cache = self.issuer and self.issuer.keys
        if not cache:
            return
        for _ in range(2):
            keys = cache.current()
            if keys is self.keys:
                return
            problem = self._bindings.set_keys(keys.document)
            if problem is None:
                self.keys = keys
                return
            cache.refuse(keys, problem)

    def prepare(
        self,
        token: int,
        now: float,
        timeout: float | None,
        on_event: Callable[[Event], None] | None,
        *,
        is_slice: bool = False,
    ) -> None:
        """Prepare a call: from now on it can be cancelled, and its time runs.

        Args:
            token: The number of the call.
            now: The time, by `monotonic`.
            timeout: Maximum seconds; None for no limit.
            on_event: Called with each event of the call.
            is_slice: The time is one of the processor: a call that other processes have delayed continues.
        """
        self._cancelled = False
        self._slice = timeout if is_slice else None
        self._slice_ends = 0.0
        self._timeout = timeout
        self._on_event = on_event
        self._tail = b""
        self._token = token
        self._program.watchdog.began(self, inf if timeout is None else now + timeout)

    def call(self, request: Request, resumed: tuple[bytes, bytes] | None) -> Any:
        """Process one line of the stdio transport, one HTTP request, or one call about tasks.

        Args:
            request: The request.
            resumed: The continuation and the client's responses, if the request continues after pending input.

        Returns:
            The response (empty for none) and the new state; or status, header lines and body; or the outcome.

        Raises:
            GuestTrapError: The code trapped, or was interrupted.
            ResponseTooLargeError: The response is above the limit.
        """
        bindings = self._bindings
        if self._meter is not None:
            self._meter.began()
        try:
            if isinstance(request, HttpRequest):
                if self.issuer is not None:
                    self._take_keys()
                if resumed is not None:
                    return bindings.resume_http(self._token, *request, *resumed)
                return bindings.http(self._token, *request)
            if isinstance(request, TaskRequest):
                return bindings.task(self._token, request.function, *request.arguments)
            line, state = request
            if resumed is not None:
                return bindings.resume_message(self._token, line, state, *resumed)
            return bindings.message(self._token, line, state)
        except CallError as failure:
            raise self._trap(failure.message, failure.frames) from None
        finally:
            if self._meter is not None:
                self._meter.ended(request)
            self._finish()

    def cancel(self, token: int) -> None:
        """Notify the guest of a cancellation, and interrupt it after a grace period if it continues."""
        if self._token != token:
            return
        self._cancelled = True
        self._stdio.stdout.resume()
        self._stdio.write_line(f"{token} cancel")
        self._program.watchdog.began(self, min(self.deadline, monotonic() + self._limits.cancel_grace))

    def hold(self, token: int) -> None:
        """Stop reading events of this call until `release`: the guest blocks when the pipe is full."""
        if self._token == token:
            self._stdio.stdout.pause()

    def release(self) -> None:
        """Read events again."""
        self._stdio.stdout.resume()

    def extend(self, now: float) -> bool:
        """Set a later deadline, if the call has a slice and its thread has not run for that long."""
        if self._slice is None or self._cancelled:
            return False
        used = thread_time()
        if not self._slice_ends:  # the time before is not known: reading it for each call would cost more
            self._slice_used, self._slice_ends = used, now + LATEST_SLICE
        elif used - self._slice_used >= self._slice or now > self._slice_ends:
            return False
        self.deadline = now + self._slice
        return True

    def overdue(self) -> None:
        """Abandon a call that hangs in the host, where it cannot be interrupted."""
        if self._stdio.stdout.paused:  # it blocks in a write: after a read it continues and is interrupted
            self._on_event = None
            self._stdio.stdout.resume()
            return
        if self._on_overdue is not None:
            self._on_overdue()

    def interruption(self, backtrace: str = "", component: str = "") -> GuestTrapError:
        """Return the error of a call that was interrupted or abandoned."""
        stderr = self._tail.decode("utf-8", "replace")
        if self._cancelled:
            return GuestCancelledError(component=component, backtrace=backtrace, stderr=stderr)
        return GuestTimeoutError(self._timeout or 0.0, component=component, backtrace=backtrace, stderr=stderr)

    def memory_bytes(self) -> int:
        """Return the bytes of its linear memories; 0 if the system does not report them."""
        others = self._others()
        return sum(size for start, size in memories().items() if start not in others)

    def _others(self) -> dict[int, int]:
        """Return the linear memories of the process that existed before this instance."""
        return memories(zlib.decompress(self._mapped_before))

    def close(self) -> None:
        """Drop the store and close the streams."""
        self.broken = True
        self._stdio.end_input()
        if self._program.keyvalue is not None and not self._closed:
            self._program.keyvalue.ended(_capi.context_of(self._store))
        if self._program.substitutes is not None and not self._closed:
            self._program.substitutes.ended(_capi.context_of(self._store))
        self._closed = True
        self._store.close()
        self._stdio.close()

    def end_input(self) -> None:
        """Close only the guest's stdin: the other resources of a running instance cannot be freed."""
        self._stdio.end_input()

    def _finish(self) -> None:
        self.deadline = inf
        try:
            self._stdio.drain()
        finally:  # a caller's event handler can raise KeyboardInterrupt
            self._token = -1
            if self._stdio.stdout.paused:
                self._stdio.stdout.resume()
            self._on_event = None

    def _stdout(self, data: bytes) -> None:
        """Read the frames of the server: `TOKEN KIND JSON`, one per line."""
        *lines, self._partial = (self._partial + data).split(b"\n")
        if self._limits.response is not None and len(self._partial) > self._limits.response:
            self._partial = b""
        for line in lines:
            token, _, rest = line.partition(b" ")
            kind, _, text = rest.partition(b" ")
            if token != b"%d" % self._token:
                continue
            event = FRAMES.get(kind)
            if event is Changed:
                self._program.on_changed(text.decode("utf-8", "replace"))
            elif event is TaskEvent:
                if self._program.tasks is not None:
                    self._program.tasks.take(text)
            elif event is not None and self._on_event is not None:
                self._on_event(event(text.decode("utf-8", "replace")))

    def _stderr(self, data: bytes) -> None:
        self._tail = (self._tail + data)[-_TAIL:]
        self._program.on_stderr(data)

    def _trap(self, message: str, frames: Sequence[_capi.Frame]) -> GuestTrapError:
        self.broken = True
        self._stdio.drain()
        reason, lines = backtraces.explain(message)
        component, backtrace = self._program.frames.attribute(lines, frames)
        stderr = self._tail.decode("utf-8", "replace")
        if watchdog.INTERRUPTED in message:
            return self.interruption(backtrace, component)
        limit = self._limits.memory
        if limit is not None and backtraces.exhausted(limit, reason, stderr, besides=self._others()):
            return GuestOutOfMemoryError(limit, component=component, backtrace=backtrace, stderr=stderr)
        return GuestTrapError(reason, component=component, backtrace=backtrace, stderr=stderr)

    def _boot_error(self, error: WasmtimeError) -> HostError:
        self._stdio.drain()
        message, frames = str(error), _capi.frames_of(error.ptr())
        if backtraces.is_trap(message):
            return self._trap(message, frames)
        if backtraces.needs_memory(message) and self._limits.memory is not None:
            return GuestOutOfMemoryError(self._limits.memory)
        first = message.strip().splitlines()[0] if message.strip() else "cannot be instantiated"
        detail = message.strip().splitlines()[-1].strip() if message.strip() else ""
        return ArtifactError(self._program.name, f"cannot be instantiated: {first}; {detail}".rstrip("; "))
