"""Lakesynth: safe synthetic tables from sensitive ones, on Spark, under one differential-privacy budget."""

__version__ = "0.1.0"
