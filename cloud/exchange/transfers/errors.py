"""Why cash is not moved between a wallet and a portfolio."""

from cloud.kit.errors import ConflictError, MissingError


class TransferRefusedError(ConflictError):
    """The venue refused the transfer; no money was moved. The sentence says why."""

    code = "transfer_refused"


class TransferMissingError(MissingError):
    """This portfolio has no transfer of that number."""

    code = "transfer_not_found"
