"""Orders to gates by people: each with a reason, a counter and an end."""
