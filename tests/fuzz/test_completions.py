"""Whatever comes on the completion topic, a facade goes on to hear how its jobs end."""

import asyncio
import logging
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.ports import COMPLETIONS
from schemas.wire.message import Message
from tests.facade.doors import door_to, settings_for
from tests.facade.hand import hand_at
from tests.fuzz.messages import messages


@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(noise=st.lists(messages(), min_size=1, max_size=12))
def test_an_end_is_heard_behind_any_noise(
    tmp_path_factory: pytest.TempPathFactory, caplog: pytest.LogCaptureFixture, noise: list[Message]
) -> None:
    asyncio.run(_heard_behind(tmp_path_factory.mktemp("facade"), noise))
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def _heard_behind(folder: Path, noise: list[Message]) -> None:
    """The looks at the store come once in a million seconds: only the completion can end the wait."""
    async with door_to(settings_for(folder, look_every_s=1e6)) as door, hand_at(door.desk) as hand:
        calling = asyncio.create_task(door.post())
        job_id = await hand.take()
        for message in noise:
            await door.desk.bus.publish(COMPLETIONS, message)
        await hand.finish(job_id)
        assert (await calling).status_code == 200
