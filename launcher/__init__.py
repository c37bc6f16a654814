"""`curb` itself: the command line, the embedded engines and their supervision."""
