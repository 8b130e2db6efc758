"""`replay`, `resolve`, `dead`, `spend` and `plan` with `--url`: the same words and codes as on the stores.

The facade is a process of its own on the data folder of the test's shell.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import Result

from publisher.settings import new_key
from tests.cli.commands import PROMPT, Shell, complaint
from tests.cli.test_dead import bury
from tests.cli.test_hostile import ERROR_AT_MOST, TEXTS
from tests.cli.test_replay import NO_FILM, failed
from tests.cli.test_resolve import doubtful
from tests.facade.process import server_at

Run = Callable[..., Awaitable[Result]]


@pytest.fixture
async def run(shell: Shell) -> AsyncIterator[Run]:
    """Runs a command against a facade on the data folder of `shell`."""
    shell.data_dir.mkdir()
    async with server_at(shell.data_dir) as server:

        async def run(*arguments: str) -> Result:
            at = arguments.index("--") if "--" in arguments else len(arguments)
            return await asyncio.to_thread(shell, *arguments[:at], "--url", server.url, *arguments[at:])

        yield run


async def _prepare(use: Callable[[], object]) -> None:
    await asyncio.to_thread(use)


async def test_a_paid_replay_needs_pay_and_is_made_once(shell: Shell, run: Run) -> None:
    await _prepare(lambda: failed(shell, NO_FILM))
    words = "It would pay $0.40: clip 0 (veo-x) $0.40, after $0.40 that was charged for it before."
    refused = await run("replay", "one")
    assert (refused.exit_code, complaint(refused)) == (2, f"Error: {words} Nothing was changed; add --pay to agree.")
    paid = await run("replay", "one", "--pay")
    assert (paid.exit_code, paid.stdout) == (0, "one is queued; clips that were paid and made are used\n")
    assert paid.stderr == f"{words.replace('would pay', 'pays')}\n"
    again = await run("replay", "one", "--pay", "--json")
    assert (json.loads(again.stdout)["life"], again.stderr) == (2, "")
    assert "it has not ended, and stays unchanged" in (await run("replay", "one")).stdout


async def test_a_dead_letter_is_listed_shown_replayed_and_dropped(shell: Shell, run: Run) -> None:
    assert (await run("dead", "list")).stdout == "No dead letters.\n"
    await _prepare(lambda: (shell.queued("one"), shell.with_desk(bury)))
    (letter,) = json.loads((await run("dead", "list", "--json")).stdout)["dead_letters"]
    assert (letter["job_id"], letter["cause"]) == ("one", "it broke every worker")
    assert letter["id"] in (await run("dead", "list")).stdout
    shown = json.loads((await run("dead", "show", letter["id"], "--json")).stdout)
    assert (shown["body"]["prompt"], shown["replay"]["price_usd"]) == (PROMPT, 0)
    assert (await run("dead", "replay", letter["id"])).stdout == f"{letter['id']} is published again\n"
    await _prepare(lambda: shell.with_desk(bury))
    (letter,) = json.loads((await run("dead", "list", "--json")).stdout)["dead_letters"]
    assert json.loads((await run("dead", "drop", letter["id"], "--json")).stdout) == {"dropped": letter["id"]}
    gone = await run("dead", "drop", letter["id"])
    assert (gone.exit_code, complaint(gone)) == (3, f"Error: there is no dead letter {letter['id']}")


async def test_a_doubtful_clip_is_shown_and_sent_again(shell: Shell, run: Run) -> None:
    await _prepare(lambda: doubtful(shell, "lose", "judge"))
    evidence = (await run("resolve", "one")).stdout
    assert evidence == (await asyncio.to_thread(shell, "resolve", "one")).stdout
    wrong = await run("resolve", "one", "--charged", "--clip", "3")
    assert (wrong.exit_code, complaint(wrong)) == (
        2,
        "Error: Invalid request: clip 3 of job one is not in doubt; 0 is",
    )
    done = await run("resolve", "one", "--resubmit", "--json")
    assert done.stderr == "It pays $0.40: clip 0 (veo-x) $0.40, which may have been charged already.\n"
    body = json.loads(done.stdout)
    assert (body["state"], body["life"], body["charged"], body["adopted"]) == ("queued", 2, "unknown", None)
    assert (await run("resolve", "one")).exit_code == 2


async def test_a_decision_without_a_payment(shell: Shell, run: Run) -> None:
    await _prepare(lambda: doubtful(shell, "lose"))
    done = await run("resolve", "one", "--charged")
    assert (done.stdout, done.stderr) == ("one is failed, charged: yes, $0.40\n", "")


async def test_spend(shell: Shell, run: Run) -> None:
    assert (await run("spend")).stdout.startswith("Nothing was spent")
    await _prepare(lambda: failed(shell, NO_FILM))
    found = await run("spend", "--by", "model", "--since", str((datetime.now(UTC) - timedelta(days=1)).date()))
    lines = [line.split() for line in found.stdout.splitlines()]
    assert lines[1:] == [["veo-x", "1", "$0.400", "$0.000", "$0.000"], ["total", "1", "$0.400", "$0.000", "$0.000"]]
    for options, words in (
        (("--by", "label:team"), "by must be model, project, caller or day with --url"),
        (("--since", "2001-01-01"), "since must be at most 92 days ago"),
    ):
        refused = await run("spend", *options)
        assert refused.exit_code == 2
        assert words in complaint(refused)


async def test_plan(shell: Shell, run: Run) -> None:
    planned = await run("plan", "--duration", "7")
    local = await asyncio.to_thread(shell, "plan", "--duration", "7")
    assert (planned.exit_code, planned.stdout) == (0, local.stdout)
    assert planned.stderr == ""
    assert json.loads((await run("plan", "--json")).stdout)["refusal"] is None
    refused = await run("plan", "--duration", "31")
    assert (refused.exit_code, "duration_seconds" in complaint(refused)) == (2, True)


HOSTILE = (*TEXTS, "a?wait=1", "a/b", ".", "..", "a#b", "%2e%2e", "a%00", "plan", "é")


@pytest.mark.parametrize("command", [("replay",), ("resolve",), ("dead", "show"), ("dead", "replay"), ("dead", "drop")])
async def test_an_id_that_nothing_can_have_leads_to_nothing(command: tuple[str, ...], shell: Shell, run: Run) -> None:
    await _prepare(lambda: shell.queued("a"))
    for value in HOSTILE:
        result = await run(*command, "--", value)
        assert isinstance(result.exception, SystemExit), (value[:60], result.exception)
        assert result.exit_code in (2, 3), (value[:60], result.output[:300])
        assert len(result.stderr) < ERROR_AT_MOST
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", result.stderr)


async def test_a_key_without_the_scope_is_told(shell: Shell) -> None:
    key, known = new_key("acme")
    shell.data_dir.mkdir()
    async with server_at(shell.data_dir, api_keys=f"[{known.model_dump_json()}]") as server:
        for command in (("dead", "list"), ("resolve", "one")):
            result = await asyncio.to_thread(shell, *command, "--url", server.url, REELBUS_API_KEY=key)
            assert result.exit_code == 2
            assert "it needs the scope operate" in complaint(result)
        assert (await asyncio.to_thread(shell, "spend", "--url", server.url, REELBUS_API_KEY=key)).exit_code == 0
