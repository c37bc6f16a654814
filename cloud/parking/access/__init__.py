"""The access log: every decision at every lane, checked again with all the cloud knows."""
