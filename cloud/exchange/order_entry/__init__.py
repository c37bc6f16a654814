"""Orders over one WebSocket: small messages in, an answer to each after its commit.

`messages` has the wire, `desk` turns messages into wishes and receipts into answers, `connection`
is the state of one client, `routes` joins it to the network. Documented in docs/trading.md.
"""
