"""API keys: how a trader's programs show who they are, each good for one portfolio only."""
