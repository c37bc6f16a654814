"""Sites: one edge agent and one broker at a place, and what it should be doing."""
