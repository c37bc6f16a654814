"""Settings are read once, complain all at once, and never show a secret."""

from pathlib import Path

import pytest

from cloud.kit.settings import SettingsError, load_settings, show_settings

LEAST = {
    "CURB_DATABASE_URL": "postgresql://curb:hunter2@db.internal/curb",
    "CURB_REDIS_URL": "redis://:s3cret@cache.internal:6379/0",
    "CURB_DATA_DIR": "/var/lib/curb",
}


def test_three_addresses_are_enough_and_the_rest_follows_from_them():
    settings = load_settings(LEAST)
    assert settings.keys_dir == Path("/var/lib/curb/keys")
    assert settings.mqtt_ca_file == Path("/var/lib/curb/ca/ca.pem")
    assert settings.events_url == settings.redis_url
    assert settings.access_token_s == 600


def test_every_missing_and_every_wrong_setting_is_named_at_once():
    wrong = {
        "CURB_REDIS_URL": "http://cache",
        "CURB_ACCESS_TOKEN_S": "10",
        "CURB_LOG_LEVEL": "loud",
    }
    with pytest.raises(SettingsError) as refused:
        load_settings(wrong)
    message = str(refused.value)
    for name in ("CURB_DATABASE_URL", "CURB_DATA_DIR", *wrong):
        assert name in message


def test_a_secret_that_cannot_be_used_is_not_repeated_in_the_complaint():
    with pytest.raises(SettingsError) as refused:
        load_settings(LEAST | {"CURB_DATABASE_URL": "mysql://curb:hunter2@db"})
    assert "hunter2" not in str(refused.value)


def test_shown_settings_say_where_they_come_from_and_hide_passwords():
    environ = LEAST | {
        "CURB_METRICS_TOKEN": "tok3n",
        "CURB_CORS_ORIGINS": "https://a.org, https://b.org",
    }
    shown = {line.env: line for line in show_settings(load_settings(environ), environ)}
    assert shown["CURB_DATABASE_URL"].value == "postgresql://curb:***@db.internal/curb"
    assert shown["CURB_CORS_ORIGINS"].value == "https://a.org,https://b.org"
    assert shown["CURB_CORS_ORIGINS"].origin == "environment"
    assert shown["CURB_LOGIN_S"].origin == "default"
    everything = " ".join(line.value for line in shown.values())
    for secret in ("hunter2", "s3cret", "tok3n"):
        assert secret not in everything
