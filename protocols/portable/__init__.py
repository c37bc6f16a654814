"""The wire contracts that MicroPython runs as they are: no typing, no third party, no I/O."""
