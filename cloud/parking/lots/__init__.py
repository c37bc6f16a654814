"""Car parks with their floors, spaces and policies, and how full they are."""
