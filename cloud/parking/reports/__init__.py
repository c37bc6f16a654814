"""Overviews for operators: occupancy, exceptions, revenue by day."""
