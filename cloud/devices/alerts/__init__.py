"""What needs a person: raised by reports and events, listed, acknowledged."""
