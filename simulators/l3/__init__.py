"""Real sessions of another exchange, replayed on our engine and held against what was recorded."""
