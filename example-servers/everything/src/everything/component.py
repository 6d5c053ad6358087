"""The component: what these modules declare."""

from __future__ import annotations

from everything import content, conversations, documents, questions, reporting, rounds, schemas

__all__ = ["content", "conversations", "documents", "questions", "reporting", "rounds", "schemas"]
