"""Which jobs one worker runs, and which it parks: bounds that hold whatever is delivered, ended and brought back."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from schemas.ports import ParkedJob
from subscriber.fairness import EXPECTED_S, LaneLoad

KEYS = st.sampled_from("abcd")


def parked(job_id: str) -> ParkedJob:
    return ParkedJob(job_id=job_id, key=job_id[0], version="1")


@given(st.integers(1, 200))
def test_a_key_alone_has_all_slots(capacity: int) -> None:
    assert _run_alone(LaneLoad("interactive", capacity)) == capacity


@given(st.integers(3, 200))
def test_a_key_beside_another_has_two_thirds(capacity: int) -> None:
    lane = LaneLoad("interactive", capacity)
    lane.start("b", "b1")
    assert _run_alone(lane) == capacity * 2 // 3


def _run_alone(lane: LaneLoad) -> int:
    """How many jobs of one key run before one is parked."""
    ran = 0
    while not lane.must_park("a", f"a{ran}"):
        lane.start("a", f"a{ran}")
        ran += 1
    return ran


def test_a_new_job_comes_after_those_that_are_parked() -> None:
    lane = LaneLoad("interactive", 8)
    lane.park("a")
    assert lane.must_park("b", "b1")
    lane.note_read([], asked=6, without=[], parkings=lane.parkings)
    assert not lane.must_park("b", "b1")


def test_a_read_that_began_before_a_job_was_parked_says_nothing_of_it() -> None:
    lane = LaneLoad("interactive", 8)
    parkings = lane.parkings
    lane.park("a")
    lane.note_read([], asked=6, without=[], parkings=parkings)
    assert lane.parked_keys == {"a"}


def test_a_full_page_and_keys_that_were_left_out_may_have_more() -> None:
    lane = LaneLoad("interactive", 8)
    for key in "abc":
        lane.park(key)
    lane.note_read([parked("a1")], asked=1, without=["b"], parkings=lane.parkings)
    assert lane.parked_keys == {"a", "b", "c"}
    lane.note_read([parked("a1")], asked=2, without=["b"], parkings=lane.parkings)
    assert lane.parked_keys == {"a", "b"}


def test_a_job_that_is_expected_runs_and_its_room_is_given_up_after_a_while() -> None:
    lane = LaneLoad("interactive", 1)
    lane.expect(parked("a1"), 0.0)
    assert lane.room == 0
    assert not lane.must_park("a", "a1")
    lane.forget_late(EXPECTED_S - 1)
    assert lane.room == 0
    lane.forget_late(EXPECTED_S)
    assert lane.room == 1
    lane.start("a", "a1")
    assert lane.room == 0


class OneWorker(RuleBasedStateMachine):
    """Jobs are delivered, parked, read, expected, started and ended in any order."""

    @initialize(capacity=st.integers(1, 12))
    def begin(self, capacity: int) -> None:
        self.lane = LaneLoad("interactive", capacity)
        self.now = 0.0
        self.number = 0
        self.running: list[str] = []
        self.waiting: list[str] = []
        self.expected: list[str] = []

    @rule(key=KEYS)
    def a_job_is_delivered(self, key: str) -> None:
        self.number += 1
        job_id = f"{key}{self.number}"
        if self.lane.must_park(key, job_id):
            self.lane.park(key)
            self.waiting.append(job_id)
        else:
            self.lane.start(key, job_id)
            self.running.append(job_id)

    @rule()
    def jobs_are_brought_back(self) -> None:
        room, without = self.lane.room, self.lane.full_keys()
        if room <= 0:
            return
        found = [parked(job_id) for job_id in self.waiting if job_id[0] not in without][:room]
        self.lane.note_read(found, asked=room, without=without, parkings=self.lane.parkings)
        for job in found:
            if self.lane.has_room(job.key):
                self.lane.expect(job, self.now)
                self.waiting.remove(job.job_id)
                self.expected.append(job.job_id)

    @rule(data=st.data())
    def an_expected_job_comes(self, data: st.DataObject) -> None:
        if self.expected:
            job_id = data.draw(st.sampled_from(self.expected))
            assert not self.lane.must_park(job_id[0], job_id)
            self.expected.remove(job_id)
            self.lane.start(job_id[0], job_id)
            self.running.append(job_id)

    @rule(data=st.data())
    def a_job_ends(self, data: st.DataObject) -> None:
        if self.running:
            job_id = data.draw(st.sampled_from(self.running))
            self.running.remove(job_id)
            self.lane.end(job_id[0])

    @rule()
    def expected_jobs_go_elsewhere(self) -> None:
        self.now += EXPECTED_S
        self.lane.forget_late(self.now)
        self.expected.clear()

    @invariant()
    def the_count_is_right_and_never_above_the_capacity(self) -> None:
        if not hasattr(self, "lane"):
            return
        assert self.lane.held.total() == len(self.running) + len(self.expected) <= self.lane.capacity

    @invariant()
    def what_is_parked_is_known(self) -> None:
        if hasattr(self, "lane"):
            assert {job_id[0] for job_id in self.waiting} <= self.lane.parked_keys


TestOneWorker = OneWorker.TestCase
