"""What a device sends to be enrolled; what it gets is protocols/enrolment.py."""

from typing import Annotated

import msgspec

Csr = Annotated[str, msgspec.Meta(min_length=64, max_length=4096)]


class EnrolmentRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A certificate request over the device's own key, which never leaves the device."""

    csr_pem: Csr


class BrokerCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """A server certificate for a site's broker, and the authority its clients are signed by."""

    certificate_pem: str
    ca_pem: str
