"""RFID cards: whose they are, how hard they are to copy, and whether they are blocked."""
