"""One file a step, named for its revision; the order is the order of the names."""
