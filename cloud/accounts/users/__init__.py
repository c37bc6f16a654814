"""Who there is: users, their roles and profiles."""
