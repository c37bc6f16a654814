"""What happens to a trader's orders and portfolios, told as it is committed, numbered, resumable.

`fold` brings the orders of watched portfolios from batch to batch, `feed` numbers and keeps what is
told, `connection` is one reader, `service` joins them to the sequencer.
"""
