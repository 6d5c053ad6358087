"""Signatures, attestations and keys."""
