"""Simulated traders: makers, takers, noise and momentum, over the venue's public API only.

Strategies are plain rules over what a trader can see (`view`), so that a seed and the same market
give the same decisions; `desk` and `live` let them loose on a running venue, at a bounded rate.
"""
