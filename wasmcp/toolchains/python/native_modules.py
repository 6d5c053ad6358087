"""Native extension modules among a component's dependencies: checked, converted, and replacements for their packages.

A native module is compiled for a CPython, and for the C library of a platform. The interpreter inside a
component is componentize-py's, on wasi-libc. Modules for Emscripten fit the same CPython; of its C library they can use
the functions for which both libraries agree on the parameters, the constants and the structures.

Wheels for WASI have modules that the interpreter loads. Wheels for Emscripten (PEP 783) have modules for the same
CPython on another C library: their exceptions become traps, some imports get other names, and every function of the C
library that they import has to be one of `SHARED_FUNCTIONS`, with its type.

A module is converted once for each version of its wheel and of the converter: the result, or the reason why the wheel
is rejected, stays in the cache, under the digest of the wheel.

Source of the normal form of names of packages: PEP 503.
"""

from __future__ import annotations

import base64
import csv
import functools
import hashlib
import io
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from wasmcp.component import instructions, side_module
from wasmcp.component.side_module import DATA_OFFSETS, ENVIRONMENT, FUNCTION_OFFSETS, ImportKind, ModuleImport
from wasmcp.errors import ComponentError, NativeCodeError
from wasmcp.toolchains.base import PINS, ComponentSource, Distribution
from wasmcp.toolchains.kept_folders import is_whole_folder, keep_folder, remove_folder
from wasmcp.toolchains.python.pip_resolver import WASI, is_wasi


def normalised(name: str) -> str:
    """Return the normal form of a package's name: in lower case, with one hyphen for each run of `-`, `_` and `.`."""
    return re.sub(r"[-_.]+", "-", name).lower()


_JSON = "use `json` of the standard library"
_DATABASE = "reach the database over HTTP (the grant `http`), or from another server outside of the component"
_NUMBERS = "compute with `math`, `statistics` and lists, or leave the work to a component in Rust or Zig"

ADVICE: Mapping[str, str] = {
    "asyncpg": _DATABASE,
    "bcrypt": "derive keys by a loop over `hmac.digest` (PBKDF2), or check passwords in a component in Rust or Zig",
    "brotli": "use `zlib`, which components have",
    "cffi": "a component has no C libraries: look for a package without them",
    "cryptography": (
        "use `hashlib`, `hmac` and `secrets`; check tokens with wasmcp's authorization, which is outside of the "
        "component, or leave signatures to a component in Rust or Zig"
    ),
    "duckdb": "use `sqlite3` with `:memory:`, which components have",
    "gevent": "use `asyncio`: components have neither threads nor greenlets",
    "gitpython": "it starts the program `git`, and components start no programs: use the HTTP API of the Git host",
    "greenlet": "SQLAlchemy works without it (`sqlalchemy`, not `sqlalchemy[asyncio]`)",
    "grpcio": "call the service's HTTP API with the grant `http`: components have no sockets",
    "httptools": "components serve no HTTP themselves: `wasmcp serve` does",
    "lxml": "use `xml.etree.ElementTree`, or `html.parser` for HTML; `beautifulsoup4` works with `html.parser`",
    "mysqlclient": _DATABASE,
    "numpy": _NUMBERS,
    "opencv-python": "leave images to a component in Rust or Zig",
    "orjson": _JSON,
    "pandas": f"read tables with `csv`; {_NUMBERS}",
    "pillow": "leave images to a component in Rust or Zig",
    "polars": f"read tables with `csv`; {_NUMBERS}",
    "psutil": "components do not see the processes of their machine",
    "psycopg": _DATABASE,
    "psycopg-binary": _DATABASE,
    "psycopg-c": _DATABASE,
    "psycopg2": _DATABASE,
    "psycopg2-binary": _DATABASE,
    "pyarrow": f"read tables with `csv`; {_NUMBERS}",
    "pydantic": "require `pydantic>=2.14.1`, the first version with a wheel for WebAssembly",
    "pydantic-core": "require `pydantic>=2.14.1`, the first version with a wheel for WebAssembly",
    "pymongo": _DATABASE,
    "pynacl": "use `hashlib`, `hmac` and `secrets`",
    "pyzmq": "components have no sockets: call a service over HTTP with the grant `http`",
    "regex": "use `re` of the standard library, which has possessive quantifiers and atomic groups",
    "rpds-py": "it comes with `jsonschema>=4.18`: require `jsonschema<4.18`",
    "scikit-learn": _NUMBERS,
    "scipy": _NUMBERS,
    "tiktoken": "count tokens with the service's HTTP API",
    "tokenizers": "count tokens with the service's HTTP API",
    "torch": "call the model over HTTP with the grant `http`",
    "ujson": _JSON,
    "uvloop": "components run their own event loop: leave it out",
    "watchfiles": "components do not see changes of files: leave it out",
}
"""Normalised name of a package -> the replacement, as a clause."""

_SERVERS = (
    "declare tools with `wasmcp.guest`; a server for FastMCP or the official SDK runs with `wasmcp.guest.fastmcp`, and "
    "`wasmcp import fastmcp` makes a project of it"
)
_MODULES: Mapping[str, str] = {
    "fastmcp": _SERVERS,
    "git": ADVICE["gitpython"],
    "mcp": _SERVERS,
}
"""Top-level module of a package in Python alone -> the replacement, where it cannot be imported in a component."""

_OTHER = (
    "look for a package that does the same in Python, leave the work to a component in another language, or build a "
    "wheel for WASI (docs/guides/native-packages.md)"
)


def advice_for(package: str) -> str:
    """Return the advice for a package that a component cannot use, as the end of a message."""
    return ADVICE.get(package, _OTHER)


def advice_for_module(module: str) -> str:
    """Return the advice for a package that cannot be imported in a component, by its top-level module, or ""."""
    return _MODULES.get(module, "")


@dataclass(frozen=True)
class Abi:
    """Versions that go together.

    Attributes:
        python: The version of CPython in a component, without the patch level.
        emscripten: The platform tag of wheels for Emscripten with this CPython (PEP 783).
        converter: The version of the conversion from Emscripten to WASI; a new one converts every module again.
    """

    python: str
    emscripten: str
    converter: int

    @property
    def interpreter(self) -> str:
        """The tag of the interpreter and of its ABI: ``cp314``."""
        return "cp" + self.python.replace(".", "")

    @property
    def platforms(self) -> tuple[str, ...]:
        """The platform tags of wheels with native modules, the preferred ones first; see `fits`."""
        return (WASI, self.emscripten)

    def fits(self, platform: str) -> bool:
        """Return True for a platform tag of wheels with native modules, of WASI with any version."""
        return platform == self.emscripten or is_wasi(platform)

    @property
    def suffix(self) -> str:
        """The end of the file names of extension modules for this CPython on WASI."""
        return f".cpython-{self.python.replace('.', '')}-wasm32-wasi.so"

    @property
    def emscripten_suffix(self) -> str:
        """The end of the file names of extension modules for this CPython on Emscripten."""
        return f".cpython-{self.python.replace('.', '')}-wasm32-emscripten.so"


ABIS: Mapping[str, Abi] = {
    "0.25.1": Abi(
        python="3.14",
        emscripten="pyemscripten_2026_0_wasm32",
        converter=1,
    ),
}
"""Version of componentize-py -> what fits its interpreter."""

ABI = ABIS[PINS["componentize-py"]]

STABLE_SUFFIX = ".abi3.so"
"""The end of the file names of extension modules for the stable ABI."""

RENAMED: Mapping[str, tuple[str, str]] = {
    "clock_gettime": ("i32 i32 -> i32", "wasmcp_emscripten_clock_gettime"),
    "pthread_condattr_setclock": ("i32 i32 -> i32", "wasmcp_emscripten_condattr_setclock"),
    "_Unwind_RaiseException": ("i32 -> i32", "wasmcp_emscripten_raise"),
    "_Unwind_DeleteException": ("i32 ->", "wasmcp_emscripten_delete"),
}
"""Function of Emscripten's C library -> its type, and the name of its replacement in ``emscripten_shim.wat``."""

SHARED_DATA = frozenset({"stderr", "stdin", "stdout"})
"""Variables that both C libraries define in the same way."""

SPECIAL: Mapping[str, str] = {
    "memory": "",
    "__indirect_function_table": "funcref",
    "__stack_pointer": "mut i32",
    "__memory_base": "i32",
    "__table_base": "i32",
    "__cpp_exception": "",
}
"""Imports from ``env`` that are not functions -> their types."""

# Both libraries descend from musl: the numbers of `errno` and of `sysconf`, `va_list`, `time_t`, `struct timespec`,
# `struct iovec` and the structures of mutexes, conditions and read-write locks are the same. Everything that depends on
# more is missing: flags of `open`, `struct stat`, `dirent`, sockets, signals, locales, clocks, `jmp_buf`.
_FUNCTIONS = {
    "i32 i32 -> i32": """
        aligned_alloc calloc fputc fputs getcwd getentropy index nanosleep printf pthread_cond_init
        pthread_cond_wait pthread_equal pthread_key_create pthread_mutex_init pthread_mutexattr_gettype
        pthread_mutexattr_settype pthread_once pthread_rwlock_init pthread_setspecific putc realloc rindex stpcpy
        strcasecmp strcasestr strcat strchr strchrnul strcmp strcpy strcspn strndup strnlen strpbrk strrchr strsep
        strspn strstr strtok vprintf wcschr wcscmp wcscpy wcsnlen wcsrchr
    """,
    "i32 -> i32": """
        abs atoi atol fflush ffs ffsl getenv isalnum isalpha isascii isatty isblank iscntrl isdigit isgraph islower
        isprint ispunct isspace isupper isxdigit labs malloc malloc_usable_size pthread_cond_broadcast
        pthread_cond_destroy pthread_cond_signal pthread_condattr_destroy pthread_condattr_init pthread_getspecific
        pthread_key_delete pthread_mutex_destroy pthread_mutex_lock pthread_mutex_trylock pthread_mutex_unlock
        pthread_mutexattr_destroy pthread_mutexattr_init pthread_rwlock_destroy pthread_rwlock_rdlock
        pthread_rwlock_tryrdlock pthread_rwlock_trywrlock pthread_rwlock_unlock pthread_rwlock_wrlock
        pthread_rwlockattr_destroy pthread_rwlockattr_init putchar puts rand_r sleep strdup strerror strlen sysconf
        toascii tolower toupper usleep wcslen
    """,
    "i32 i32 i32 -> i32": """
        __cxa_atexit asprintf bcmp fprintf memchr memcmp memcpy memmove mempcpy memrchr memset posix_memalign read
        reallocarray sprintf sscanf stpncpy strerror_r strlcat strlcpy strncasecmp strncat strncmp strncpy strtok_r
        strtol strtoul vasprintf vfprintf vsprintf vsscanf wcsncmp wcsncpy wmemchr wmemcmp wmemcpy wmemmove wmemset
        write writev
    """,
    "i32 i32 i32 i32 -> i32": "fwrite memccpy memmem snprintf vsnprintf",
    "i32 i32 i32 i32 i32 -> i32": "bsearch",
    "-> i32": "__errno_location getpagesize pthread_self rand random sched_yield",
    "->": "__stack_chk_fail abort",
    "i32 ->": "free perror srand srandom",
    "i32 i32 ->": "bzero",
    "i32 i32 i32 ->": "bcopy",
    "i32 i32 i32 i32 ->": "__assert_fail qsort",
    "i32 i32 i32 i32 i32 ->": "qsort_r",
    "i32 -> i64": "atoll time",
    "i32 i32 i32 -> i64": "strtoimax strtoll strtoull strtoumax",
    "i64 -> i64": "imaxabs llabs",
    "i64 -> i32": "ffsll",
    "i64 i64 -> f64": "difftime",
    "i32 -> f64": "atof nan",
    "i32 -> f32": "nanf",
    "i32 i32 -> f64": "strtod",
    "i32 i32 -> f32": "strtof",
    "f64 -> f64": """
        acos acosh asin asinh atan atanh cbrt ceil cos cosh erf erfc exp exp10 exp2 expm1 fabs floor lgamma log log10
        log1p log2 logb nearbyint rint round sin sinh sqrt tan tanh tgamma trunc
    """,
    "f32 -> f32": """
        acosf acoshf asinf asinhf atanf atanhf cbrtf ceilf cosf coshf erfcf erff exp10f exp2f expf expm1f fabsf floorf
        lgammaf log10f log1pf log2f logbf logf nearbyintf rintf roundf sinf sinhf sqrtf tanf tanhf tgammaf truncf
    """,
    "f64 f64 -> f64": "atan2 copysign fdim fmax fmin fmod hypot nextafter pow remainder",
    "f32 f32 -> f32": "atan2f copysignf fdimf fmaxf fminf fmodf hypotf nextafterf powf remainderf",
    "f64 i32 -> f64": "frexp ldexp lgamma_r modf scalbln scalbn",
    "f32 i32 -> f32": "frexpf ldexpf modff scalblnf scalbnf",
    "f64 -> i32": "ilogb lrint lround",
    "f32 -> i32": "ilogbf lrintf lroundf",
    "f64 -> i64": "llrint llround",
    "f32 -> i64": "llrintf llroundf",
    "f64 f64 f64 -> f64": "fma",
    "f32 f32 f32 -> f32": "fmaf",
    "f64 f64 i32 -> f64": "remquo",
    "f32 f32 i32 -> f32": "remquof",
    "f64 i32 i32 ->": "sincos",
    "f32 i32 i32 ->": "sincosf",
}

SHARED_FUNCTIONS: Mapping[str, str] = {name: type_ for type_, names in _FUNCTIONS.items() for name in names.split()}
"""Function that both C libraries define with the same parameters and the same meaning -> its type."""

ORIGINS: tuple[tuple[str, str], ...] = (
    ("invoke_", "exceptions of C++ or `setjmp`, by way of JavaScript"),
    ("__syscall_", "files and system calls of Emscripten"),
    ("emscripten_", "functions of Emscripten's JavaScript"),
    ("_emscripten_", "functions of Emscripten's JavaScript"),
    ("__cxa_", "the runtime of C++"),
    ("_Z", "the runtime of C++"),
    ("pthread_create", "threads"),
    ("longjmp", "`setjmp` and `longjmp`"),
    ("setjmp", "`setjmp` and `longjmp`"),
    ("__c_longjmp", "`setjmp` and `longjmp`"),
    ("saveSetjmp", "`setjmp` and `longjmp`"),
)
"""Beginning of the name of an import -> its origin, for messages."""


SHIM = f"_wasmcp_emscripten{ABI.suffix}"
"""File name of the module that replaces functions of Emscripten's C library; next to the packages."""

SUFFIX = ".so"

_REFUSAL = "refusal.json"
_SHIM_SOURCE = Path(__file__).with_name("emscripten_shim.wat")
_CONVERTER = (instructions.__file__, side_module.__file__, __file__, str(_SHIM_SOURCE))
_PYTHON_SYMBOL = re.compile(r"_?Py[A-Z_]\w*")
_SHOWN = 12
"""Maximum number of imports in a message."""


@functools.cache
def converter_key() -> str:
    """Return the digest of everything that the conversion depends on, apart from the wheel."""
    digest = hashlib.sha256(str(ABI.converter).encode())
    for path in _CONVERTER:
        digest.update(hashlib.sha256(Path(path).read_bytes()).digest())
    return digest.hexdigest()[:16]


def check_known(source: ComponentSource, cache: Path) -> None:
    """Raise the error for those of a component's packages that were rejected before, without fetching them.

    Raises:
        NativeCodeError: There are some.
    """
    found = {one.name: problems for one in source.dependencies if (problems := _rejected(_kept(cache, one)))}
    if found:
        raise _error(source, found)


def convert_packages(source: ComponentSource, folder: Path, cache: Path, progress: Callable[[str], None]) -> set[str]:
    """Convert the native modules of packages in a folder, in place.

    Args:
        source: The component, with its locked packages.
        folder: The folder into which pip has installed them.
        cache: The toolchain's cache.
        progress: Called when a conversion begins.

    Returns:
        The paths of the modules in the folder that the interpreter of a component can load.

    Raises:
        NativeCodeError: Modules cannot work in a component; the message lists all of them.
    """
    rejected: dict[str, list[str]] = {}
    accepted: set[str] = set()
    for one in source.dependencies:
        information = information_of(folder, one)
        platforms = set() if information is None else _platforms(information)
        if information is None or not any(map(ABI.fits, platforms)):
            continue
        files = sorted(name for name in _recorded(information) if name.endswith(SUFFIX) and (folder / name).is_file())
        if not files:
            continue
        kept = _kept(cache, one)
        is_emscripten = ABI.emscripten in platforms
        if not is_whole_folder(kept):
            progress(f"converting the native modules of `{one.name}` {one.version}")
            _fill(kept, folder, files, is_emscripten=is_emscripten)
        if problems := _rejected(kept):
            rejected[one.name] = problems
            continue
        for name in files:
            (folder / name).unlink()
        names = sorted(path.relative_to(kept).as_posix() for path in kept.rglob("*") if path.is_file())
        for name in names:
            shutil.copyfile(kept / name, folder / name)
        accepted.update(names)
        _record(information, folder, set(files), names)
        if is_emscripten:
            (folder / SHIM).write_bytes(shim())
            accepted.add(SHIM)
    if rejected:
        raise _error(source, rejected)
    return accepted


@functools.cache
def shim() -> bytes:
    """Return the module that replaces functions of Emscripten's C library."""
    import wasmtime

    return bytes(wasmtime.wat2wasm(_SHIM_SOURCE.read_text("utf-8")))


def convert(data: bytes) -> bytes:
    """Return a module of a wheel for Emscripten as the interpreter of a component loads it.

    Raises:
        NativeModuleProblems: It cannot work in a component.
        ComponentError: It is damaged, or has an instruction that is not supported.
    """
    return _checked(data, is_emscripten=True)


def check(data: bytes) -> bytes:
    """Return a module of a wheel for WASI without debugging information.

    Raises:
        NativeModuleProblems: It cannot work in a component.
        ComponentError: It is damaged, or has an instruction that is not supported.
    """
    return _checked(data, is_emscripten=False)


class NativeModuleProblems(Exception):  # noqa: N818 - not an error for users: `NativeCodeError` is made of them
    """Reasons why a native module cannot work in a component.

    Attributes:
        problems: One clause for each.
    """

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


def _checked(data: bytes, *, is_emscripten: bool) -> bytes:
    module = side_module.read(data)
    problems = [f"needs the library `{name}`" for name in module.needed]
    unfit = [
        found
        for one in module.imports
        if (found := _problem(one, module.exports, is_emscripten=is_emscripten)) is not None
    ]
    if len(unfit) > _SHOWN:
        unfit = [*unfit[:_SHOWN], f"{len(unfit) - _SHOWN} more"]
    if unfit:
        problems.append(f"imports {', '.join(unfit)}")
    if problems:
        raise NativeModuleProblems(problems)
    renamed = {name: replacement for name, (_, replacement) in RENAMED.items()} if is_emscripten else {}
    lowered = side_module.lower(data, renamed)
    if lowered.throws:
        places = f"at byte {lowered.throws[0]}" + (f" and {len(lowered.throws) - 1} more" if lowered.throws[1:] else "")
        raise NativeModuleProblems([f"throws exceptions of its own ({places}), and a component has none"])
    _validate(lowered.module)
    return lowered.module


def _validate(module: bytes) -> None:
    import wasmtime

    try:
        wasmtime.Module.validate(wasmtime.Engine(), module)
    except wasmtime.WasmtimeError as error:
        raise NativeModuleProblems([f"is not valid WebAssembly: {str(error).splitlines()[0]}"]) from None


def _problem(one: ModuleImport, exports: frozenset[str], *, is_emscripten: bool) -> str | None:
    """Return the problem with an import, None if a component has it."""
    shown = f"`{one.module}.{one.name}`"
    if one.kind is ImportKind.TAG:
        known = one.module == ENVIRONMENT and one.name == "__cpp_exception"
        return None if known else f"{shown}{_origin(one.name)}"
    if one.kind is ImportKind.FUNCTION:
        if one.module != ENVIRONMENT:
            # An interface of WASI 0.2. Grants are checked when the server is composed.
            is_interface = one.module.startswith("wasi:") and not is_emscripten
            return None if is_interface else f"{shown}{_origin(one.name)}"
        if not is_emscripten or one.name in exports or _PYTHON_SYMBOL.fullmatch(one.name):
            return None  # the linker checks these
        expected = RENAMED[one.name][0] if one.name in RENAMED else SHARED_FUNCTIONS.get(one.name)
        if expected is None:
            return f"{shown}{_origin(one.name)}"
        return None if one.type == expected else f"{shown} as ({one.type}) instead of ({expected})"
    if one.module == ENVIRONMENT and one.name in SPECIAL:
        expected = SPECIAL[one.name]
        return None if one.type == expected else f"{shown} as {one.type or 'memory'} instead of {expected or 'memory'}"
    if one.kind is ImportKind.GLOBAL and one.module in (FUNCTION_OFFSETS, DATA_OFFSETS):
        if not is_emscripten or one.name in exports or _PYTHON_SYMBOL.fullmatch(one.name):
            return None
        shared = SHARED_DATA if one.module == DATA_OFFSETS else SHARED_FUNCTIONS.keys() | RENAMED.keys()
        return None if one.name in shared else f"{shown}{_origin(one.name)}"
    return f"{shown}{_origin(one.name)}"


def _origin(name: str) -> str:
    found = next((origin for beginning, origin in ORIGINS if name.startswith(beginning)), "")
    return f" ({found})" if found else ""


def _fill(kept: Path, folder: Path, files: list[str], *, is_emscripten: bool) -> None:
    """Put the converted modules of a wheel, or the reasons for its rejection, into the cache."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    remove_folder(kept)
    problems: list[str] = []
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=kept.parent) as partial:
        made = Path(partial) / "modules"
        made.mkdir()
        for name in files:
            found = _target(name, is_emscripten=is_emscripten)
            if found is None:
                problems.append(f"`{name}` is not named like an extension module (`NAME{ABI.suffix}`)")
                continue
            try:
                converted = _checked((folder / name).read_bytes(), is_emscripten=is_emscripten)
            except NativeModuleProblems as error:
                problems += [f"`{name}` {problem}" for problem in error.problems]
                continue
            except ComponentError as error:
                problems.append(f"`{name}`: {error}")
                continue
            target = made / found
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(converted)
        if problems:
            shutil.rmtree(made)
            made.mkdir()
            (made / _REFUSAL).write_text(json.dumps(problems), encoding="utf-8")
        keep_folder(made, kept)


def _target(name: str, *, is_emscripten: bool) -> str | None:
    """Return the path of a module after its conversion, None if the interpreter would not load it."""
    if is_emscripten and name.endswith(ABI.emscripten_suffix):
        return name.removesuffix(ABI.emscripten_suffix) + ABI.suffix
    if name.endswith(STABLE_SUFFIX) or (not is_emscripten and name.endswith(ABI.suffix)):
        return name
    return None


def extension_name(path: Path) -> str:
    """Return the name under which Python imports an extension module."""
    return path.name.partition(".")[0]


def _kept(cache: Path, one: Distribution) -> Path:
    return cache / "native" / f"{one.digest.removeprefix('sha256:')}-{converter_key()}"


def _rejected(kept: Path) -> list[str]:
    """Return the problems of a wheel in the cache that was rejected."""
    if not (kept / _REFUSAL).is_file() or not is_whole_folder(kept):
        return []
    found: list[str] = json.loads((kept / _REFUSAL).read_text("utf-8"))
    return found


def _error(source: ComponentSource, rejected: dict[str, list[str]]) -> NativeCodeError:
    versions = {one.name: one.version for one in source.dependencies}
    lines = [
        f"component `{source.name}`: its dependency `{name}` {versions[name]} is native code that does not work in a "
        f"component: {'; '.join(problems)}. {advice_for(name)}"
        for name, problems in rejected.items()
    ]
    return NativeCodeError("\n".join(lines), source=source.label, packages=rejected)


def information_of(folder: Path, one: Distribution) -> Path | None:
    """Return the folder with the metadata of an installed package."""
    for path in sorted(folder.glob("*.dist-info")):
        if normalised(path.name.partition("-")[0]) == one.name:
            return path
    return None


def _platforms(information: Path) -> set[str]:
    """Return the platform tags of an installed wheel. Source: Python packaging, binary distribution format."""
    lines = (information / "WHEEL").read_text("utf-8").splitlines()
    tags = [line.partition(":")[2].strip() for line in lines if line.startswith("Tag:")]
    return {platform for tag in tags for platform in tag.rpartition("-")[2].split(".")}


def _recorded(information: Path) -> Iterator[str]:
    with (information / "RECORD").open(encoding="utf-8", newline="") as file:
        yield from (row[0] for row in csv.reader(file) if row)


def _record(information: Path, folder: Path, removed: set[str], added: list[str]) -> None:
    """Replace files in the RECORD of an installed package."""
    with (information / "RECORD").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file) if row and row[0] not in removed]
    for name in added:
        data = (folder / name).read_bytes()
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        rows.append([name, f"sha256={digest}", str(len(data))])
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    (information / "RECORD").write_text(text.getvalue(), encoding="utf-8")
