"""The harness itself must be able to fail, or nothing that it runs means anything."""

from pathlib import Path

import pytest

from tests.support.micropython import run_micropython, run_portable_tests


def test_code_runs_on_micropython_with_the_projects_packages() -> None:
    ended = run_micropython(
        code="import sys, firmware.cards.ntag\nprint(sys.implementation.name)",
    )
    assert ended.stdout.strip() == "micropython"


def test_a_failing_assertion_fails_the_run() -> None:
    with pytest.raises(AssertionError, match="the reason"):
        run_micropython(code="assert False, 'the reason'")


def test_a_module_without_tests_fails_the_run() -> None:
    with pytest.raises(AssertionError, match="ran 0"):
        run_portable_tests("firmware.cards.ntag")


def test_a_failing_portable_test_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def test_it():\n    assert 1 == 2\n")
    ended = run_micropython(code="import broken\nbroken.test_it()", path=[tmp_path], check=False)
    assert ended.returncode != 0
    assert "test_it" in ended.stdout
