"""How the audit trail joins the others."""

from cloud.audit.routes import AuditController
from cloud.audit.trail import AuditTrail
from cloud.kit.clock import Clock
from cloud.kit.crypto import load_or_create_secret
from cloud.kit.feature import Feature, Kit
from cloud.kit.settings import Settings


def make_trail(settings: Settings, clock: Clock) -> AuditTrail:
    """The trail of this installation; its key is made on the very first start."""
    return AuditTrail(clock, load_or_create_secret(settings.keys_dir / "audit.key"))


def wire(kit: Kit) -> Feature:
    """Its routes; the appending side is `kit.acts`."""
    trail = make_trail(kit.settings, kit.clock)

    async def provide_trail() -> AuditTrail:
        return trail

    return Feature("audit", routes=(AuditController,), dependencies={"audit_trail": provide_trail})
