"""What the benchmarks build."""
