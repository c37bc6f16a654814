"""The trading interface under /v2 in the shapes of Alpaca's, so that its clients work unchanged.

What Alpaca lacks is added as further fields and headers, never by bending one of its own.
"""
