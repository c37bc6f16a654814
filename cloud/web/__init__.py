"""Pages and the files they need; everything is served from here, nothing from other servers."""
