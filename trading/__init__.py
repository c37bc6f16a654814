"""The trading engine: pure, deterministic, integers only."""
