"""Pages of the web as Markdown, for models; robots.txt decides."""

from typing import Annotated
from urllib.parse import urljoin

import httpx
from markdownify import markdownify
from protego import Protego

from wasmcp.guest import Field, ToolError, prompt, tool

AUTONOMOUS = "ModelContextProtocol/1.0 (Autonomous; +https://github.com/modelcontextprotocol/servers)"
MANUAL = "ModelContextProtocol/1.0 (User-Specified; +https://github.com/modelcontextprotocol/servers)"


async def check_robots(client: httpx.AsyncClient, url: str) -> None:
    """Raise an error if robots.txt refuses the page."""
    robots = urljoin(url, "/robots.txt")
    try:
        response = await client.get(robots)
    except httpx.HTTPError:
        raise ToolError(f"Failed to fetch robots.txt {robots} due to a connection issue") from None
    if response.status_code in (401, 403):
        raise ToolError(f"robots.txt ({robots}) has the status {response.status_code}: the page is not fetched")
    if response.status_code < 400 and not Protego.parse(response.text).can_fetch(url, AUTONOMOUS):
        raise ToolError(f"The sites robots.txt ({robots}), specifies that fetching of this page is not allowed")


async def page_of(url: str, agent: str, *, raw: bool, robots: bool) -> str:
    """Return the text of a page."""
    async with httpx.AsyncClient(follow_redirects=True, headers={"User-Agent": agent}, timeout=30) as client:
        if robots:
            await check_robots(client, url)
        try:
            response = await client.get(url)
        except httpx.HTTPError as error:
            raise ToolError(f"Failed to fetch {url}: {error!r}") from None
    if response.status_code >= 400:
        raise ToolError(f"Failed to fetch {url} - status code {response.status_code}")
    kind = response.headers.get("content-type", "")
    if raw or "text/html" not in kind:
        note = f"Content type {kind} cannot be simplified to markdown, but here is the raw content:\n"
        return f"{note}Contents of {url}:\n{response.text}"
    return f"Contents of {url}:\n{markdownify(response.text, heading_style='ATX').strip()}"


@tool(read_only=True, idempotent=True, open_world=True)
async def fetch(
    url: Annotated[str, Field(description="URL to fetch", format="uri", min_length=1)],
    max_length: Annotated[int, Field(ge=1, le=999999)] = 5000,
    start_index: Annotated[int, Field(ge=0)] = 0,
    raw: bool = False,
) -> str:
    """Fetches a URL from the internet and optionally extracts its contents as markdown."""
    head, mark, text = (await page_of(url, AUTONOMOUS, raw=raw, robots=True)).partition(f"Contents of {url}:\n")
    if start_index >= len(text):
        return f"{head}{mark}<error>No more content available.</error>"
    part = text[start_index : start_index + max_length]
    after = start_index + len(part)
    if after < len(text):
        more = f"Call the fetch tool with a start_index of {after} to get more content."
        part += f"\n\n<error>Content truncated. {more}</error>"
    return head + mark + part


@prompt(name="fetch")
async def fetch_page(url: str) -> str:
    """Fetch a URL and extract its contents as markdown."""
    return await page_of(url, MANUAL, raw=False, robots=False)
