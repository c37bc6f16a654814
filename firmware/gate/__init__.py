"""The lane's logic: samples and milliseconds in, decisions out; no pin, no socket, no clock."""
