"""The size of a page."""

import pytest

from publisher.paging import LIMIT_MAX, check_limit
from schemas.errors import Invalid


@pytest.mark.parametrize("limit", [-1, 0, LIMIT_MAX + 1])
def test_a_page_that_is_too_small_or_too_large_is_refused(limit: int) -> None:
    with pytest.raises(Invalid, match=f"whole number from 1 to {LIMIT_MAX}, not {limit}") as caught:
        check_limit(limit)
    assert caught.value.field == "limit"


@pytest.mark.parametrize("limit", [1, LIMIT_MAX])
def test_the_smallest_and_the_largest_page(limit: int) -> None:
    check_limit(limit)
