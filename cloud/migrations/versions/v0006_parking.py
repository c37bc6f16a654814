"""The tables of parking: lots, tags, tariffs, bookings, rights, access, stays, payments."""

from alembic import op

revision = "0006_parking"
down_revision = "0005_devices"

_STATEMENTS = (
    # `space_id WITH =` inside a GiST exclusion constraint.
    "CREATE EXTENSION IF NOT EXISTS btree_gist",
    """CREATE TABLE parking_lots (
        id text PRIMARY KEY,
        site text NOT NULL REFERENCES sites,
        name text NOT NULL,
        address text NOT NULL,
        timezone text NOT NULL,
        currency text NOT NULL,
        mode text NOT NULL,
        walk_ups text NOT NULL,
        passback text NOT NULL,
        level_min smallint NOT NULL,
        stale text NOT NULL,
        max_age_s integer NOT NULL,
        early_grace_s integer NOT NULL,
        late_grace_s integer NOT NULL,
        hold_s integer NOT NULL,
        cancel_free_s integer NOT NULL,
        cancel_late_percent smallint NOT NULL,
        created_at timestamptz NOT NULL
    )""",
    "CREATE INDEX parking_lots_site_idx ON parking_lots (site)",
    """CREATE TABLE parking_floors (
        id uuid PRIMARY KEY,
        lot text NOT NULL REFERENCES parking_lots,
        number integer NOT NULL,
        name text NOT NULL,
        CONSTRAINT parking_floors_lot_number_key UNIQUE (lot, number)
    )""",
    """CREATE TABLE parking_spaces (
        id uuid PRIMARY KEY,
        lot text NOT NULL REFERENCES parking_lots,
        floor_id uuid NOT NULL REFERENCES parking_floors,
        name text NOT NULL,
        type text NOT NULL,
        features text[] NOT NULL,
        state text NOT NULL,
        CONSTRAINT parking_spaces_lot_name_key UNIQUE (lot, name)
    )""",
    "CREATE INDEX parking_spaces_floor_id_idx ON parking_spaces (floor_id)",
    # One row a lot: its lock also keeps the passages of one lot in line.
    """CREATE TABLE lot_occupancy (
        lot text PRIMARY KEY REFERENCES parking_lots,
        entries bigint NOT NULL,
        exits bigint NOT NULL,
        correction bigint NOT NULL,
        is_full boolean NOT NULL,
        changed_at timestamptz NOT NULL
    ) WITH (fillfactor = 50)""",
    """CREATE TABLE vehicles (
        id uuid PRIMARY KEY,
        user_id uuid NOT NULL,
        plate_sealed bytea NOT NULL,
        plate_index bytea NOT NULL,
        country text NOT NULL,
        make text NOT NULL,
        model text NOT NULL,
        size text NOT NULL,
        created_at timestamptz NOT NULL,
        removed_at timestamptz
    )""",
    "CREATE UNIQUE INDEX vehicles_user_id_plate_index_idx ON vehicles (user_id, plate_index)"
    " WHERE removed_at IS NULL",
    "CREATE INDEX vehicles_plate_index_idx ON vehicles (plate_index)",
    """CREATE TABLE rfid_tags (
        id uuid PRIMARY KEY,
        tag_key text NOT NULL,
        uid_sealed bytea NOT NULL,
        uid_index bytea NOT NULL,
        user_id uuid,
        vehicle_id uuid REFERENCES vehicles,
        level smallint NOT NULL,
        state text NOT NULL,
        state_at timestamptz NOT NULL,
        note text NOT NULL,
        created_at timestamptz NOT NULL,
        CONSTRAINT rfid_tags_tag_key_key UNIQUE (tag_key),
        CONSTRAINT rfid_tags_uid_index_key UNIQUE (uid_index)
    )""",
    "CREATE INDEX rfid_tags_user_id_idx ON rfid_tags (user_id)",
    """CREATE TABLE pricing_models (
        id uuid PRIMARY KEY,
        lot text NOT NULL REFERENCES parking_lots,
        version integer NOT NULL,
        currency text NOT NULL,
        timezone text NOT NULL,
        hourly_cents jsonb NOT NULL,
        free_minutes integer NOT NULL,
        step_minutes integer NOT NULL,
        daily_cap_cents bigint,
        overstay_percent integer NOT NULL,
        valid_from timestamptz NOT NULL,
        created_at timestamptz NOT NULL,
        CONSTRAINT pricing_models_lot_version_key UNIQUE (lot, version)
    )""",
    """CREATE TABLE bookings (
        id uuid PRIMARY KEY,
        user_id uuid NOT NULL,
        lot text NOT NULL REFERENCES parking_lots,
        space_id uuid NOT NULL REFERENCES parking_spaces,
        tag_id uuid REFERENCES rfid_tags,
        during tstzrange NOT NULL,
        state text NOT NULL,
        held_until timestamptz,
        tariff_id uuid NOT NULL REFERENCES pricing_models,
        lines jsonb NOT NULL,
        price_cents bigint NOT NULL,
        currency text NOT NULL,
        reasons jsonb NOT NULL,
        kept_cents bigint,
        created_at timestamptz NOT NULL,
        confirmed_at timestamptz,
        ended_at timestamptz,
        CONSTRAINT bookings_during_check CHECK (NOT isempty(during)
            AND NOT lower_inf(during) AND NOT upper_inf(during)),
        -- Who holds a space is decided here and nowhere else.
        CONSTRAINT bookings_no_overlap EXCLUDE USING gist (space_id WITH =, during WITH &&)
            WHERE (state IN ('held', 'confirmed', 'active'))
    )""",
    "CREATE INDEX bookings_user_id_created_at_idx ON bookings (user_id, created_at, id)",
    "CREATE INDEX bookings_lot_created_at_idx ON bookings (lot, created_at, id)",
    "CREATE INDEX bookings_live_idx ON bookings USING gist (lot, during)"
    " WHERE (state IN ('held', 'confirmed', 'active'))",
    "CREATE INDEX bookings_tag_id_idx ON bookings (tag_id) WHERE state IN ('confirmed', 'active')",
    "CREATE INDEX bookings_held_until_idx ON bookings (held_until) WHERE state = 'held'",
    """CREATE TABLE permits (
        id uuid PRIMARY KEY,
        lot text NOT NULL REFERENCES parking_lots,
        tag_id uuid NOT NULL REFERENCES rfid_tags,
        kind text NOT NULL,
        from_at timestamptz NOT NULL,
        until_at timestamptz,
        note text NOT NULL,
        created_at timestamptz NOT NULL,
        withdrawn_at timestamptz
    )""",
    "CREATE INDEX permits_tag_id_idx ON permits (tag_id) WHERE withdrawn_at IS NULL",
    "CREATE INDEX permits_lot_idx ON permits (lot, created_at, id)",
    # Every right ever issued, so that a decision of last week can be checked as of last week.
    """CREATE TABLE parking_rights (
        id uuid PRIMARY KEY,
        site text NOT NULL REFERENCES sites,
        right_id text NOT NULL,
        tag_key text NOT NULL,
        lot text NOT NULL,
        flags integer NOT NULL,
        from_s bigint NOT NULL,
        until_s bigint NOT NULL,
        issued_at timestamptz NOT NULL,
        revoked_at timestamptz
    )""",
    "CREATE UNIQUE INDEX parking_rights_site_right_id_idx ON parking_rights (site, right_id)"
    " WHERE revoked_at IS NULL",
    "CREATE INDEX parking_rights_tag_key_idx ON parking_rights (tag_key)",
    # No references from here on to what a device names: facts outlive the registry.
    """CREATE TABLE access_logs (
        id uuid PRIMARY KEY,
        device text NOT NULL,
        boot bigint NOT NULL,
        seq bigint NOT NULL,
        site text NOT NULL,
        lot text NOT NULL,
        lane text NOT NULL,
        direction smallint NOT NULL,
        at timestamptz NOT NULL,
        heard_at timestamptz NOT NULL,
        clock text NOT NULL,
        tap bigint,
        tag_key text,
        tag_id uuid,
        user_id uuid,
        booking_id uuid,
        right_id text,
        right_kind smallint,
        reason text NOT NULL,
        is_admitted boolean NOT NULL,
        mode text NOT NULL,
        list_version bigint NOT NULL,
        level smallint NOT NULL,
        recheck text NOT NULL,
        recheck_reason text,
        CONSTRAINT access_logs_device_boot_seq_key UNIQUE (device, boot, seq)
    )""",
    "CREATE INDEX access_logs_device_boot_tap_idx ON access_logs (device, boot, tap)",
    "CREATE INDEX access_logs_lot_at_idx ON access_logs (lot, at, id)",
    "CREATE INDEX access_logs_user_id_at_idx ON access_logs (user_id, at, id)",
    "CREATE INDEX access_logs_tag_key_at_idx ON access_logs (tag_key, at)",
    """CREATE TABLE passages (
        id uuid PRIMARY KEY,
        device text NOT NULL,
        boot bigint NOT NULL,
        seq bigint NOT NULL,
        site text NOT NULL,
        lot text NOT NULL,
        lane text NOT NULL,
        direction smallint NOT NULL,
        at timestamptz NOT NULL,
        tap bigint,
        kind text NOT NULL,
        access_id uuid,
        tag_key text,
        CONSTRAINT passages_device_boot_seq_key UNIQUE (device, boot, seq)
    )""",
    "CREATE INDEX passages_device_boot_tap_idx ON passages (device, boot, tap)",
    "CREATE INDEX passages_lot_tag_key_at_idx ON passages (lot, tag_key, at)"
    " WHERE tag_key IS NOT NULL",
    "CREATE INDEX passages_lot_at_idx ON passages (lot, at)",
    """CREATE TABLE stays (
        id uuid PRIMARY KEY,
        site text NOT NULL,
        lot text NOT NULL,
        tag_key text NOT NULL,
        tag_id uuid,
        user_id uuid,
        booking_id uuid,
        basis text NOT NULL,
        state text NOT NULL,
        entry_at timestamptz NOT NULL,
        entry_lane text NOT NULL,
        exit_id uuid,
        exit_at timestamptz,
        exit_lane text,
        exit_reason text,
        tariff_id uuid,
        lines jsonb NOT NULL,
        fee_cents bigint NOT NULL,
        prepaid_cents bigint NOT NULL,
        paid_cents bigint NOT NULL,
        owed_cents bigint NOT NULL,
        currency text NOT NULL,
        settlements integer NOT NULL,
        CONSTRAINT stays_exit_id_key UNIQUE (exit_id) DEFERRABLE INITIALLY DEFERRED
    )""",
    "CREATE INDEX stays_lot_entry_at_idx ON stays (lot, entry_at, id)",
    "CREATE INDEX stays_user_id_entry_at_idx ON stays (user_id, entry_at, id)",
    "CREATE INDEX stays_open_idx ON stays (lot, tag_key) WHERE state = 'open'",
    "CREATE INDEX stays_exit_at_idx ON stays (lot, exit_at) WHERE state = 'closed'",
    """CREATE TABLE parking_exceptions (
        id uuid PRIMARY KEY,
        kind text NOT NULL,
        site text NOT NULL,
        lot text NOT NULL,
        subject uuid NOT NULL,
        at timestamptz NOT NULL,
        detail text NOT NULL,
        state text NOT NULL,
        resolved_at timestamptz,
        resolved_by uuid,
        note text,
        CONSTRAINT parking_exceptions_kind_subject_key UNIQUE (kind, subject)
    )""",
    "CREATE INDEX parking_exceptions_lot_at_idx ON parking_exceptions (lot, at, id)",
    """CREATE TABLE payments (
        id uuid PRIMARY KEY,
        user_id uuid,
        lot text NOT NULL,
        booking_id uuid,
        stay_id uuid,
        kind text NOT NULL,
        method text NOT NULL,
        amount_cents bigint NOT NULL,
        currency text NOT NULL,
        at timestamptz NOT NULL
    )""",
    "CREATE INDEX payments_user_id_at_idx ON payments (user_id, at, id)",
    "CREATE INDEX payments_booking_id_idx ON payments (booking_id)",
    "CREATE INDEX payments_stay_id_idx ON payments (stay_id)",
    "CREATE INDEX payments_lot_at_idx ON payments (lot, at)",
)


def upgrade() -> None:
    """Create them."""
    for statement in _STATEMENTS:
        op.execute(statement)
