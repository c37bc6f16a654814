"""What lets each card pass at each site, computed from tags, bookings and permits."""
