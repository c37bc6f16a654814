"""Every table of parking; importing this module registers them all."""

from cloud.parking.access import tables as access
from cloud.parking.bookings import tables as bookings
from cloud.parking.lots import tables as lots
from cloud.parking.payments import tables as payments
from cloud.parking.rights import tables as rights
from cloud.parking.spaces import tables as spaces
from cloud.parking.stays import tables as stays
from cloud.parking.tags import tables as tags
from cloud.parking.tariffs import tables as tariffs
from cloud.parking.vehicles import tables as vehicles

TABLES = (access, bookings, lots, payments, rights, spaces, stays, tags, tariffs, vehicles)
