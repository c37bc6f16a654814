"""When the venue trades: its calendar, and the commands that follow from the time of day."""
