"""The budget, its book, and every draw of noise outside DP-SGD."""
