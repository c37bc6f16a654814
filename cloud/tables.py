"""Every table of the cloud, for Alembic and for the test that compares them with the database."""

from sqlmodel import SQLModel

from cloud.accounts.api_keys import tables as api_keys
from cloud.accounts.auth import tables as auth
from cloud.accounts.users import tables as users
from cloud.audit import tables as audit
from cloud.devices.alerts import tables as alerts
from cloud.devices.commands import tables as commands
from cloud.devices.gates import tables as gates
from cloud.devices.health import tables as health
from cloud.devices.mqtt import tables as mqtt
from cloud.devices.rights import tables as device_rights
from cloud.devices.sites import tables as sites
from cloud.events import tables as events
from cloud.exchange import tables as exchange
from cloud.exchange.alpaca import tables as alpaca
from cloud.exchange.market_data import tables as market_data
from cloud.exchange.portfolios import tables as portfolios
from cloud.exchange.statements import tables as statements
from cloud.exchange.surveillance import tables as surveillance
from cloud.exchange.transfers import tables as transfers
from cloud.exchange.venue import tables as venue
from cloud.kit import idempotency
from cloud.ledger import tables as ledger
from cloud.parking import tables as parking

DEVICES = (alerts, commands, gates, health, mqtt, device_rights, sites)

EXCHANGE = (
    exchange,
    alpaca,
    market_data,
    portfolios,
    statements,
    surveillance,
    venue,
    transfers,
)

# Importing a feature's tables registers them; add one line for each.
TABLES = (idempotency, events, users, auth, api_keys, audit, ledger, *DEVICES, parking, *EXCHANGE)

METADATA = SQLModel.metadata
