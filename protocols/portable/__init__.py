"""The part of the wire contracts that MicroPython runs as it is: no typing, no third party, no I/O."""
