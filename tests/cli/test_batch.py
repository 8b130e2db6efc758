"""`reelbus batch`: a price first, all or none, and the same command again continues."""

import json
import signal
from pathlib import Path

import pytest

from publisher.batches.order import find_batch
from publisher.context import PublisherContext
from schemas.domain.job import Job
from schemas.ports import JobQuery
from tests.cli.commands import Shell, complaint
from tests.cli.processes import Processes

PATIENCE_S = 120
VERTEX = {"REELBUS_PROVIDER": "vertex://project/us-central1", "REELBUS_VIDEOS": ""}


def write(file: Path, count: int = 3, **fields: object) -> Path:
    """A file with so many requests, an empty line among them."""
    lines = [
        json.dumps({"prompt": f"A red bicycle turns slowly, {number}", "duration_seconds": 1, **fields})
        for number in range(count)
    ]
    file.write_text("\n".join(("", *lines)) + "\n")
    return file


def stored(shell: Shell) -> list[Job]:
    async def read(desk: PublisherContext) -> list[Job]:
        return list((await desk.jobs.list(JobQuery(limit=200))).jobs)

    return shell.with_desk(read)


def test_the_price_is_shown_and_nothing_ordered(shell: Shell, tmp_path: Path) -> None:
    shown = shell("batch", str(write(tmp_path / "asked.jsonl")), "--id", "night", "--dry-run")
    assert (shown.exit_code, shown.stdout) == (0, "batch night: 3 videos, 3 s, $0.00\n")
    folder = tmp_path / "made"
    one = shell("batch", str(write(tmp_path / "asked.jsonl", 1)), "--id", "one", "--dry-run", "-o", str(folder))
    assert (one.exit_code, one.stdout) == (0, "batch one: 1 video, 1 s, $0.00\n")
    assert not folder.exists()
    assert stored(shell) == []


def test_a_paid_batch_needs_an_agreement(shell: Shell, tmp_path: Path) -> None:
    file = str(write(tmp_path / "asked.jsonl", duration_seconds=4))
    refused = shell("batch", file, **VERTEX)
    assert refused.exit_code == 2
    price, sentence = refused.stderr.splitlines()[0], refused.stderr.splitlines()[-1]
    assert ": 3 videos, 12 s, $" in price
    assert "Nothing was ordered; add --max-cost " in sentence
    agreed = sentence.partition("--max-cost ")[2].partition(" ")[0]
    over = shell("batch", file, "--max-cost", "0.01", **VERTEX)
    assert (over.exit_code, "more than max_cost_usd ($0.01)" in over.stderr) == (2, True)
    assert float(agreed) > 0.01
    assert stored(shell) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "FILE must have at least one line"),
        ('\n{"prompt": "short"}', "line 2: prompt must have at least 10 characters"),
        ('{"prompt": "A red bicycle turns", "job_id": "x"}', "line 1: job_id must be absent"),
        ('{"prompt": "A red bicycle turns"}\n\n{"prompt": "A red bicycle turns"}', "line 3: must differ from line 1"),
        ('{"prompt": "A red bicycle turns"}\n{', "line 2 must be JSON"),
        ('{"prompt": "A red bicycle turns", "resolution": "4k"}', "line 1: resolution "),
        ("\n".join(json.dumps({"prompt": f"A red bicycle turns, {n}"}) for n in range(101)), "at most 100 entries"),
    ],
)
def test_a_line_that_is_wrong_is_named(shell: Shell, tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "asked.jsonl").write_text(text)
    refused = shell("batch", str(tmp_path / "asked.jsonl"))
    assert refused.exit_code == 2
    assert words in complaint(refused)
    assert stored(shell) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nothing.jsonl",), "FILE can't be read: nothing.jsonl: No such file or directory"),
        (("-", "--id", "a b"), "batch_id must have 1 to 43 letters"),
        (("-", "--priority", "soon"), "priority must be"),
        (("-", "--max-cost", "much"), "max_cost_usd must be an amount in US dollars"),
        (("-", "-o", "/dev/null/made"), "output /dev/null/made must be a folder, or a path where one can be made: "),
    ],
)
def test_an_option_that_is_wrong_is_named(shell: Shell, arguments: tuple[str, ...], words: str) -> None:
    refused = shell("batch", *arguments, stdin='{"prompt": "A red bicycle turns"}\n')
    assert refused.exit_code == 2
    assert words in complaint(refused)


@pytest.mark.processes
@pytest.mark.timeout(400)
def test_in_place_with_a_kill_in_the_middle(processes: Processes) -> None:
    file = str(write(processes.folder / "asked.jsonl"))
    killed = processes.start("batch", file, "--id", "night")
    killed.complaint("(3 queued)")
    killed.signal(signal.SIGKILL)
    killed.end(PATIENCE_S)  # its worker ends too
    code, out, err = processes.start("batch", file, "--id", "night", "-o", "made").end(PATIENCE_S)
    assert code == 0, err
    names = [f"night-{number:03}" for number in (1, 2, 3)]
    assert [line.split()[:3] for line in out.splitlines()] == [[name, "succeeded", "$0.00"] for name in names]
    assert err.splitlines()[0] == "batch night, ordered before"
    assert sorted(path.name for path in (processes.folder / "made").iterdir()) == [f"{name}.mp4" for name in names]
    assert len(stored(Shell(processes.folder / "data"))) == 3


@pytest.mark.processes
@pytest.mark.timeout(400)
def test_at_a_facade_with_an_interrupt_in_the_middle(processes: Processes) -> None:
    file = str(write(processes.folder / "asked.jsonl", count=2))
    _, url = processes.serve()
    waiting = processes.run("batch", file, "--url", url, "--timeout", "0.1", "--priority", "batch")
    assert waiting[0] == 5, waiting
    assert "Not ended after 0.1 s (2 queued); the same command continues" in waiting[2]
    running = processes.start("batch", file, "--url", url, "--priority", "batch")
    running.complaint("(2 queued)")
    running.signal(signal.SIGINT)
    code, out, err = running.end(PATIENCE_S)
    assert (code, out) == (130, "")
    assert "The batch is not cancelled; the same command continues" in err
    processes.start("worker")
    code, out, err = processes.start("batch", file, "--url", url, "--priority", "batch", "--json").end(PATIENCE_S)
    assert code == 0, err
    view = json.loads(out)
    assert (view["ended"], view["states"]["succeeded"]) == (True, 2)
    jobs = Shell(processes.folder / "data").with_desk(lambda desk: find_batch(desk, view["batch_id"], None))
    assert jobs is not None
    assert len(jobs) == 2
    other = processes.run("batch", str(write(processes.folder / "more.jsonl")), "--id", view["batch_id"], "--url", url)
    assert (other[0], "already used by a different batch" in other[2]) == (2, True)
