"""Which column holds which personal data, judged from noisy counts of value classes that were paid for."""
