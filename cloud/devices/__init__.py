"""Gates, the sites they stand at, and their link: identities, events, rights, commands."""
