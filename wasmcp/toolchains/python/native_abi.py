"""Binary interfaces of native modules: the versions that belong together, and the C functions that two of them share.

Data alone. A native module is compiled for a CPython, and for the C library of a platform. The interpreter inside a
component is componentize-py's, on wasi-libc. Modules for Emscripten fit the same CPython; of its C library they can use
the functions for which both libraries agree on the parameters, the constants and the structures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wasmcp.toolchains.base import PINS
from wasmcp.toolchains.python.pip_resolver import WASI, is_wasi


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
