"""How the exchange joins the others, and how its own parts are joined."""

from cloud.accounts.wire import Accounts
from cloud.events.wire import Events
from cloud.exchange.sequencer import Sequencer
from cloud.kit.feature import Feature, Kit
from cloud.ledger.wire import Ledger
from cloud.realtime.wire import Realtime


class Exchange:
    """What the parts of the exchange share, and the lower features they stand on.

    sequencer: takes wishes while this process leads; see `cloud/exchange/sequencer.py`.
    """

    def __init__(
        self, kit: Kit, events: Events, *, accounts: Accounts, ledger: Ledger, realtime: Realtime
    ) -> None:
        self.kit = kit
        self.events = events
        self.accounts = accounts
        self.ledger = ledger
        self.realtime = realtime
        self.sequencer = Sequencer()


def wire(exchange: Exchange) -> Feature:
    """Routes under /v2, /stream and /api/v1, dependencies, and the tasks of the role EXCHANGE.

    Every part adds its own lines below: routes, dependencies, tasks.
    """

    async def provide_sequencer() -> Sequencer:
        return exchange.sequencer

    return Feature(
        "exchange",
        routes=(),
        dependencies={"sequencer": provide_sequencer},
        tasks=(),
        resources=(),
    )
