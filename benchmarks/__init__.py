"""Figures of size and speed, beside the peers, in one run: ``python -m benchmarks``."""
