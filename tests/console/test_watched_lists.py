"""Many tabs that show the same list cost the store one read."""

import asyncio
from contextlib import ExitStack
from dataclasses import replace

from publisher.access import Access
from publisher.console.watched_lists import WatchedLists
from schemas.errors import Unavailable
from schemas.ports import JobPage, JobQuery
from tests.facade.doors import Door
from tests.facade.faults import BlindJobs
from tests.facade.hand import Hand
from tests.facade.test_events import StoppedClock

ALL = Access()


class CountedJobs(BlindJobs):
    """A job store that counts its listings."""

    listings = 0

    async def list(self, query: JobQuery) -> JobPage:
        self.listings += 1
        if self.blind:
            raise Unavailable("the store does not answer")
        return await super().list(query)


def _watch(door: Door) -> tuple[WatchedLists, CountedJobs, StoppedClock]:
    jobs, clock = CountedJobs(door.desk.jobs), StoppedClock(door.desk.clock)
    return WatchedLists(replace(door.desk, jobs=jobs, clock=clock), look_every_s=1), jobs, clock


async def test_a_hundred_tabs_share_reads_that_get_rarer(door: Door, hand: Hand) -> None:
    lists, jobs, clock = _watch(door)
    job_id = await door.queued()
    read_after_s = list[float]()
    with ExitStack() as stack:
        tabs = [stack.enter_context(lists.watch((ALL, (("state", "queued"),)))) for _ in range(100)]
        for second in range(20):
            before, clock.passed_s = jobs.listings, second
            looks = await asyncio.gather(*(tab.look() for tab in tabs))
            assert {rows.views[0].video_id for rows in looks} == {job_id}
            read_after_s += [second] * (jobs.listings - before)
        assert read_after_s == [0, 1, 3, 7, 12, 17], "not 2,000 reads"
        await hand.start(job_id)
        shown = []
        for clock.passed_s in range(20, 25):
            shown.append(len((await tabs[7].look()).views))
        assert shown == [1, 1, 0, 0, 0]
    assert lists.count == 0


async def test_a_new_tab_is_not_shown_what_was_read_before_its_page(door: Door) -> None:
    lists, jobs, clock = _watch(door)
    with lists.watch((ALL, ())) as first, lists.watch((ALL, ())) as second:
        assert (await first.look()).views == []
        job_id = await door.queued()
        clock.passed_s = 0.1
        assert [view.video_id for view in (await second.look(0.1)).views] == [job_id]
        assert jobs.listings == 2


async def test_lists_of_other_callers_and_filters_are_their_own(door: Door) -> None:
    lists, jobs, _ = _watch(door)
    acme, zebra = (Access(caller=name, scopes=frozenset({"read"})) for name in ("acme", "zebra"))
    await door.queued()
    with ExitStack() as stack:
        watched = [
            stack.enter_context(lists.watch((access, filters)))
            for access, filters in ((ALL, ()), (acme, ()), (zebra, ()), (ALL, (("state", "failed"),)))
        ]
        found = [len((await each.look()).views) for each in watched]
        assert (found, lists.count, jobs.listings) == ([1, 0, 0, 0], 4, 4)
        assert (await watched[0].look()).keys is (await watched[0].look()).keys, "the digests are made once"


async def test_tabs_keep_what_they_show_while_the_store_is_out_of_reach(door: Door) -> None:
    lists, jobs, clock = _watch(door)
    job_id = await door.queued()
    with lists.watch((ALL, ())) as tab:
        await tab.look()
        jobs.blind, clock.passed_s = True, 10
        assert [view.video_id for view in (await tab.look()).views] == [job_id]
