"""Cash between a user's wallet and their portfolios: two books of account, one promise."""
