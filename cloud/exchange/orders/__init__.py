"""Orders: from what a trader sends to what the engine is told, and from there to the answer.

`forms` is what comes in, `rules` makes terms or a refusal of it (pure), `service` hands them to the
sequencer, `words` has the names that Alpaca gives to the engine's numbers.
"""
