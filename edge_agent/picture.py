"""The site as the cloud wants it: lots, lanes and gates; sealed, replaced whole, kept for boots."""

from dataclasses import dataclass, field
from typing import Final

from edge_agent.access import Lane
from protocols import sealed
from protocols.portable import access, codes, macs, topics
from protocols.site import LotPolicy, SiteDesired

EMPTY_VERSION: Final = 0


class PictureProblemError(Exception):
    """A desired picture was refused; `code` is a codes.REFUSED_... constant."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Picture:
    """What the agent works by: its lanes by gate id."""

    version: int = EMPTY_VERSION
    issued_at_ms: int = 0
    lanes: dict[str, Lane] = field(default_factory=dict)


def read_picture(payload: bytes, *, site: str, site_key: bytes, current: Picture) -> Picture | None:
    """The picture in a sealed `down/desired`; None when it is here already.

    Raises:
        PictureProblemError: forged, malformed, for another site or older than what is in force.
    """
    try:
        desired = sealed.unseal(site_key, macs.DESIRED, payload, SiteDesired)
    except sealed.SealError as error:
        raise PictureProblemError(error.code, str(error)) from error
    if desired.site != site:
        raise PictureProblemError(
            codes.REFUSED_DEVICE, f"The picture is of the site {desired.site}."
        )
    if desired.version < current.version:
        raise PictureProblemError(
            codes.REFUSED_REPLAY,
            f"Version {desired.version} of the site is older than {current.version}.",
        )
    if desired.version == current.version and current.version != EMPTY_VERSION:
        return None
    return _picture(desired)


def _picture(desired: SiteDesired) -> Picture:
    lots = {lot.lot: lot for lot in desired.lots}
    lanes: dict[str, Lane] = {}
    for gate in desired.gates:
        lot = lots.get(gate.lot)
        if lot is None or not topics.is_slug(gate.gate):
            raise PictureProblemError(
                codes.REFUSED_MALFORMED, f"The gate {gate.gate} is of an unknown lot {gate.lot}."
            )
        if gate.direction not in (codes.ENTRY, codes.EXIT):
            raise PictureProblemError(
                codes.REFUSED_MALFORMED, f"The gate {gate.gate} leads neither in nor out."
            )
        lanes[gate.gate] = Lane(
            gate=gate.gate,
            lane=gate.lane,
            lot=gate.lot,
            direction=gate.direction,
            policy=_policy(lot),
            max_age_ms=lot.max_age_s * 1000,
            out_of_service=gate.out_of_service,
        )
    return Picture(desired.version, desired.issued_at_ms, lanes)


def _policy(lot: LotPolicy) -> access.Lot:
    return access.Lot(lot.state, lot.walk_ups, lot.passback, lot.level_min, lot.stale)
