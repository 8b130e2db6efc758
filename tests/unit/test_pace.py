"""The pace of submits, on a clock that jumps."""

from infra.clock import SystemClock
from subscriber.rate_limit import BURST_S, ONE_REFUSAL_S, SLOWEST_PER_MINUTE, SubmitRateLimiter


class Jumping(SystemClock):
    """Sleeping moves it, and nothing else does."""

    def __init__(self) -> None:
        self.at = 100.0

    def boot(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += seconds


async def test_after_a_burst_submits_keep_to_the_quota() -> None:
    clock = Jumping()
    pace = SubmitRateLimiter(clock, per_minute=60)
    for _ in range(120):
        await pace.acquire("veo")
    assert clock.at - 100.0 == 119 - BURST_S


async def test_models_have_quotas_of_their_own() -> None:
    clock = Jumping()
    pace = SubmitRateLimiter(clock, per_minute=1)
    for model in ("veo", "omni", "lite"):
        await pace.acquire(model)
    assert clock.at == 100.0


def test_a_refusal_halves_the_rate_and_acceptances_bring_it_back_no_further_than_the_share() -> None:
    pace = SubmitRateLimiter(Jumping(), per_minute=50)
    pace.record_refusal("veo")
    assert pace.rate("veo") == 25
    pace.record_success("veo")
    assert 25 < pace.rate("veo") < 28
    for _ in range(40):
        pace.record_success("veo")
    assert pace.rate("veo") == 50
    assert pace.rate("omni") == 50


def test_however_often_it_is_refused_it_goes_on() -> None:
    clock = Jumping()
    pace = SubmitRateLimiter(clock, per_minute=50)
    for _ in range(100):
        pace.record_refusal("veo")
        clock.at += ONE_REFUSAL_S
    assert pace.rate("veo") == SLOWEST_PER_MINUTE


def test_the_submits_that_were_under_way_together_are_refused_together_and_halve_it_once() -> None:
    pace = SubmitRateLimiter(Jumping(), per_minute=50)
    for _ in range(16):
        pace.record_refusal("veo")
    assert pace.rate("veo") == 25


async def test_a_model_is_left_alone_for_as_long_as_it_asked_and_then_not_stormed() -> None:
    clock = Jumping()
    pace = SubmitRateLimiter(clock, per_minute=60)
    pace.record_refusal("veo", 40.0)
    await pace.acquire("omni")
    assert clock.at == 100.0
    starts = []
    for _ in range(3):
        await pace.acquire("veo")
        starts.append(clock.at - 100.0)
    assert starts == [40.0, 42.0, 44.0]  # at half the pace


async def test_a_submit_that_waits_already_waits_for_a_later_refusal_as_well() -> None:
    clock = Jumping()
    pace = SubmitRateLimiter(clock, per_minute=1)
    await pace.acquire("veo")
    refused = iter((30.0,))

    async def sleep(seconds: float) -> None:
        clock.at += seconds
        for wait in refused:
            pace.record_refusal("veo", wait)

    clock.sleep = sleep  # type: ignore[method-assign]
    await pace.acquire("veo")
    assert clock.at >= 100.0 + 55.0 + 30.0
