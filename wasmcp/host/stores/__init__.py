"""Stores behind `wasi:keyvalue` and session values."""
