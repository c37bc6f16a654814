"""The live WebSocket: rooms whose events arrive in order, once, and without gaps."""
