"""The parts of the gate that touch hardware; pins and buses are built by the board files and passed
in."""
