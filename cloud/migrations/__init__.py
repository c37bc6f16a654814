"""The database's shape: one linear chain of readable steps, each owned by one feature."""
