"""Portfolios: what a trader holds, what it is worth now, was worth, and may be worth."""
