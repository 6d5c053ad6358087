"""A server of a small library, written for FastMCP. The tests change one line of it: the import."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastmcp import Context, FastMCP


@dataclass
class Book:
    """A book."""

    title: str
    year: int
    authors: list[str]


BOOKS = {
    "dune": Book("Dune", 1965, ["Herbert"]),
    "emma": Book("Emma", 1815, ["Austen"]),
}


@asynccontextmanager
async def lifespan(server: FastMCP) -> AsyncIterator[dict[str, Any]]:
    """Open the shelf."""
    yield {"shelf": sorted(BOOKS)}


mcp = FastMCP("library", instructions="Look books up before you recommend them.", lifespan=lifespan)


@mcp.tool(annotations={"readOnlyHint": True}, tags={"books", "read"})
def find_book(key: Annotated[str, "The key of a book"]) -> Book:
    """Find a book by its key."""
    if key not in BOOKS:
        raise ValueError(f"no book has the key {key}")
    return BOOKS[key]


@mcp.tool()
def books(order: Literal["year", "title"] = "title", limit: int = 10) -> list[Book]:
    """List books.

    Args:
        order: The order of the list.
        limit: The greatest number of books.
    """
    return sorted(BOOKS.values(), key=lambda book: getattr(book, order))[:limit]


@mcp.tool(name="count", title="Number of books", description="Count the books of some years.")
async def count_books(years: list[int], ctx: Context) -> int:
    """Count."""
    found = 0
    for done, year in enumerate(years, 1):
        found += sum(book.year == year for book in BOOKS.values())
        await ctx.report_progress(done, len(years))
    await ctx.info(f"{found} of {len(BOOKS)}")
    return found


@mcp.tool()
def facts() -> dict[str, Any]:
    """Return facts about the library."""
    return {"books": len(BOOKS), "oldest": min(book.year for book in BOOKS.values())}


@mcp.tool()
def untyped(value=None):
    """Return the value and its type."""
    return {"value": value, "type": type(value).__name__}


@mcp.tool()
def burn(key: str) -> str:
    """Fail."""
    raise RuntimeError(f"cannot burn {key}")


@mcp.tool()
async def shelf(ctx: Context) -> list[str]:
    """Return the keys of the shelf that was opened at the start."""
    return ctx.request_context.lifespan_context["shelf"]


@mcp.tool()
async def quote(key: str, ctx: Context) -> str:
    """Return what the resource of a book holds."""
    found = await ctx.read_resource(f"library://books/{key}")
    parts = getattr(found, "contents", None) or list(found)
    return parts[0].content.upper()


@mcp.tool()
async def reserve(key: str, ctx: Context) -> str:
    """Reserve a book, if the user agrees."""
    answer = await ctx.elicit(f"Reserve {key}?", bool)
    if answer.action == "accept" and answer.data:
        return f"{key} is reserved"
    return f"not reserved: {answer.action}"


@mcp.tool()
def nothing() -> None:
    """Return nothing."""


@mcp.resource("library://rules", mime_type="text/markdown")
def rules() -> str:
    """The rules of the house."""
    return "# Rules\n\nBe quiet."


@mcp.resource("library://books/{key}")
def book_text(key: str) -> str:
    """The entry of a book."""
    book = BOOKS[key]
    return f"{book.title}, {book.year}"


@mcp.prompt()
def recommend(reader: str, count: int = 2) -> str:
    """Recommend books to a reader."""
    return f"Recommend {count} books to {reader}."


if __name__ == "__main__":
    mcp.run()
