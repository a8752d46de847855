"""A key for the toy servers, and no waits between retries."""

import pytest
from servers import quick_retries

__all__ = ["quick_retries"]


@pytest.fixture(autouse=True)
def quick(quick_retries):
    """For every test here."""
