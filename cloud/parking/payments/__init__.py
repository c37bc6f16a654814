"""How stays and bookings are paid: one protocol for providers, the wallet built in."""
