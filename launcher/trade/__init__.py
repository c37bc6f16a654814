"""`curb trade`: a quick order and a live ladder in the terminal, over the venue's public API."""
