"""What tests of whole systems share."""

import pytest

from tests.support.engines import scratch_folder


@pytest.fixture
def scratch():
    """A private folder with a short path, gone afterwards."""
    with scratch_folder() as folder:
        yield folder
