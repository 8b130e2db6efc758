"""`reelbus generate`: the whole pipeline, here or behind a facade."""

import json
import signal
from pathlib import Path

import pytest

from publisher.context import PublisherContext
from schemas.domain.projections import JobView
from schemas.domain.states import JobState
from schemas.ports import BATCH_WORKERS
from tests.cli.commands import PROMPT, Shell
from tests.cli.processes import Processes, watched

SHORT = ("generate", PROMPT, "--duration", "1")


def _is_mp4(file: Path) -> bool:
    return file.read_bytes()[4:8] == b"ftyp"


@pytest.mark.quick
def test_in_place(processes: Processes) -> None:
    code, out, err = processes.run(*SHORT, "--output", "bicycle.mp4")
    assert code == 0, err
    first, facts = out.splitlines()
    assert first == str(processes.folder / "bicycle.mp4")
    assert _is_mp4(Path(first))
    assert facts.startswith("1 s · 1280x720 · animatic · $0.00")
    assert {"queued", "generating", "succeeded"} <= {line.partition(",")[0] for line in err.splitlines()}


def test_in_place_for_scripts_and_the_same_id_again(processes: Processes) -> None:
    command = (*SHORT, "--id", "one", "--json", "--label", "kind=test", "--priority", "batch")
    code, out, err = processes.run(*command)
    assert code == 0, err
    answer = json.loads(out)
    file = Path(answer.pop("file"))
    view = JobView.model_validate(answer)
    assert (view.video_id, view.state, view.labels) == ("one", JobState.SUCCEEDED, {"kind": "test"})
    assert file.name == Path(view.gcs_path or "").name
    status = dict(line.split(maxsplit=1) for line in processes.run("status", "one")[1].splitlines())
    assert Path(status["file"]).read_bytes() == file.read_bytes()
    assert json.loads(processes.run(*command)[1]) == json.loads(out)
    code, _, err = processes.run("generate", "Quite another prompt", "--id", "one")
    assert code == 2
    assert "is already used by a different request" in err


def test_a_batch_request_waits_in_its_lane(processes: Processes) -> None:
    _, url = processes.serve()
    assert processes.run(*SHORT, "--priority", "batch", "--id", "one", "--url", url, "--timeout", "1")[0] == 5

    async def waiting(desk: PublisherContext) -> list[str]:
        return [each["job_id"] for each in await desk.bus.list_waiting(BATCH_WORKERS)]

    assert Shell(processes.folder / "data").with_desk(waiting) == ["one"]


def test_through_a_facade(processes: Processes, tmp_path: Path) -> None:
    _, url = processes.up()
    scene = tmp_path / "scene.json"
    scene.write_text(json.dumps({"title": "Opening Scene", "visual": "A modern office", "timeEnd": "1s"}))
    code, out, err = processes.run("generate", "--scene", str(scene), "--url", url, "--json", "-o", str(tmp_path))
    assert code == 0, err
    answer = json.loads(out)
    assert answer["duration_seconds"] == 1
    assert _is_mp4(Path(answer["file"]))
    status = processes.run("status", answer["video_id"], "--url", url, "--json")[1]
    assert JobView.model_validate_json(status).state is JobState.SUCCEEDED
    code, out, _ = processes.run(*SHORT, "--url", url)
    assert code == 0
    assert out.startswith(url.rpartition(":")[0].replace("127.0.0.1", "localhost"))


def test_a_facade_that_dies_and_comes_back(processes: Processes) -> None:
    facade, url = processes.serve()
    generate = processes.start(*SHORT, "--url", url, "--json")
    generate.complaint("(queued)")
    facade.signal(signal.SIGKILL)
    facade.end()
    processes.serve(int(url.rpartition(":")[2]))
    processes.start("worker")
    code, out, err = generate.end()
    assert code == 0, err
    assert json.loads(out)["state"] == "succeeded"


def test_a_facade_that_drains(processes: Processes) -> None:
    facade, url = processes.serve()
    generate = processes.start(*SHORT, "--url", url)
    generate.complaint("(queued)")
    facade.signal(signal.SIGTERM)
    assert facade.end()[0] == 0
    processes.serve(int(url.rpartition(":")[2]))
    generate.signal(signal.SIGINT)
    assert generate.end()[0] == 130


def test_the_wait_is_over(processes: Processes) -> None:
    _, url = processes.serve()
    code, out, err = processes.run(*SHORT, "--url", url, "--timeout", "0.3", "--id", "one", "--json")
    assert code == 5
    assert json.loads(out)["state"] == "queued"
    assert f"it continues; see reelbus status one --url {url}" in err


def test_the_job_fails(processes: Processes, shell: Shell) -> None:
    """A cancelled one, by its id."""
    shell.queued("one")
    shell("cancel", "one")
    code, out, err = processes.run("generate", PROMPT, "--id", "one", "--json")
    assert code == 1
    assert json.loads(out)["state"] == "cancelled"
    assert "Error: The job was cancelled" in err


def test_interrupted(processes: Processes) -> None:
    generate = processes.start("generate", PROMPT, "--duration", "30", "--id", "one", REELBUS_DRAIN_S="0")
    generate.complaint("(generating)")
    generate.signal(signal.SIGINT)
    code, out, err = generate.end()
    assert (code, out) == (130, "")
    assert "reelbus status one" in err
    code, out, _ = processes.run("status", "one", "--json")
    assert JobView.model_validate_json(out).cancel_requested is False
    assert not JobView.model_validate_json(out).state.ended


def test_killed_it_leaves_no_worker(processes: Processes) -> None:
    generate = processes.start("generate", PROMPT, "--duration", "30", REELBUS_DRAIN_S="0")
    generate.complaint("(generating)")
    with watched(generate.child("-m subscriber")) as gone:
        generate.signal(signal.SIGKILL)
        assert generate.end()[0] == -signal.SIGKILL
        assert gone(25)


def test_a_worker_that_dies(processes: Processes) -> None:
    code, out, err = processes.run(*SHORT, REELBUS_PROVIDER="nonsense:")
    assert (code, out) == (4, "")
    assert "the worker ended by itself with status 2; its last log line: " in err
