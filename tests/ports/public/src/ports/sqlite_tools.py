"""A SQLite database, kept in the key-value store, and a memo of insights."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

from wasmcp.guest import Context, kv, prompt, resource, tool

WRITES = ("INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER")


def executed(connection: sqlite3.Connection, query: str) -> str:
    """Execute a statement and return its result as text."""
    connection.row_factory = sqlite3.Row
    cursor = connection.execute(query)
    connection.commit()
    if query.strip().upper().startswith(WRITES):
        return str([{"affected_rows": cursor.rowcount}])
    return str([dict(row) for row in cursor])


def with_database(work: Callable[[sqlite3.Connection], str]) -> str:
    """Return the text of work on the database, or of its error, and keep the changes."""
    result = ""

    def change(stored: bytes | None) -> bytes:
        nonlocal result
        with closing(sqlite3.connect(":memory:")) as connection:
            if stored:
                connection.deserialize(stored)
            result = work(connection)
            return connection.serialize()

    try:
        kv.open("sqlite").update("database", change, kind=bytes)
    except sqlite3.Error as error:
        return f"Database error: {error}"
    return result


def starts(query: str, words: str) -> bool:
    """Return True if a statement begins with these words."""
    return query.strip().upper().startswith(words)


@tool
def read_query(query: str) -> str:
    """Execute a SELECT query on the SQLite database."""
    if not starts(query, "SELECT"):
        return "Error: Only SELECT queries are allowed for read_query"
    return with_database(lambda connection: executed(connection, query))


@tool
def write_query(query: str) -> str:
    """Execute an INSERT, UPDATE, or DELETE query on the SQLite database."""
    if starts(query, "SELECT"):
        return "Error: SELECT queries are not allowed for write_query"
    return with_database(lambda connection: executed(connection, query))


@tool
def create_table(query: str) -> str:
    """Create a new table in the SQLite database."""
    if not starts(query, "CREATE TABLE"):
        return "Error: Only CREATE TABLE statements are allowed"
    found = with_database(lambda connection: executed(connection, query))
    return found if found.startswith("Database error") else "Table created successfully"


@tool
def list_tables() -> str:
    """List all tables in the SQLite database."""
    return with_database(lambda connection: executed(connection, "SELECT name FROM sqlite_master WHERE type='table'"))


@tool
def describe_table(table_name: str) -> str:
    """Get the schema information for a specific table."""
    return with_database(lambda connection: executed(connection, f"PRAGMA table_info({table_name})"))


@tool
def append_insight(insight: str, context: Context) -> str:
    """Add a business insight to the memo."""

    def added(found: Any) -> list[str]:
        return [*(found or []), insight]

    kv.open("sqlite").update("insights", added, kind=list[str])
    context.resource_updated("memo://insights")
    return "Insight added to memo"


@resource("memo://insights", name="Business Insights Memo")
def memo() -> str:
    """A living document of discovered business insights."""
    found = kv.open("sqlite").get("insights", kind=list[str])
    if not found:
        return "No business insights have been discovered yet."
    lines = "\n".join(f"- {insight}" for insight in found)
    return f"📊 Business Intelligence Memo 📊\n\nKey Insights Discovered:\n\n{lines}"


@prompt(name="mcp-demo")
def demo(topic: str) -> str:
    """Seed the database with initial data, and explore it."""
    return f"Create tables about {topic} with create_table and write_query, query them, and note each insight."
