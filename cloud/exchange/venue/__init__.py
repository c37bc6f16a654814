"""Running the venue by hand: listings, phases, halts, bands, splits, dividends, kill switches."""
