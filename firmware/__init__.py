"""MicroPython on the gate: drivers, cards, lane logic, links.

Packages keep their names everywhere: `from firmware.cards import ntag` and
`from protocols.portable import macs` mean the same under CPython, under MicroPython on a desk and
on a board (`/firmware/...` on its flash).
"""
