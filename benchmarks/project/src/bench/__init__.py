"""Components of the benchmarks."""
