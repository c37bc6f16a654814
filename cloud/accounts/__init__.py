"""Users and how they prove who they are. Others need `accounts.user` and `accounts.access`."""
