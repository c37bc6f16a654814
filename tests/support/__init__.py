"""Fakes we own and helpers that several packages' tests share."""
