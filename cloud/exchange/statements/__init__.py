"""Statements: what a portfolio had, what happened to it, and what it has, proven to agree."""
