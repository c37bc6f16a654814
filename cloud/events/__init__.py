"""The event stream: facts that others must hear, from a transaction's outbox to every group."""
