"""Sites, and the secrets of the deployment as a whole."""

from datetime import datetime

from sqlalchemy import BigInteger, Text
from sqlmodel import Field, SQLModel

from cloud.kit.columns import UtcDateTime

NEW = "new"
ENROLLED = "enrolled"
REVOKED = "revoked"


class DeploymentSecretRow(SQLModel, table=True):
    """A secret every site of this deployment shares; sealed by kit/crypto."""

    __tablename__ = "deployment_secrets"

    name: str = Field(primary_key=True, sa_type=Text)
    sealed: bytes


class SiteRow(SQLModel, table=True):
    """One site.

    broker_host, broker_port: where its gates find the site's own broker.
    site_key_sealed: the 32 bytes (as hex) that commands and lists for this site are sealed with.
    desired_version: grows with every change of what the site should know.
    """

    __tablename__ = "sites"

    id: str = Field(primary_key=True, sa_type=Text)
    name: str = Field(sa_type=Text)
    timezone: str = Field(sa_type=Text)
    broker_host: str = Field(sa_type=Text)
    broker_port: int
    site_key_sealed: bytes
    state: str = Field(sa_type=Text)
    desired_version: int = Field(sa_type=BigInteger)
    created_at: datetime = Field(sa_type=UtcDateTime)
    certificate_serial: str | None = Field(default=None, sa_type=Text)
    certificate_sha256: str | None = Field(default=None, sa_type=Text)
    certificate_not_after: datetime | None = Field(default=None, sa_type=UtcDateTime)
