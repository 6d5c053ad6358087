"""Engine: compilation, compile cache, limits, deadlines and standard streams."""
