"""Vehicles actually inside: opened and closed by passages, priced at the exit."""
