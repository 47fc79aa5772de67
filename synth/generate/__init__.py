"""From a model to a table: the same rows for the same seed, however the work is cut."""
