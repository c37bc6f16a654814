"""Why a log-in or a refresh is refused."""

from cloud.kit.errors import ConflictError, MissingError, UnauthenticatedError


class WrongCredentialsError(UnauthenticatedError):
    """The e-mail address or the password is wrong (which of them is not said)."""

    code = "wrong_credentials"


class RefreshRefusedError(UnauthenticatedError):
    """The refresh token is unknown, expired, or its login ended."""

    code = "refresh_refused"


class RefreshReusedError(UnauthenticatedError):
    """The refresh token was used before: stolen, or its answer lost; the login has ended."""

    code = "refresh_reused"
    keeps_work = True


class LoginMissingError(MissingError):
    """The caller has no such login."""

    code = "login_not_found"


class WrongPasswordError(ConflictError):
    """The current password is not right."""

    code = "wrong_password"
