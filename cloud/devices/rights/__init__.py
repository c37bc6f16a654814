"""The rights lists of sites: what changed, which version, and how each site gets there."""
