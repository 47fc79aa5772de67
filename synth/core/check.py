"""Checks that NaN does not pass."""

import math


def positive(value: float, name: str) -> float:
    """Return `value` if it is a finite number > 0; raise ValueError naming it otherwise."""
    if not (value > 0 and math.isfinite(value)):
        raise ValueError(f"{name} must be a finite number > 0, got {value}")
    return value


def fraction(value: float, name: str) -> float:
    """Return `value` if 0 < value <= 1; raise ValueError naming it otherwise."""
    if not 0 < value <= 1:
        raise ValueError(f"{name} must be in (0, 1], got {value}")
    return value


def at_least(value: int, least: int, name: str) -> int:
    """Return `value` if it is >= `least`; raise ValueError naming it otherwise."""
    if not value >= least:
        raise ValueError(f"{name} must be at least {least}, got {value}")
    return value
