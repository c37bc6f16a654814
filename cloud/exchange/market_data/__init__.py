"""Market data: providers feed it, streams, history and latest values come out of it."""
