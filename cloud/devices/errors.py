"""Refusals that several parts of this feature share."""

from cloud.kit.errors import AppError, ConflictError, MissingError


class SiteMissingError(MissingError):
    """There is no site with this id."""

    code = "site_not_found"


class GateMissingError(MissingError):
    """There is no gate with this id."""

    code = "gate_not_found"


class LaneMissingError(MissingError):
    """There is no lane with this id."""

    code = "lane_not_found"


class TakenError(ConflictError):
    """The id, or the lane, is taken."""

    code = "id_taken"


class SlugError(AppError):
    """An id must be 3 to 32 characters out of a-z, 0-9 and the hyphen."""

    status = 400
    code = "bad_id"
