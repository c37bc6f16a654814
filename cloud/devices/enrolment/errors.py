"""Why an enrolment is refused."""

from cloud.kit.errors import AppError, ConflictError


class CsrError(AppError):
    """The certificate request cannot be used."""

    status = 400
    code = "bad_certificate_request"


class RevokedError(ConflictError):
    """The device was revoked; it needs to be allowed again before it can be enrolled."""

    code = "device_revoked"


class NotEnrolledError(ConflictError):
    """The device has no identity yet."""

    code = "not_enrolled"
