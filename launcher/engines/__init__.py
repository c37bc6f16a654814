"""The engines that come as wheels; each one is replaced by naming its URL in the settings."""
