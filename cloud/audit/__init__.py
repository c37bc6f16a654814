"""The record of privileged acts, which cannot be edited unnoticed."""
