"""Risk limits by portfolio, what they refused, and who is told."""
