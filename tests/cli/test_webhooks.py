"""`webhooks list`, `replay`, `test` and `secret`."""

import asyncio
import json

from click.testing import Result

from publisher.context import PublisherContext
from schemas.domain.delivery import DeliveryState
from schemas.wire.webhook import show_secret
from subscriber.courier.endpoints import EndpointStates
from tests.cli.commands import Shell, complaint
from tests.contract.test_deliveries import a_delivery
from tests.facade.process import server_at

REMEDY = ", unless REELBUS_WEBHOOK_NETWORKS of the service allows its network"


async def _fail_two(desk: PublisherContext) -> None:
    assert desk.deliveries
    for job_id, url in (("j1", "https://a.example.com/?token=1"), ("j2", "https://b.example.com/")):
        await desk.deliveries.create(a_delivery(job_id, url=url, state=DeliveryState.FAILED, next_at=None))


def test_none(shell: Shell) -> None:
    assert shell("webhooks", "list").stdout == f"No deliveries in {shell.data_dir}.\n"
    result = shell("webhooks", "replay", "nothing")
    assert (result.exit_code, complaint(result)) == (3, "Error: there is no delivery nothing")


def test_list_and_replay(shell: Shell) -> None:
    shell.queued("one")
    shell.with_desk(_fail_two)
    listed = json.loads(shell("webhooks", "list", "--state", "failed", "--json").stdout)["deliveries"]
    assert sorted((each["video_id"], each["url"]) for each in listed) == [
        ("j1", "https://a.example.com/?…"),
        ("j2", "https://b.example.com/"),
    ]
    assert "failed" in shell("webhooks", "list").stdout
    assert json.loads(shell("webhooks", "list", "--film", "j1", "--json").stdout)["deliveries"] == []
    assert shell("webhooks", "replay", "j1-1-succeeded.request").stdout == "j1-1-succeeded.request is due now\n"
    assert shell("webhooks", "replay", "--failed", "--url", "https://c.").stdout.startswith("No deliveries in /")
    some = shell("webhooks", "replay", "--failed", "--to", "https://b.", "--since", "2026-01-01T00:00:00Z", "--json")
    assert json.loads(some.stdout) == {"replayed": ["j2-1-succeeded.request"]}
    assert shell("webhooks", "replay", "--failed").stdout == f"No deliveries in {shell.data_dir}.\n"


def test_wrong_use(shell: Shell) -> None:
    for given in ((), ("x", "--failed"), ("x", "--url", "https://a"), ("--failed", "--since", "today")):
        assert shell("webhooks", "replay", *given).exit_code == 2
    both = shell("webhooks", "list", "--job", "j1", "--film", "ad")
    assert (both.exit_code, "--film can't be given with --job" in complaint(both)) == (2, True)


def test_secret(shell: Shell) -> None:
    shell.queued("one")
    first = shell("webhooks", "secret").stdout
    assert first.startswith("whsec_")
    assert first == shell("webhooks", "secret").stdout != shell("webhooks", "secret", "--caller", "acme").stdout
    crm = shell("webhooks", "secret", "--endpoint", "crm").stdout
    assert crm.startswith("whsec_")
    assert crm != first
    assert shell("webhooks", "secret", "--endpoint", "No").exit_code == 2


def test_no_secret_is_shown_that_the_service_would_not_have(shell: Shell) -> None:
    refused = shell("webhooks", "secret")
    words = "start the service first, or set REELBUS_DATA_DIR to its folder"
    assert (refused.exit_code, complaint(refused)) == (4, f"Error: there is no data folder {shell.data_dir}; {words}")
    assert not shell.data_dir.exists()
    assert shell("webhooks", "test", "https://192.0.2.1/", REELBUS_WEBHOOK_NETWORKS="192.0.2.0/24").exit_code == 4
    shell.data_dir.mkdir()
    known = shell("webhooks", "secret").stdout
    assert known == shell("webhooks", "secret").stdout
    shell.queued("one")
    assert known == shell("webhooks", "secret").stdout, "the service has the secret that was shown before its start"


def test_a_master_of_the_settings_needs_no_folder(shell: Shell) -> None:
    master = {"REELBUS_WEBHOOK_SECRETS": show_secret(bytes(32))}
    known = shell("webhooks", "secret", **master)
    assert (known.exit_code, known.stdout[:6]) == (0, "whsec_")
    shell.queued("one")
    assert shell("webhooks", "secret", **master).stdout == known.stdout


def test_a_refused_address(shell: Shell) -> None:
    result = shell("webhooks", "test", "https://127.0.0.1/")
    assert (result.exit_code, complaint(result)) == (
        2,
        f"Error: Invalid request: url must lead to a public address{REMEDY}",
    )


async def test_by_url_the_service_itself_is_asked(shell: Shell) -> None:
    shell.data_dir.mkdir()
    away = Shell(shell.data_dir / "nothing")
    async with server_at(shell.data_dir) as server:

        async def run(*arguments: str) -> Result:
            return await asyncio.to_thread(away, "webhooks", *arguments, "--url", server.url)

        assert (await run("list")).stdout == "No deliveries.\n"
        await asyncio.to_thread(shell.with_desk, _fail_two)
        (one,) = json.loads((await run("list", "--limit", "1", "--state", "failed", "--json")).stdout)["deliveries"]
        assert one["webhook_id"] in (await run("list")).stdout
        known = await run("secret")
        assert known.stdout == (await asyncio.to_thread(shell, "webhooks", "secret")).stdout
        crm = await run("secret", "--endpoint", "crm")
        assert crm.stdout == (await asyncio.to_thread(shell, "webhooks", "secret", "--endpoint", "crm")).stdout
        refused = await run("test", "https://127.0.0.1/")
        assert (refused.exit_code, complaint(refused)) == (
            2,
            f"Error: Invalid request: url must lead to a public address{REMEDY}",
        )
        for command in (("list",), ("secret",), ("test", "https://a.example.com/")):
            assert "caller must be absent with --url" in complaint(await run(*command, "--caller", "acme"))


async def test_a_replay_at_a_facade(shell: Shell) -> None:
    shell.data_dir.mkdir()
    away = Shell(shell.data_dir / "nothing")
    async with server_at(shell.data_dir) as server:

        async def replay(*arguments: str) -> Result:
            given = ("webhooks", "replay", *arguments, "--facade", server.url)
            return await asyncio.to_thread(away, *given)

        assert (await replay("--failed")).stdout == "No deliveries.\n"
        await asyncio.to_thread(shell.with_desk, _fail_two)
        assert complaint(await replay("nothing")) == "Error: there is no delivery nothing"
        assert complaint(await replay("a b")) == "Error: there is no delivery a b"
        refused = await replay("--failed", "--to", "https://a.example.com/?token=1")
        assert (refused.exit_code, "must end before the query" in complaint(refused)) == (2, True)
        assert (await replay("--failed", "--url", "https://c.")).stdout == "No deliveries.\n"
        late = await replay("--failed", "--since", "2027-01-01T00:00:00Z")
        assert late.stdout == "No deliveries.\n"
        one = await replay("--failed", "--to", "https://a.", "--json")
        assert json.loads(one.stdout) == {"replayed": ["j1-1-succeeded.request"]}
        assert (await replay("j2-1-succeeded.request")).stdout == "j2-1-succeeded.request is due now\n"
        by_url = ("webhooks", "list", "--facade", server.url, "--json")
        states = json.loads((await asyncio.to_thread(away, *by_url)).stdout)["deliveries"]
        assert [each["state"] for each in states] == ["pending", "pending"]


async def _disable(desk: PublisherContext) -> None:
    assert desk.deliveries
    url = "https://a.example.com/?token=1"
    gone = a_delivery(url=url, endpoint="crm", delivery_id="j1-1-succeeded.crm", state=DeliveryState.DISABLED)
    await desk.deliveries.create(gone.model_copy(update={"next_at": None}))
    await EndpointStates(desk.deliveries, desk.clock).note(gone)


def test_a_disabled_endpoint_is_listed_and_enabled(shell: Shell) -> None:
    shell.queued("one")
    assert shell("webhooks", "disabled").stdout == f"No disabled endpoints in {shell.data_dir}.\n"
    shell.with_desk(_disable)
    line = shell("webhooks", "disabled").stdout
    assert line.startswith("crm: disabled since ")
    assert line.endswith("https://a.example.com/?… answered 410; enable it: reelbus webhooks enable crm\n")
    left_out = shell("webhooks", "replay", "--failed")
    assert left_out.stdout == f"No deliveries in {shell.data_dir}.\n"
    assert "left out: endpoint crm is disabled" in left_out.stderr
    doctor = json.loads(shell("doctor", "--json").stdout)["findings"]
    (finding,) = [each for each in doctor if each["kind"] == "webhook endpoint"]
    assert (finding["verdict"], finding["name"]) == ("note", "crm")
    assert finding["remedy"].startswith("reelbus webhooks enable crm")
    assert complaint(shell("webhooks", "enable", "alarm")) == "Error: there is no disabled endpoint alarm"
    assert shell("webhooks", "enable", "crm").stdout.startswith("crm gets events again")
    assert shell("webhooks", "replay", "--failed").stdout == "j1-1-succeeded.crm is due now\n"


async def test_a_disabled_endpoint_of_a_facade(shell: Shell) -> None:
    shell.data_dir.mkdir()
    away = Shell(shell.data_dir / "nothing")
    async with server_at(shell.data_dir) as server:

        async def run(*arguments: str) -> Result:
            return await asyncio.to_thread(away, "webhooks", *arguments, "--facade", server.url)

        await asyncio.to_thread(shell.with_desk, _disable)
        (known,) = json.loads((await run("disabled", "--json")).stdout)["endpoints"]
        assert known["name"] == "crm"
        left_out = await run("replay", "--failed")
        assert (left_out.stdout, "endpoint crm is disabled" in left_out.stderr) == ("No deliveries.\n", True)
        assert complaint(await run("enable", "a b")) == "Error: there is no disabled endpoint a b"
        assert json.loads((await run("enable", "crm", "--json")).stdout) == {"enabled": "crm"}
        assert (await run("replay", "--failed")).stdout == "j1-1-succeeded.crm is due now\n"
