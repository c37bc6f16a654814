"""The money: one double-entry ledger that PostgreSQL itself keeps balanced."""
