"""Test suite of pydantic-core, run by pytest inside a component: the proof that native modules work there."""
