"""Gates and lanes: the devices, and the places they control."""
