"""Figures of size and speed, compared with other libraries, in one run: ``python -m benchmarks``."""
