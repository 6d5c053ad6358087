"""The component: what these modules declare."""

from __future__ import annotations

from everything import content, conversations, documents, jobs, pages, questions, reporting, rounds, schemas
from wasmcp.guest import Cache, cache_lists

cache_lists(Cache(30))

__all__ = ["content", "conversations", "documents", "jobs", "pages", "questions", "reporting", "rounds", "schemas"]
