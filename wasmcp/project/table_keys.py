"""Keys of the tables of ``[tool.wasmcp]``, with their types and meanings.

The reader (`wasmcp.project.config`) and the JSON Schema (`wasmcp.project.tool_schema`) take them from here: a reader
can read no other key, and no key with another type.
"""

from __future__ import annotations

from wasmcp.compose.access import PATTERNS
from wasmcp.compose.metadata import AUTHORIZATIONS
from wasmcp.host.configuration.declared import REUSES
from wasmcp.host.operations.rate_limits import CLIENTS, KINDS
from wasmcp.package_data import FRAMEWORK_COMPONENTS
from wasmcp.project.model import RUNTIMES
from wasmcp.project.toml_table import Key
from wasmcp.toolchains import LANGUAGES

_KIND_NAMES = {"tools": "names of tools", "resources": "URIs of resources", "prompts": "names of prompts"}

SELECTOR = {
    **{kind: Key("texts", f"Patterns for {_KIND_NAMES[kind]}; `*` matches any text.") for kind in PATTERNS},
    "tags": Key("texts", "Tags, one of which the entry has."),
    "components": Key("texts", "Names of components, one of which has the entry."),
}
FILTER = {
    "allow": Key("one or more", "Selectors of the entries that exist; by default all.", keys=SELECTOR),
    "deny": Key("one or more", "Selectors of the entries that do not exist.", keys=SELECTOR),
}
CONDITION = {
    "scopes": Key("texts", "Scopes, all of which the principal has.", form="scope"),
    "claims": Key("table", "Claims of the token, each with its value or a list of values.", form="claims"),
}
RULE = {
    **SELECTOR,
    "methods": Key("texts", "Methods of the request, for example `tools/call`."),
    "paths": Key("texts", "Paths of the endpoint: `/mcp` or below it.", form="endpoint"),
    **CONDITION,
}
POLICY = {
    "allow": Key("one or more", "Rules that permit requests.", keys=RULE),
    "deny": Key("one or more", "Rules that deny requests, whatever `allow` permits.", keys=RULE),
    **{kind: Key("tables", f"Conditions of single {kind}.", keys=CONDITION) for kind in PATTERNS},
}
VARIABLE = {
    "description": Key("string", "One line for the operator.", form="line"),
    "required": Key("boolean", "The server does not start without a value.", default=False),
    "secret": Key("boolean", "The value is not shown in messages.", default=False),
    "default": Key("string", "The value if the operator gives none.", form="can be empty"),
    "choices": Key("strings", "The accepted values."),
}
DIRECTORY = {
    "description": Key("string", "One line for the operator.", form="line"),
    "required": Key("boolean", "The server does not start without it.", default=False),
    "writable": Key("boolean", "The server can write to it.", default=False),
    "default": Key(
        "string", "The directory if the operator gives none: absolute, below `~/` or `{data}/`.", form="host path"
    ),
    "env": Key("string", "The environment variable with which the operator names it.", form="variable"),
}
LIMITS = {
    "by": Key("string", "The property that distinguishes clients.", choices=CLIENTS, default=CLIENTS[0]),
    **{kind: Key("string", "A rate, for example `10/minute`.", form="rate") for kind in KINDS},
    "tool": Key("table", "Rates of single tools.", form="rates"),
}
FRAMEWORK = {
    name: Key("string", "The compiled component that replaces it.", form="project path")
    for name in FRAMEWORK_COMPONENTS
}
SKILLS = Key(
    "table",
    "Folders of skills.",
    keys={
        "paths": Key("texts", "Patterns of folders with a `SKILL.md`, relative to the project.", form="project path"),
        "prefix": Key("string", "The beginning of the paths of the skills in the server.", form="skill path"),
    },
)
EXTENSIONS = Key("table", "Extensions of MCP, each with a table of settings.", form="extensions")
COMPONENT = {
    "source": Key("string", "The source file, to be compiled.", form="project path"),
    "path": Key("string", "A compiled component, instead of `source`.", form="project path"),
    "package": Key("string", "A component in a registry, instead of `source`: `ns:name@^1`.", form="reference"),
    "language": Key("string", "The language of the source; by default by its suffix.", choices=tuple(LANGUAGES)),
    "grants": Key("grants", "Families of host interfaces that it can use, or a table of rules."),
    "dynamic": Key("boolean", "Its lists are made for each request.", default=False),
    "names": Key("boolean", "It keeps the names of its functions, for backtraces.", default=False),
    "config": Key("table", "Values that its code reads with `wasmcp.guest.config`.", form="values"),
    "extensions": EXTENSIONS,
    "skills": SKILLS,
    **{language: Key("table", f"Options of the toolchain of {language}.", form="options") for language in LANGUAGES},
}
SERVER = {
    "components": Key("strings", "Names of components, in the order of the chain.", form="some"),
    "name": Key("string", "The name of the server; by default that of the project."),
    "title": Key("string", "Its display name."),
    "description": Key("string", "Its purpose; by default the description of the project."),
    "website-url": Key("string", "The URL of its website; by default the homepage of the project."),
    "instructions": Key("string", "Instructions for the model."),
    "on-duplicate": Key("string", "Handling of two tools of one name.", choices=("error", "first"), default="error"),
    "auth": Key("string", "Authorization of HTTP requests.", choices=AUTHORIZATIONS, default=AUTHORIZATIONS[0]),
    "environment": Key(
        "boolean", "The server reads its settings from the environment under any runtime.", default=False
    ),
    "settings": Key("table", "Settings that are baked in.", form="settings"),
    "coerce": Key("boolean", "Tools of its Python components accept JSON in strings.", default=False),
    "runtime": Key("string", "The target runtime.", choices=RUNTIMES, default=RUNTIMES[0]),
    "extensions": EXTENSIONS,
    "skills": SKILLS,
    "framework": Key("table", "Replacements of framework components.", keys=FRAMEWORK),
    "filters": Key("tables", "The entries under each path of the endpoint.", keys=FILTER, names="endpoint"),
    "policy": Key("table", "The requests that principals can send.", keys=POLICY),
    "env": Key("tables", "Environment variables from the operator.", keys=VARIABLE, names="variable"),
    "directories": Key("tables", "Directories from the operator.", keys=DIRECTORY, names="guest path"),
    "keyvalue": Key("string", "The default store: `memory:` or `sqlite:PATH`.", form="store"),
    "limits": Key("table", "Rate limits of each client.", keys=LIMITS),
    "instances": Key("count", "The number of concurrent requests; by default as many as are of use."),
    "reuse": Key("string", "The requests that share an instance.", choices=REUSES, default=REUSES[0]),
}
ROOT = {
    "package": Key(
        "string",
        "The folder of the import package that gets `_wasmcp/`; by default the only package.",
        form="project path",
    ),
    "components": Key("tables", "The components, by name.", keys=COMPONENT, names="name"),
    "servers": Key("tables", "The servers, by name.", keys=SERVER, names="name"),
    "skills": SKILLS,
    "aliases": Key("table", "Names of components for the command line.", form="aliases"),
    "profiles": Key("table", "Lists of components for the command line.", form="profiles"),
    "namespaces": Key("table", "The registry of each namespace, as `HOST/PREFIX`.", form="namespaces"),
    "policy": Key("table", "The signatures that components need.", form="signature policy"),
}
"""Keys of ``[tool.wasmcp]`` itself."""
