"""Whole systems: real engines, real firmware, real brokers, and what goes wrong with them."""
