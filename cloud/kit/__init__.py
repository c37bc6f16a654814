"""What every feature of the cloud stands on, and that knows no feature itself."""
