"""The link to the sites over the cloud broker: what comes up, and what goes down."""
