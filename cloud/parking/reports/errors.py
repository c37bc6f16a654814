"""Refusals about reports."""

from cloud.kit.errors import AppError


class ReportWindowError(AppError):
    """The days asked for are in the wrong order, or too many."""

    status = 422
    code = "report_window_refused"
