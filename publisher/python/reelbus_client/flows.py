"""The rules of a call over HTTP, without a transport: when to send again, when to look for the job, when to give up.

The client chooses the id of the job before it sends anything, so a lost answer never costs a second job. `Prefer:
reattach` says that the caller named no id: then a call that the caller repeats makes no second job either.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

from pydantic import BaseModel

from reelbus_client.errors import ReelbusError, WaitTimeout, name_job, refusal_of
from reelbus_client.models import BatchPlan, BatchView, JobView, Listing, Quote, SpendReport, VideoPlan
from reelbus_client.requests import Order, RequestFields, open_order, to_batch, to_fields, to_json
from reelbus_client.steps import MARGIN_S, Answer, Call, Flow, Patience, Pause
from reelbus_client.video import ENDS, Video, check_id, video_of_view

M = TypeVar("M", bound=BaseModel)
_GENERATE = "/api/videos/generate"
_LONGEST_ANSWER_S = 285.0
_WAIT_S = 50
"""Many proxies close a silent connection after a minute."""
_LOOK_EVERY_S = 1.0
_LOOK_AT_BATCH_EVERY_S = 2.0
_THANKS_S = 10.0
_OTHER_CALL_S = 60.0


@contextmanager
def job_context(video_id: str) -> Iterator[str]:
    """Check the id of a job. An error in the context names it."""
    check_id("video_id", video_id)
    try:
        yield video_id
    except BaseException as error:
        name_job(error, video_id)
        raise


class Flows:
    """The calls to one facade. Each is a generator of steps, and returns its result."""

    def __init__(self, place: str, away_at_most_s: float) -> None:
        self._place = place
        self._away_at_most_s = away_at_most_s

    def generate(self, request: RequestFields, key: str | None) -> Flow[Video]:
        """Return the video, after a wait without limit."""
        with open_order(self._place, request, key) as order:
            headers = {} if order.is_named else {"prefer": "reattach"}
            body = yield from self._send(order, headers)
            if body.get("success"):
                return Video.model_validate(body)
            view = yield from self._wait(body)
            if not order.is_named and view["state"] == "succeeded" and view["video_id"] == order.job_id:
                # Tell the facade that the call was answered: the next identical call is a new video.
                with suppress(ReelbusError, WaitTimeout):  # the facade forgets after half an hour
                    yield from self._post(order.body, headers, order.job_id, _THANKS_S)
            return video_of_view(view)

    def submit(self, request: RequestFields, key: str | None) -> Flow[JobView]:
        """Return the job once it is accepted."""
        with open_order(self._place, request, key) as order:
            prefer = "respond-async" if order.is_named else "respond-async, reattach"
            try:
                body = yield from self._send(order, {"prefer": prefer})
            except ReelbusError as error:
                if error.video_id != order.job_id or error.may_pass:
                    raise
                body = yield from self._job("GET", order.job_id)  # it was submitted before, and has failed
            if body.get("success"):  # it was submitted before, and has a video
                body = yield from self._job("GET", body["video_id"])
            return JobView.model_validate(body)

    def wait(self, video_id: str) -> Flow[Video]:
        """Return the video of a job that was submitted before, here or elsewhere."""
        with job_context(video_id):
            return video_of_view((yield from self._wait({"video_id": video_id, "state": ""})))

    def status(self, video_id: str) -> Flow[JobView]:
        """Return the job as it stands."""
        with job_context(video_id):
            return JobView.model_validate((yield from self._job("GET", video_id)))

    def cancel(self, video_id: str) -> Flow[JobView]:
        """Cancel the job and return it. One that has ended stays as it is; an accepted clip stays charged."""
        with job_context(video_id):
            return JobView.model_validate((yield from self._job("DELETE", video_id)))

    def download(self, video_id: str, path: Path) -> Flow[Path]:
        """Store the file of a finished job under this path. The file is complete, or it is not there."""
        with job_context(video_id):
            patience = Patience(self._away_at_most_s)
            while True:
                video = video_of_view((yield from self._wait({"video_id": video_id, "state": ""})))
                call = Call("GET", video.video_url, timeout_s=_OTHER_CALL_S, video_id=video_id, save_to=path)
                try:
                    answer = yield call
                    if answer.status == 200:
                        return path
                    raise _refusal(answer, video_id)
                except ReelbusError as error:
                    if not error.may_pass and error.status != 403:  # 403: the address has expired
                        raise
                    yield patience.pause(error)

    def plan(self, request: RequestFields) -> Flow[VideoPlan]:
        """Return clips, price and time of a request, and what would refuse it."""
        return (yield from self._ask(VideoPlan, "POST", "/api/videos/plan", to_json(to_fields(request))))

    def list(self, filters: Mapping[str, object]) -> Flow[Listing]:
        """Return a page of jobs, the newest first."""
        return (yield from self._ask(Listing, "GET", "/api/videos" + _query(filters)))

    def spend(self, since: str | None) -> Flow[SpendReport]:
        """Return what was spent since a day, or since the month began."""
        return (yield from self._ask(SpendReport, "GET", "/api/spend" + _query({"since": since, "format": "json"})))

    def quote_replay(self, video_id: str) -> Flow[Quote]:
        """Return what a replay of the job would pay for."""
        with job_context(video_id):
            return (yield from self._ask(Quote, "GET", f"/api/videos/{video_id}/replay"))

    def replay(self, video_id: str, pay: float | None, life: int | None) -> Flow[JobView]:
        """Queue a job that ended without a video again."""
        with job_context(video_id):
            body = to_json(to_fields({"pay": pay, "life": life}))
            return (yield from self._ask(JobView, "POST", f"/api/videos/{video_id}/replay", body))

    def order_batch(self, fields: Mapping[str, object]) -> Flow[BatchView]:
        """Return the batch once all of its jobs exist. It is sent again without a risk: that gets the same jobs."""
        body, patience, is_first = to_json(to_batch(fields)), Patience(self._away_at_most_s), True
        while True:
            try:
                answer = yield Call("POST", "/api/videos/batch", body, timeout_s=_LONGEST_ANSWER_S + MARGIN_S)
                if answer.status in (200, 202) and isinstance(found := answer.json(), dict):
                    return BatchView.model_validate(found)
                raise _refusal(answer, None)
            except ReelbusError as error:
                if not error.may_pass or (is_first and error.is_unsent):
                    raise
                yield patience.pause(error)
            is_first = False

    def plan_batch(self, fields: Mapping[str, object]) -> Flow[BatchPlan]:
        """Return the price of a batch and of each request."""
        return (yield from self._ask(BatchPlan, "POST", "/api/videos/batch/plan", to_json(to_batch(fields))))

    def batch(self, batch_id: str) -> Flow[BatchView]:
        """Return a batch as it stands."""
        check_id("batch_id", batch_id)
        return (yield from self._ask(BatchView, "GET", f"/api/videos/batch/{batch_id}"))

    def wait_for_batch(self, batch_id: str) -> Flow[BatchView]:
        """Return a batch when all of its jobs have ended."""
        patience = Patience(self._away_at_most_s)
        while True:
            try:
                view = yield from self.batch(batch_id)
            except ReelbusError as error:
                if not error.may_pass and error.status != 429:
                    raise
                yield patience.pause(error)
            else:
                if view.ended:
                    return view
                patience.reset()
                yield Pause(_LOOK_AT_BATCH_EVERY_S)

    def _send(self, order: Order, headers: Mapping[str, str]) -> Flow[dict[str, Any]]:
        """Send until an answer names the job. If an answer was lost, look for the job before sending again."""
        body, patience, is_first = order.body, Patience(self._away_at_most_s), True
        while True:
            order.video_id = order.job_id
            try:
                answer = yield from self._post(body, headers, order.job_id)
            except ReelbusError as error:
                failure = error
            else:
                order.video_id = answer["video_id"]
                return answer
            if is_first and (failure.is_unsent or failure.video_id is None):
                order.video_id = None  # no job was made of it
            if is_first and failure.is_unsent:
                failure.video_id = None
                raise failure
            if not failure.may_pass:
                raise failure
            if failure.video_id and (view := (yield from self._find(failure.video_id, patience))):
                order.video_id = view["video_id"]
                return view
            yield patience.pause(failure)
            is_first = False

    def _post(
        self, body: bytes, headers: Mapping[str, str], job_id: str, timeout_s: float = _LONGEST_ANSWER_S + MARGIN_S
    ) -> Flow[dict[str, Any]]:
        answer = yield Call("POST", _GENERATE, body, headers, timeout_s, job_id)
        found = answer.json()
        if answer.status < 300 and isinstance(found, dict) and "state" in found:
            return found
        raise _refusal(answer, job_id)

    def _find(self, video_id: str, patience: Patience) -> Flow[dict[str, Any] | None]:
        """Return the view of the job, as soon as the facade can read it; None if there is no such job."""
        while True:
            try:
                return (yield from self._job("GET", video_id))
            except ReelbusError as error:
                if error.code == "not_found":
                    return None
                if not error.may_pass and error.status != 429:
                    raise
                yield patience.pause(error)

    def _wait(self, view: dict[str, Any]) -> Flow[dict[str, Any]]:
        """Return the view of the job when it has ended."""
        patience, wait_s = Patience(self._away_at_most_s), _WAIT_S
        while view["state"] not in ENDS:
            try:
                view = yield from self._job("GET", view["video_id"], wait_s)
            except ReelbusError as error:
                if error.field == "wait" and wait_s:
                    wait_s //= 2  # this facade lets no caller wait so long
                elif error.may_pass or error.status == 429:
                    yield patience.pause(error)
                else:
                    raise
            else:
                patience.reset()
                if not wait_s and view["state"] not in ENDS:
                    yield Pause(_LOOK_EVERY_S)
        return view

    def _job(self, method: str, video_id: str, wait_s: int = 0) -> Flow[dict[str, Any]]:
        path = f"/api/videos/{video_id}" + (f"?wait={wait_s}" if wait_s else "")
        answer = yield Call(method, path, timeout_s=wait_s + MARGIN_S, video_id=video_id)
        found = answer.json()
        if answer.status == 200 and isinstance(found, dict) and "state" in found:
            return found
        raise _refusal(answer, video_id)

    def _ask(self, model: type[M], method: str, path: str, body: bytes | None = None) -> Flow[M]:
        """Send one call. It is never sent twice."""
        answer = yield Call(method, path, body, timeout_s=_OTHER_CALL_S + MARGIN_S)
        if answer.status == 200 and isinstance(found := answer.json(), dict):
            return model.model_validate(found)
        raise _refusal(answer, None)


def _refusal(answer: Answer, video_id: str | None) -> ReelbusError:
    return refusal_of(answer.status, answer.reason, answer.json(), answer.retry_after_s, video_id)


def _query(filters: Mapping[str, object]) -> str:
    given = {name: value for name, value in filters.items() if value is not None}
    return "?" + urlencode(given) if given else ""
