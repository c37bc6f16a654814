"""Boards, cards, cars and faults in software: the demo and the system tests run on them."""
