"""Why something about a user is refused."""

from cloud.kit.errors import AppError, ConflictError, MissingError


class EmailTakenError(ConflictError):
    """Somebody has registered with this e-mail address already."""

    code = "email_taken"


class EmailError(AppError):
    """This is not an e-mail address."""

    status = 422
    code = "invalid_email"


class WeakPasswordError(AppError):
    """The password is too short, too long or too easy."""

    status = 422
    code = "weak_password"


class RoleNotOpenError(AppError):
    """Only drivers and traders register themselves."""

    status = 422
    code = "role_not_open"


class UserMissingError(MissingError):
    """There is no such user."""

    code = "user_not_found"


class LastAdminError(ConflictError):
    """Without this admin there would be none."""

    code = "last_admin"
