"""The trading engine: pure, deterministic, integers only.

The contract, for whoever feeds it:

    engine = Engine()
    events = engine.apply(command)      # list[Event]; a refusal is an event, never an exception
    engine.apply_batch(commands)        # list of lists; balances once, behind the last
    engine.state_hash()                 # 64 hex digits; equal states, and only they, are equal
    data = engine.snapshot()            # bytes
    engine = Engine.restore(data)       # continues exactly where the other was

`commands.encode` and `events.encode` give plain tuples of ints, strings, bools and tuples (any
serializer keeps them; `decode` takes lists for tuples), `codec` makes bytes of them with nothing
but itself. Applying the same commands in the same order always gives the same events and the same
hash, compiled or not. What the words mean is said in `commands`, `events`, `orders`,
`instruments` and `reasons`; the rules of the market are in docs/trading.md.
"""

from trading.engine import Engine

__all__ = ["Engine"]
