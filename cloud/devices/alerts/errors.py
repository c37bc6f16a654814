"""Refusals about alerts."""

from cloud.kit.errors import MissingError


class AlertMissingError(MissingError):
    """There is no alert with this id."""

    code = "alert_not_found"
