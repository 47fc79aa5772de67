"""Learning from noisy marginals: Spark counts, the driver measures and fits, NumPy samples."""
