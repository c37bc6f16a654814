"""How users prove who they are: passwords, logins, access and refresh tokens."""
