"""Floors and the spaces on them."""
