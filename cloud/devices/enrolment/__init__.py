"""Identities: the project's authority, certificates for devices, and whom the broker admits."""
