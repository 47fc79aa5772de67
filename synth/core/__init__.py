"""The nouns that flow between stages: standard library and NumPy only."""
