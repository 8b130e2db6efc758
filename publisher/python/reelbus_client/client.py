"""The client for programs without an event loop."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, Self, TypeVar

import httpx
from httpx_sse import EventSource

from reelbus_client.events import AGAIN_S, LAST, STREAM_ERRORS, EventCursor, job_cursor
from reelbus_client.film_calls import FilmCalls
from reelbus_client.films import FilmFlows
from reelbus_client.flows import Flows, job_context
from reelbus_client.models import BatchPlan, BatchView, JobView, Listing, Quote, SpendReport, VideoPlan
from reelbus_client.requests import RequestFields
from reelbus_client.steps import Answer, Call, Flow, Pause, Step, limit
from reelbus_client.transport import AWAY_AT_MOST_S, LIMITS, SILENCE, address_of, answer_of, error_of, timeout_of
from reelbus_client.video import FilmNews, News, Video

T = TypeVar("T")
N = TypeVar("N", News, FilmNews)


class Reelbus(FilmCalls):
    """A client of one facade. Threads may share it.

    Without `url`, `REELBUS_URL` is read; without `api_key`, `REELBUS_API_KEY`. `away_at_most_s` is how long the facade
    may not answer before a wait ends. `http` is a client with settings of your own, which you close.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        api_key: str | None = None,
        away_at_most_s: float = AWAY_AT_MOST_S,
        http: httpx.Client | None = None,
    ) -> None:
        self._address = address_of(url, api_key)
        self._away_at_most_s = away_at_most_s
        self._flows = Flows(self._address.place, away_at_most_s)
        self._films = FilmFlows(away_at_most_s)
        self._owns_http = http is None
        self._http = http or httpx.Client(limits=LIMITS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections. Jobs go on."""
        if self._owns_http:
            self._http.close()

    def generate(self, request: RequestFields, *, key: str | None = None, timeout_s: float | None = None) -> Video:
        """Return the video, however long it takes.

        The same call again after an error without an answer is the same job; `key` makes it so for ever. Raises
        `ReelbusError`, and `WaitTimeout` after `timeout_s`; the job goes on then.
        """
        return self._run(self._flows.generate(request, key), timeout_s)

    def submit(self, request: RequestFields, *, key: str | None = None, timeout_s: float | None = None) -> JobView:
        """Return the job once it is accepted. Raises `ReelbusError`."""
        return self._run(self._flows.submit(request, key), timeout_s)

    def wait(self, video_id: str, *, timeout_s: float | None = None) -> Video:
        """Return the video of a job that was submitted before, here or elsewhere. Raises `ReelbusError`."""
        return self._run(self._flows.wait(video_id), timeout_s)

    def status(self, video_id: str) -> JobView:
        """Return the job as it stands. Raises `ReelbusError`."""
        return self._run(self._flows.status(video_id))

    def cancel(self, video_id: str) -> JobView:
        """Cancel the job and return it. A clip that the model has accepted stays charged."""
        return self._run(self._flows.cancel(video_id))

    def download(self, video_id: str, path: str | Path) -> Path:
        """Wait for the video and store its file. The file is complete, or it is not there."""
        return self._run(self._flows.download(video_id, Path(path)))

    def plan(self, request: RequestFields) -> VideoPlan:
        """Return clips, price and time of a request, and what would refuse it. Nothing is made or written."""
        return self._run(self._flows.plan(request))

    def list(self, **filters: object) -> Listing:
        """Return a page of jobs, the newest first: `q`, `state`, `project_id`, `model`, `label`, `limit`, `cursor`."""
        return self._run(self._flows.list(filters))

    def order_batch(
        self,
        requests: Sequence[RequestFields],
        *,
        batch_id: str | None = None,
        max_cost_usd: float | None = None,
        priority: Literal["interactive", "batch"] | None = None,
    ) -> BatchView:
        """Return the batch once all of its jobs exist: all of them, or none. The same batch again is the same jobs."""
        fields = {"batch_id": batch_id, "max_cost_usd": max_cost_usd, "priority": priority, "requests": requests}
        return self._run(self._flows.order_batch(fields))

    def plan_batch(self, requests: Sequence[RequestFields], *, max_cost_usd: float | None = None) -> BatchPlan:
        """Return the price of the whole and of each request. Nothing is made or written."""
        fields = {"max_cost_usd": max_cost_usd, "requests": requests}
        return self._run(self._flows.plan_batch(fields))

    def batch(self, batch_id: str) -> BatchView:
        """Return a batch as it stands."""
        return self._run(self._flows.batch(batch_id))

    def wait_for_batch(self, batch_id: str, *, timeout_s: float | None = None) -> BatchView:
        """Return a batch when all of its jobs have ended. Raises `WaitTimeout` after `timeout_s`."""
        return self._run(self._flows.wait_for_batch(batch_id), timeout_s)

    def spend(self, *, since: str | None = None) -> SpendReport:
        """Return what was spent since a day such as `2026-01-31`, or since the month began."""
        return self._run(self._flows.spend(since))

    def quote_replay(self, video_id: str) -> Quote:
        """Return what a replay of the job would pay for."""
        return self._run(self._flows.quote_replay(video_id))

    def replay(self, video_id: str, *, pay: float | None = None, life: int | None = None) -> JobView:
        """Queue a job that ended without a video again. If that pays, `pay` and `life` are those of the quote."""
        return self._run(self._flows.replay(video_id, pay, life))

    def follow(self, video_id: str) -> Iterator[News]:
        """Yield each state and progress of the job; the last one is its end, with the whole `view`."""
        with job_context(video_id):
            yield from self._follow(job_cursor(video_id, self._away_at_most_s))

    def _follow(self, cursor: EventCursor[N]) -> Iterator[N]:
        while True:
            try:
                for news in self._read_stream(cursor):
                    yield news
                    if news.event == LAST:
                        return
                time.sleep(AGAIN_S)  # the facade is stopping, or a proxy closed the stream
            except STREAM_ERRORS as error:
                time.sleep(cursor.pause_after(error).seconds)

    def _read_stream(self, cursor: EventCursor[N]) -> Iterator[N]:
        call = Call("GET", cursor.path, headers=cursor.headers)
        headers = self._address.headers_of(call)
        with self._http.stream("GET", self._address.url_of(call.path), headers=headers, timeout=SILENCE) as response:
            if response.status_code != 200:
                response.read()
                raise cursor.refuse(response)
            cursor.begin()
            for event in EventSource(response).iter_sse():
                if news := cursor.read(event):
                    yield news

    def _run(self, flow: Flow[T], timeout_s: float | None = None) -> T:
        flow = limit(flow, timeout_s)
        try:
            step = next(flow)
            while True:
                try:
                    answer = self._perform(step)
                except BaseException as error:  # noqa: BLE001 - the flow notes its job in it, and raises it again
                    step = flow.throw(error)
                else:
                    step = flow.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result

    def _perform(self, step: Step) -> Answer:
        if isinstance(step, Pause):
            time.sleep(step.seconds)
            return Answer()
        url, headers = self._address.url_of(step.path), self._address.headers_of(step)
        request = self._http.build_request(
            step.method, url, content=step.body, headers=headers, timeout=timeout_of(step)
        )
        try:
            response = self._http.send(request, stream=True)
            try:
                if step.save_to and response.status_code == 200:
                    _save(response, step.save_to)
                    return Answer(200)
                response.read()
                return answer_of(response)
            finally:
                response.close()
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise error_of(error, step.video_id) from error


def _save(response: httpx.Response, path: Path) -> None:
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            for chunk in response.iter_bytes():
                file.write(chunk)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
