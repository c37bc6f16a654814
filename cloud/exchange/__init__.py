"""The trading venue: one engine behind one sequencer, its tables, interfaces and streams."""
