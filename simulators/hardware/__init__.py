"""The world a gate senses, in software that runs on CPython and MicroPython alike: reader chip,
cards."""
