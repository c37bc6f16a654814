"""The vehicles of drivers; plates are stored encrypted."""
