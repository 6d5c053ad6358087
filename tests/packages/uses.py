"""Packages of the table, the public servers that depend on each, and a use of each with its result."""

from __future__ import annotations

import re
from dataclasses import dataclass

SERVERS = {
    "alpaca": "alpacahq/alpaca-mcp-server",
    "analytics": "googleanalytics/google-analytics-mcp",
    "arxiv": "blazickjp/arxiv-mcp-server",
    "atlassian": "sooperset/mcp-atlassian",
    "aws-docs": "awslabs/mcp, aws-documentation-mcp-server",
    "aws-pricing": "awslabs/mcp, aws-pricing-mcp-server",
    "biomcp": "genomoncology/biomcp, version 0.4",
    "chroma": "chroma-core/chroma-mcp",
    "clickhouse": "ClickHouse/mcp-clickhouse",
    "dbt": "dbt-labs/dbt-mcp",
    "duckduckgo": "nickclyde/duckduckgo-mcp-server",
    "excel": "haris-musa/excel-mcp-server",
    "fetch": "modelcontextprotocol/servers, src/fetch",
    "git": "modelcontextprotocol/servers, src/git",
    "jupyter": "datalayer/jupyter-mcp-server",
    "keboola": "keboola/mcp-server",
    "linkedin": "stickerdaniel/linkedin-mcp-server",
    "logfire": "pydantic/logfire-mcp",
    "markitdown": "microsoft/markitdown, packages/markitdown",
    "milvus": "zilliztech/mcp-server-milvus",
    "motherduck": "motherduckdb/mcp-server-motherduck",
    "nextcloud": "cbcoutinho/nextcloud-mcp-server",
    "obsidian": "MarkusPfundstein/mcp-obsidian",
    "postgres": "crystaldba/postgres-mcp",
    "powerpoint": "GongRzhe/Office-PowerPoint-MCP-Server",
    "qdrant": "qdrant/mcp-server-qdrant",
    "quilt": "quiltdata/quilt-mcp-server",
    "redis": "redis/mcp-redis",
    "serena": "oraios/serena",
    "time": "modelcontextprotocol/servers, src/time",
    "wikipedia": "Rudra-ravi/wikipedia-mcp",
    "word": "GongRzhe/Office-Word-MCP-Server",
    "workspace": "taylorwilsdon/google_workspace_mcp",
    "youtube": "jkawamoto/mcp-youtube-transcript",
    "zotero": "54yyyu/zotero-mcp",
    "zscaler": "zscaler/zscaler-mcp-server",
}
"""Short name -> repository on GitHub, whose `dependencies` were read."""


@dataclass(frozen=True)
class Package:
    """A package of the table.

    Attributes:
        requirement: As under `dependencies` of a component.
        servers: Short names of servers that depend on it.
        imports: Import statements, a line each.
        use: Body of a function with the parameter `base`, the URL of a web server. It returns a value.
        result: The value as text.
        from_source: Packages for `build-from-source`.
        needs_tmp: True if the operator has to give a folder as `/tmp`.
        also: Other packages that the use needs.
    """

    requirement: str
    servers: tuple[str, ...]
    imports: str
    use: str
    result: str
    from_source: tuple[str, ...] = ()
    needs_tmp: bool = False
    also: tuple[str, ...] = ()

    @property
    def requirements(self) -> tuple[str, ...]:
        """Everything for `dependencies`, the package first."""
        return (self.requirement, *self.also)

    @property
    def name(self) -> str:
        """Name of the package, without its version and extras."""
        return re.split(r"[\[<>=]", self.requirement, maxsplit=1)[0]

    @property
    def extra(self) -> str:
        """Extras of the package as in its requirement, or the empty string."""
        found = re.search(r"\[.*\]", self.requirement)
        return found[0] if found else ""


MARKUPSAFE = ("markupsafe",)
PACKAGES = (
    Package(
        "aiofiles",
        ("arxiv",),
        "import aiofiles, certifi",
        "async with aiofiles.open(certifi.where()) as file:\n    return 'CERTIFICATE' in await file.read()",
        "True",
        also=("certifi",),
    ),
    Package(
        "aiohttp>=3.14,<3.15",
        ("arxiv", "redis"),
        "import aiohttp",
        "async with aiohttp.ClientSession() as session, session.get(f'{base}/gzip') as response:\n"
        "    return await response.text()",
        "compressed",
    ),
    Package(
        "aiosqlite",
        ("nextcloud",),
        "import aiosqlite",
        "async with aiosqlite.connect(':memory:') as database:\n"
        "    return (await (await database.execute('select 1')).fetchone())[0]",
        "1",
    ),
    Package(
        "anthropic",
        ("nextcloud", "serena"),
        "import anthropic",
        "client = anthropic.Anthropic(api_key='key', base_url=f'{base}/missing?', max_retries=0)\n"
        "try:\n"
        "    client.messages.create(model='m', max_tokens=1, messages=[{'role': 'user', 'content': 'Hi'}])\n"
        "except anthropic.APIStatusError as error:\n"
        "    return error.status_code",
        "404",
    ),
    Package(
        "anyio",
        ("arxiv", "atlassian"),
        "import anyio",
        "found = []\nasync with anyio.create_task_group() as group:\n    group.start_soon(anyio.sleep, 0)\n"
        "    found.append(1)\nreturn found",
        "[1]",
    ),
    Package(
        "attrs",
        ("postgres",),
        "import attrs",
        "return attrs.asdict(attrs.make_class('Point', ['x'])(1))",
        "{'x': 1}",
    ),
    Package("authlib>=1.6.5", ("dbt", "nextcloud", "zscaler"), "import authlib", "return authlib.__name__", "authlib"),
    Package(
        "beautifulsoup4",
        ("atlassian", "aws-docs", "duckduckgo", "markitdown", "serena", "youtube"),
        "from bs4 import BeautifulSoup",
        "return BeautifulSoup('<p>Hello, <b>you', 'html.parser').get_text()",
        "Hello, you",
    ),
    Package(
        "boto3",
        ("aws-pricing", "nextcloud", "quilt"),
        "import boto3",
        "client = boto3.client('s3', endpoint_url=base, region_name='eu-central-1', aws_access_key_id='a', "
        "aws_secret_access_key='b')\n"
        "return client.get_object(Bucket='a', Key='b')['Body'].read()[:5].decode()",
        '["GET',
    ),
    Package(
        "cachetools",
        ("atlassian", "clickhouse", "quilt"),
        "import cachetools",
        "cache = cachetools.LRUCache(1)\ncache.update(a=1)\ncache.update(b=2)\nreturn list(cache)",
        "['b']",
    ),
    Package(
        "click",
        ("alpaca", "atlassian", "git", "milvus", "motherduck", "nextcloud", "redis", "youtube", "zscaler"),
        "import click\nfrom click.testing import CliRunner",
        "@click.command()\ndef hello():\n    click.echo('hello')\nreturn CliRunner().invoke(hello).output.strip()",
        "hello",
    ),
    Package(
        "cryptography",
        ("keboola", "serena", "workspace", "zscaler"),
        "from cryptography.fernet import Fernet",
        "return len(Fernet.generate_key())",
        "44",
    ),
    Package(
        "defusedxml",
        ("markitdown", "workspace"),
        "from defusedxml.ElementTree import fromstring",
        "return fromstring('<a>b</a>').text",
        "b",
    ),
    Package("duckdb", ("motherduck",), "import duckdb", "return duckdb.sql('select 1').fetchone()", "(1,)"),
    Package(
        "fastapi>=0.115",
        ("dbt", "jupyter", "workspace", "zscaler"),
        "import fastapi",
        "app = fastapi.FastAPI(title='t')\napp.get('/a')(lambda: 1)\nreturn list(app.openapi()['paths'])",
        "['/a']",
    ),
    Package(
        "flask",
        ("serena",),
        "import flask\nfrom wsgiref.util import setup_testing_defaults",
        "app = flask.Flask('app')\napp.route('/')(lambda: 'hello')\nenviron = {}\nsetup_testing_defaults(environ)\n"
        "return b''.join(app(environ, lambda *_: None)).decode()",
        "hello",
        MARKUPSAFE,
    ),
    Package("gitpython", ("git",), "import git", "return git.Repo", ""),
    Package(
        "google-auth>=2.40",
        ("analytics",),
        "import google.auth.credentials",
        "return google.auth.credentials.AnonymousCredentials().valid",
        "True",
    ),
    Package(
        "httpx>=0.28,<0.29",
        ("alpaca", "arxiv", "atlassian", "aws-docs", "biomcp", "dbt", "duckduckgo", "fetch", "keboola", "nextcloud"),
        "import httpx",
        "return httpx.get(f'{base}/gzip').text",
        "compressed",
    ),
    Package(
        "humanize",
        ("postgres", "youtube"),
        "import humanize",
        "return humanize.naturalsize(3_000_000)",
        "3.0 MB",
    ),
    Package(
        "icalendar",
        ("nextcloud",),
        "from icalendar import Calendar, Event",
        "calendar = Calendar()\ncalendar.add_component(Event.new(summary='Tea'))\n"
        "return 'SUMMARY:Tea' in calendar.to_ical().decode()",
        "True",
    ),
    Package(
        "jinja2",
        ("nextcloud", "serena"),
        "import jinja2",
        "return jinja2.Template('{{ a | upper }}').render(a='b')",
        "B",
        MARKUPSAFE,
    ),
    Package("jmespath", ("zscaler",), "import jmespath", "return jmespath.search('a[0].b', {'a': [{'b': 1}]})", "1"),
    Package(
        "jsonpath-ng",
        ("keboola",),
        "from jsonpath_ng import parse",
        "return [one.value for one in parse('$.a[*].b').find({'a': [{'b': 1}]})]",
        "[1]",
    ),
    Package("jsonschema>=4.25", ("keboola",), "import jsonschema", "return jsonschema.validate(1, {})", "None"),
    Package(
        "loguru",
        ("aws-docs", "aws-pricing"),
        "import sys\nfrom loguru import logger",
        "logger.remove()\nfound = []\nlogger.add(found.append, format='{message}')\nlogger.info('hello')\n"
        "return found[0].strip()",
        "hello",
    ),
    Package("markdown", ("atlassian",), "import markdown", "return markdown.markdown('*a*')", "<p><em>a</em></p>"),
    Package(
        "markdownify",
        ("atlassian", "aws-docs", "fetch", "markitdown", "nextcloud", "zotero"),
        "from markdownify import markdownify",
        "return markdownify('<b>a</b>')",
        "**a**",
    ),
    Package("mcp>=1.26", ("git", "time", "redis", "obsidian", "logfire"), "import mcp", "return mcp.__name__", "mcp"),
    Package("numpy", ("quilt", "redis"), "import numpy", "return numpy.arange(3).sum()", "3"),
    Package(
        "openai",
        ("chroma", "nextcloud", "zscaler"),
        "import openai",
        "client = openai.OpenAI(api_key='key', base_url=base)\n"
        "messages = [{'role': 'user', 'content': 'Hi'}]\n"
        "return client.chat.completions.create(model='m', messages=messages).choices[0].message.content",
        "Hello, Bearer key",
    ),
    Package(
        "openpyxl",
        ("excel",),
        "import io, openpyxl",
        "book = openpyxl.Workbook()\nbook.active['A1'] = 'a'\nfile = io.BytesIO()\nbook.save(file)\n"
        "return openpyxl.load_workbook(io.BytesIO(file.getvalue())).active['A1'].value",
        "a",
        needs_tmp=True,
    ),
    Package("orjson", ("zscaler",), "import orjson", "return orjson.loads('[1]')", "[1]"),
    Package("pandas", ("quilt",), "import pandas", "return pandas.DataFrame({'a': [1]}).shape", "(1, 1)"),
    Package("pillow", ("chroma", "excel", "nextcloud", "powerpoint"), "import PIL.Image", "return PIL.Image", ""),
    Package(
        "protego",
        ("fetch",),
        "from protego import Protego",
        "return Protego.parse('User-agent: *\\nDisallow: /a').can_fetch('https://example.com/a', 'bot')",
        "False",
    ),
    Package("psutil", ("biomcp", "serena"), "import psutil", "return psutil.cpu_count()", ""),
    Package("psycopg[binary]>=3.2.6", ("postgres",), "import psycopg", "return psycopg.connect('')", ""),
    Package(
        "pydantic>=2.14.1",
        ("arxiv", "aws-docs", "fetch", "git", "keboola", "qdrant", "time", "youtube", "zotero", "zscaler"),
        "from pydantic import TypeAdapter",
        "return TypeAdapter(list[int]).validate_python(['1'])",
        "[1]",
    ),
    Package(
        "pydantic-settings",
        ("arxiv", "dbt"),
        "from pydantic_settings import BaseSettings\nclass Settings(BaseSettings):\n    retries: int = 3",
        "return Settings().retries",
        "3",
    ),
    Package(
        "pyjwt",
        ("dbt", "keboola", "quilt", "workspace"),
        "import jwt",
        "key = 'k' * 32\nreturn jwt.decode(jwt.encode({'sub': 'a'}, key), key, ['HS256'])",
        "{'sub': 'a'}",
    ),
    Package(
        "pypdf",
        ("workspace",),
        "import io, pypdf",
        "writer = pypdf.PdfWriter()\nwriter.add_blank_page(10, 10)\nfile = io.BytesIO()\nwriter.write(file)\n"
        "return len(pypdf.PdfReader(file).pages)",
        "1",
    ),
    Package(
        "python-dateutil",
        ("arxiv", "atlassian"),
        "from dateutil import parser, tz",
        "return parser.parse('2 May 2025 10:00').astimezone(tz.gettz('Europe/Rome')).year",
        "2025",
    ),
    Package("python-docx>=1.1.2", ("word",), "import docx", "return docx.Document()", ""),
    Package(
        "python-dotenv",
        ("alpaca", "atlassian", "biomcp", "chroma", "clickhouse", "linkedin", "redis", "wikipedia", "zotero"),
        "import io, dotenv",
        "return dict(dotenv.dotenv_values(stream=io.StringIO('A=1')))",
        "{'A': '1'}",
    ),
    Package(
        "pyyaml",
        ("dbt", "keboola", "obsidian", "quilt", "workspace"),
        "import yaml",
        "return yaml.safe_load('a: [1, 2]')",
        "{'a': [1, 2]}",
        ("pyyaml",),
    ),
    Package(
        "redis",
        ("redis",),
        "import redis",
        "return redis.Redis(port=int(base.rpartition(':')[2])).ping()",
        "True",
    ),
    Package("regex", ("serena",), "import regex", "return regex.sub('a', 'b', 'a')", "b"),
    Package(
        "requests>=2.34,<3",
        ("atlassian", "fetch", "markitdown", "obsidian", "serena", "wikipedia", "youtube", "zotero"),
        "import requests",
        "return requests.get(f'{base}/gzip').text",
        "compressed",
    ),
    Package(
        "rich",
        ("biomcp",),
        "import io\nfrom rich.console import Console\nfrom rich.table import Table",
        "file = io.StringIO()\ntable = Table('a')\ntable.add_row('b')\nConsole(file=file).print(table)\n"
        "return 'b' in file.getvalue()",
        "True",
    ),
    Package(
        "sqlalchemy>=2",
        ("nextcloud", "quilt"),
        "import sqlalchemy",
        "with sqlalchemy.create_engine('sqlite://').connect() as connection:\n"
        "    return connection.execute(sqlalchemy.text('select 1')).scalar()",
        "1",
    ),
    Package(
        "sqlglot",
        ("keboola",),
        "import sqlglot",
        "return sqlglot.transpile('select * from a limit 1', write='tsql')[0]",
        "SELECT TOP 1 * FROM a",
    ),
    Package("tiktoken", ("serena",), "import tiktoken", "return tiktoken.list_encoding_names()", ""),
    Package("unidecode", ("atlassian", "zotero"), "from unidecode import unidecode", "return unidecode('é')", "e"),
    Package(
        "youtube-transcript-api",
        ("youtube",),
        "from youtube_transcript_api.formatters import JSONFormatter",
        "import youtube_transcript_api\nreturn youtube_transcript_api.YouTubeTranscriptApi.__name__",
        "YouTubeTranscriptApi",
    ),
)
