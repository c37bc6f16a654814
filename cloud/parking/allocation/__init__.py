"""Which space a booking gets, and why that one."""
