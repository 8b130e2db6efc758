"""`webhooks list`, `replay`, `test` and `secret`."""

import json

from publisher.context import PublisherContext
from schemas.domain.delivery import DeliveryState
from tests.cli.commands import Shell, complaint
from tests.contract.test_deliveries import a_delivery


async def _fail_two(desk: PublisherContext) -> None:
    assert desk.deliveries
    for job_id, url in (("j1", "https://a.example.com/?token=1"), ("j2", "https://b.example.com/")):
        await desk.deliveries.create(a_delivery(job_id, url=url, state=DeliveryState.FAILED, next_at=None))


def test_none(shell: Shell) -> None:
    assert shell("webhooks", "list").stdout == "No deliveries.\n"
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
    assert shell("webhooks", "replay", "j1-1-succeeded.request").stdout == "j1-1-succeeded.request is due now\n"
    some = shell("webhooks", "replay", "--failed", "--url", "https://b.", "--since", "2026-01-01T00:00:00Z", "--json")
    assert json.loads(some.stdout) == {"replayed": ["j2-1-succeeded.request"]}
    assert shell("webhooks", "replay", "--failed").stdout == "No deliveries.\n"


def test_wrong_use(shell: Shell) -> None:
    for given in ((), ("x", "--failed"), ("x", "--url", "https://a"), ("--failed", "--since", "today")):
        assert shell("webhooks", "replay", *given).exit_code == 2


def test_secret(shell: Shell) -> None:
    shell.queued("one")
    first = shell("webhooks", "secret").stdout
    assert first.startswith("whsec_")
    assert first == shell("webhooks", "secret").stdout != shell("webhooks", "secret", "--caller", "acme").stdout
    crm = shell("webhooks", "secret", "--endpoint", "crm").stdout
    assert crm.startswith("whsec_")
    assert crm != first
    assert shell("webhooks", "secret", "--endpoint", "No").exit_code == 2


def test_a_refused_address(shell: Shell) -> None:
    result = shell("webhooks", "test", "https://127.0.0.1/")
    assert (result.exit_code, complaint(result)) == (2, "Error: Invalid request: url must lead to a public address")
