"""Mirrors the packages, plus system/ and architecture/."""
