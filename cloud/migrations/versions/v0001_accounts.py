"""Users, their roles and profiles, logins and refresh tokens; and the kit's idempotency keys."""

from alembic import op

revision = "0001_accounts"
down_revision = None

STEPS = (
    """
    CREATE TABLE users (
        id uuid PRIMARY KEY,
        email varchar NOT NULL,
        email_key varchar NOT NULL UNIQUE,
        password_hash varchar NOT NULL,
        is_locked boolean NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL
    )""",
    """
    CREATE TABLE user_roles (
        user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        role varchar NOT NULL,
        granted_at timestamptz NOT NULL,
        PRIMARY KEY (user_id, role)
    )""",
    "CREATE INDEX user_roles_role_idx ON user_roles (role)",
    """
    CREATE TABLE user_profiles (
        user_id uuid PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
        name_sealed bytea NOT NULL,
        phone_sealed bytea,
        preferences jsonb NOT NULL,
        updated_at timestamptz NOT NULL
    )""",
    # A login. The name is the users' own word for it; in code a session is a database session.
    """
    CREATE TABLE user_sessions (
        id uuid PRIMARY KEY,
        user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        created_at timestamptz NOT NULL,
        last_used_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        ended_at timestamptz,
        ended_because varchar NOT NULL,
        user_agent varchar NOT NULL,
        address varchar NOT NULL
    )""",
    "CREATE INDEX user_sessions_user_id_idx ON user_sessions (user_id)",
    """
    CREATE TABLE refresh_tokens (
        token_hash bytea PRIMARY KEY,
        login_id uuid NOT NULL REFERENCES user_sessions (id) ON DELETE CASCADE,
        created_at timestamptz NOT NULL,
        used_at timestamptz
    )""",
    "CREATE INDEX refresh_tokens_login_id_idx ON refresh_tokens (login_id)",
    """
    CREATE TABLE idempotency_keys (
        caller varchar NOT NULL,
        key varchar NOT NULL,
        fingerprint bytea NOT NULL,
        answer bytea,
        created_at timestamptz NOT NULL,
        PRIMARY KEY (caller, key)
    )""",
    "CREATE INDEX idempotency_keys_created_at_idx ON idempotency_keys (created_at)",
)


def upgrade() -> None:
    """Create them."""
    for step in STEPS:
        op.execute(step)
