"""The tables of devices: registry, health, alerts, rights, commands, device events."""

from alembic import op

revision = "0005_devices"
down_revision = "0004_ledger"

_CERTIFICATE = """
    certificate_serial text,
    certificate_sha256 text,
    certificate_not_after timestamptz
"""

_STATEMENTS = (
    """CREATE TABLE deployment_secrets (
        name text PRIMARY KEY,
        sealed bytea NOT NULL
    )""",
    f"""CREATE TABLE sites (
        id text PRIMARY KEY,
        name text NOT NULL,
        timezone text NOT NULL,
        broker_host text NOT NULL,
        broker_port integer NOT NULL,
        site_key_sealed bytea NOT NULL,
        state text NOT NULL,
        desired_version bigint NOT NULL,
        created_at timestamptz NOT NULL,
        {_CERTIFICATE}
    )""",
    """CREATE TABLE lanes (
        id text PRIMARY KEY,
        site text NOT NULL REFERENCES sites,
        lot text NOT NULL,
        name text NOT NULL,
        direction smallint NOT NULL
    )""",
    "CREATE INDEX lanes_site_idx ON lanes (site)",
    "CREATE INDEX lanes_lot_idx ON lanes (lot)",
    f"""CREATE TABLE gates (
        id text PRIMARY KEY,
        site text NOT NULL REFERENCES sites,
        lane text NOT NULL REFERENCES lanes,
        state text NOT NULL,
        out_of_service boolean NOT NULL,
        created_at timestamptz NOT NULL,
        {_CERTIFICATE}
    )""",
    "CREATE INDEX gates_site_idx ON gates (site)",
    # A lane is controlled by one gate at a time; a revoked one leaves its lane to the next.
    "CREATE UNIQUE INDEX gates_lane_idx ON gates (lane) WHERE state <> 'revoked'",
    """CREATE TABLE site_health (
        site text PRIMARY KEY REFERENCES sites,
        online boolean NOT NULL,
        heard_at timestamptz,
        boot bigint,
        agent text,
        desired_version bigint NOT NULL,
        rights_version bigint NOT NULL,
        rights_hash text,
        rights_count bigint NOT NULL,
        rights_problem text,
        outbox bigint NOT NULL,
        oldest_event_at timestamptz
    )""",
    """CREATE TABLE gate_health (
        gate text PRIMARY KEY REFERENCES gates,
        online boolean NOT NULL,
        heard_at timestamptz,
        lane_state text,
        reader text,
        clock text,
        firmware text,
        list_version bigint,
        list_hash text,
        outbox bigint,
        heap_free bigint,
        rssi_dbm integer,
        problem text
    )""",
    """CREATE TABLE device_alerts (
        id uuid PRIMARY KEY,
        site text NOT NULL REFERENCES sites,
        device text NOT NULL,
        kind text NOT NULL,
        key text NOT NULL,
        detail jsonb NOT NULL,
        raised_at timestamptz NOT NULL,
        cleared_at timestamptz,
        acknowledged_at timestamptz,
        acknowledged_by uuid,
        note text
    )""",
    "CREATE UNIQUE INDEX device_alerts_key_idx ON device_alerts (device, kind, key)"
    " WHERE cleared_at IS NULL",
    "CREATE INDEX device_alerts_site_idx ON device_alerts (site, raised_at)",
    # No reference to gates: facts outlive the registry, and the hot path checks in bulk.
    """CREATE TABLE device_events (
        device text NOT NULL,
        boot bigint NOT NULL,
        seq bigint NOT NULL,
        position bigint GENERATED ALWAYS AS IDENTITY,
        site text NOT NULL,
        at_ms bigint,
        heard_ms bigint NOT NULL,
        clock text NOT NULL,
        kind text NOT NULL,
        data jsonb NOT NULL,
        received_at timestamptz NOT NULL,
        PRIMARY KEY (device, boot, seq)
    )""",
    "CREATE INDEX device_events_site_position_idx ON device_events (site, position)",
    """CREATE TABLE device_quarantine (
        id uuid PRIMARY KEY,
        site text NOT NULL,
        device text,
        reason text NOT NULL,
        detail text NOT NULL,
        payload bytea NOT NULL,
        digest bytea NOT NULL,
        received_at timestamptz NOT NULL
    )""",
    "CREATE UNIQUE INDEX device_quarantine_site_digest_idx ON device_quarantine (site, digest)",
    "CREATE INDEX device_quarantine_site_received_at_idx ON device_quarantine (site, received_at)",
    """CREATE TABLE site_rights (
        site text NOT NULL REFERENCES sites,
        id text NOT NULL,
        tag text NOT NULL,
        lot text NOT NULL,
        flags integer NOT NULL,
        from_s bigint NOT NULL,
        until_s bigint NOT NULL,
        PRIMARY KEY (site, id)
    )""",
    """CREATE TABLE site_rights_pending (
        site text NOT NULL REFERENCES sites,
        id text NOT NULL,
        removed boolean NOT NULL,
        tag text NOT NULL,
        lot text NOT NULL,
        flags integer NOT NULL,
        from_s bigint NOT NULL,
        until_s bigint NOT NULL,
        PRIMARY KEY (site, id)
    )""",
    """CREATE TABLE site_rights_versions (
        site text NOT NULL REFERENCES sites,
        version bigint NOT NULL,
        hash text NOT NULL,
        count bigint NOT NULL,
        issued_at timestamptz NOT NULL,
        delta text,
        PRIMARY KEY (site, version)
    )""",
    """CREATE TABLE device_counters (
        device text PRIMARY KEY,
        last_counter bigint NOT NULL
    )""",
    """CREATE TABLE device_commands (
        id uuid PRIMARY KEY,
        site text NOT NULL REFERENCES sites,
        device text NOT NULL,
        op text NOT NULL,
        args jsonb NOT NULL,
        reason text NOT NULL,
        issued_by uuid NOT NULL,
        issued_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        counter bigint NOT NULL,
        state text NOT NULL,
        result text,
        sent_at timestamptz,
        finished_at timestamptz
    )""",
    "CREATE UNIQUE INDEX device_commands_device_counter_idx ON device_commands (device, counter)",
    "CREATE INDEX device_commands_site_idx ON device_commands (site) WHERE state = 'queued'",
)


def upgrade() -> None:
    """Create them."""
    for statement in _STATEMENTS:
        op.execute(statement)
