"""Market abuse that no single order shows: detectors on the event stream, and a list to review."""
