"""Spaces held for a window, from the first wish to the last car out."""
