"""The car parks: spaces, bookings, stays, what lets a card through, and what it all costs."""
