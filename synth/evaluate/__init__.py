"""Evaluate: how near the synthetic table is to the real one, as numbers and as one page."""
