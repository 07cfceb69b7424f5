"""What has each test of the module? A process that has no children yet, nor threads that are about to end."""

import pytest
from spawning import settle


@pytest.fixture(autouse=True)
def settled() -> None:
    """Or what earlier tests have let go of would be counted at the beginning, and not at the end."""
    settle()
