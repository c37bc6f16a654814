"""What `curb bench` runs, with the limits it must stay within."""
