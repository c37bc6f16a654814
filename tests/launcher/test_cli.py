"""The command line answers at once, says what is wrong in sentences, and hides secrets."""

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from launcher.cli import main
from launcher.errors import ExitCode

SLOW_LIBRARIES = ("litestar", "sqlalchemy", "cryptography", "rich", "asyncpg", "aiomqtt", "cloud")


def curb(*arguments: str):
    return CliRunner().invoke(main, arguments)


def test_help_imports_nothing_slow():
    script = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from launcher.cli import main\n"
        "done = CliRunner().invoke(main, ['--help'])\n"
        "assert done.exit_code == 0, done.output\n"
        f"print([name for name in {SLOW_LIBRARIES!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_every_command_has_a_sentence_and_the_exit_codes_are_documented():
    done = curb("--help")
    for name in (
        "up",
        "status",
        "doctor",
        "bench",
        "simulate",
        "gate",
        "config",
        "audit",
        "migrate",
    ):
        assert f"  {name} " in done.output
    for code in ExitCode:
        assert f"{int(code)} " in done.output


def test_version_names_the_program():
    assert curb("--version").output.startswith("curb, version ")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_names_the_command(shell):
    done = curb("completion", shell)
    assert done.exit_code == 0
    assert "_CURB_COMPLETE" in done.output


@pytest.mark.parametrize("command", [("status",), ("migrate",), ("audit", "verify")])
def test_a_command_that_needs_a_running_system_says_how_to_start_one(
    command, tmp_path, monkeypatch
):
    monkeypatch.delenv("CURB_DATABASE_URL", raising=False)
    done = curb(*command, "--data", str(tmp_path))
    assert done.exit_code == ExitCode.NOT_RUNNING
    assert "curb up" in done.output


def test_config_show_names_values_and_origins_and_hides_secrets(tmp_path):
    environment = {"CURB_DATABASE_URL": "postgresql://me:tell-nobody@db.example/curb"}
    done = CliRunner().invoke(
        main, ["config", "show", "--json", "--data", str(tmp_path)], env=environment
    )
    assert "tell-nobody" not in done.output
    rows = {row["variable"]: row for row in json.loads(done.output)}
    assert rows["CURB_DATABASE_URL"]["origin"] == "environment"
    assert "db.example" in rows["CURB_DATABASE_URL"]["value"]
    assert rows["CURB_REDIS_URL"]["origin"] == "curb up"
    assert rows["CURB_LOG_LEVEL"] | {"meaning": ""} == {
        "name": "log_level",
        "variable": "CURB_LOG_LEVEL",
        "value": "info",
        "origin": "default",
        "meaning": "",
    }
    assert os.listdir(tmp_path) == [], "looking must not write"


def test_config_show_of_a_used_folder_hides_the_generated_passwords(tmp_path):
    from launcher.data_folder import DataFolder

    password = DataFolder(tmp_path).secret("postgres")
    done = curb("config", "show", "--data", str(tmp_path))
    assert "CURB_DATABASE_URL" in done.output
    assert password not in done.output.replace("\n", "").replace(" ", "")


def test_without_a_terminal_there_are_no_colours(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "launcher", "status", "--data", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == ExitCode.NOT_RUNNING
    assert done.stderr.startswith("curb: Nothing runs on")
    assert "\x1b" not in done.stderr
