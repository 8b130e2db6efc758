"""What alerts and dashboards ask for must be what the code and Google's services emit: metrics, labels and values."""

import re
from collections.abc import Mapping, Set
from functools import cache
from pathlib import Path

from infra.gcp.pubsub.admin import dead_letter_subscription_of
from infra.telemetry.catalogue import METRICS
from schemas.domain.job import WAITS_FOR_TURN
from schemas.domain.states import JobState
from schemas.errors import Category
from schemas.ports import DEAD_REQUESTS
from schemas.services.subscriptions import SHARED, TOPICS
from tests.deploy.running import DEPLOY, ROOT

CALLERS_FAULT = (Category.INVALID_REQUEST, Category.SAFETY_FILTER, Category.BUDGET)
"""Failures of these kinds say nothing about the service."""
CLIP_STATES = frozenset({"accepted", "done", "refused", "unknown", "late"})
_OWN = re.compile(r'\{"([a-z_.]+)"(?:, )?([^}]*)\}')
_GOOGLE = re.compile(r"([a-z_]+:[a-z_]+)\{([^}]*)\}")
_MATCHER = re.compile(r'"?([\w.]+)"?(=~|!~|!=|=)"([^"]*)"')
_GROUPED = re.compile(r'\bby \(([^)]*"[^)]*)\)')
_FAILURE = re.compile(r'\bCategory\.(\w+),\s*(?:code=)?"(\w+)"')
_POOLS = frozenset({"reelbus-worker", "reelbus-evaluator"})
_SUBSCRIPTION = frozenset({"subscription_id"})
_REVISION = frozenset({"service_name", "response_code", "response_code_class"})
_GOOGLE_METRICS: Mapping[str, Mapping[str, Set[str]]] = {
    "pubsub_googleapis_com:subscription_oldest_unacked_message_age": {"pubsub_subscription": _SUBSCRIPTION},
    "pubsub_googleapis_com:subscription_num_undelivered_messages": {"pubsub_subscription": _SUBSCRIPTION},
    "pubsub_googleapis_com:subscription_open_streaming_pulls": {"pubsub_subscription": _SUBSCRIPTION},
    "pubsub_googleapis_com:subscription_dead_letter_message_count": {"pubsub_subscription": _SUBSCRIPTION},
    "pubsub_googleapis_com:subscription_ack_message_count": {"pubsub_subscription": _SUBSCRIPTION},
    "run_googleapis_com:request_count": {"cloud_run_revision": _REVISION},
    **{
        f"run_googleapis_com:container_{name}": {
            "cloud_run_revision": frozenset({"service_name"}),
            "cloud_run_worker_pool": frozenset({"worker_pool_name"}),
        }
        for name in (
            "instance_count",
            "cpu_utilizations_bucket",
            "memory_utilizations_bucket",
            "startup_latencies_count",
        )
    },
    "monitoring_googleapis_com:uptime_check_request_latency": {"uptime_url": frozenset({"check_id"})},
    "monitoring_googleapis_com:uptime_check_check_passed": {"uptime_url": frozenset({"check_id"})},
    "logging_googleapis_com:user_reelbus_money": {"cloud_run_worker_pool": frozenset({"action"})},
}
"""By monitored resource, the labels that a query may use: https://cloud.google.com/monitoring/api/metrics_gcp"""


def check_query(where: str, query: str) -> None:
    """Raise `AssertionError` for a metric, label or value that nothing emits. Own names are Google's, in quotes."""
    own = [(name, matchers) for name, matchers in _OWN.findall(query) if ":" not in name]
    for name, matchers in own:
        base = _base_of(where, name)
        for label, operator, value in _MATCHER.findall(matchers):
            assert label in METRICS[base].attributes, f"{where}: {base} has no label {label}"
            _check_value(where, label, operator, value, _values()[label])
    labels = {label for name, _ in own for label in METRICS[_base_of(where, name)].attributes}
    for grouped in _GROUPED.findall(query):
        unknown = set(re.findall(r'"([^"]+)"', grouped)) - labels
        assert not unknown, f"{where}: no metric of the query has the label {sorted(unknown)}"
    for name, matchers in _GOOGLE.findall(query):
        _check_google(where, name, {label: (operator, value) for label, operator, value in _MATCHER.findall(matchers)})


def _base_of(where: str, name: str) -> str:
    base, end = re.fullmatch(r"([a-z_.]+?)(_bucket|_count|_sum|)", name).groups()  # type: ignore[union-attr]
    assert base in METRICS, f"{where}: no metric is named {base}"
    is_histogram = METRICS[base].kind == "histogram"
    assert bool(end) == is_histogram, f"{where}: {name} is {'a' if is_histogram else 'no'} histogram"
    return str(base)


def _check_google(where: str, name: str, matchers: Mapping[str, tuple[str, str]]) -> None:
    assert name in _GOOGLE_METRICS, f"{where}: Google has no metric {name}"
    resource = matchers.get("monitored_resource", ("", ""))[1]
    assert resource in _GOOGLE_METRICS[name], f"{where}: {name} is not of the resource {resource!r}"
    for label, (operator, value) in matchers.items():
        if label != "monitored_resource":
            assert label in _GOOGLE_METRICS[name][resource], f"{where}: {name} has no label {label}"
            _check_value(where, label, operator, value, _values()[label])


def _check_value(where: str, label: str, operator: str, value: str, emitted: Set[str]) -> None:
    is_pattern = operator in ("=~", "!~")
    for part in value.split("|") if is_pattern else [value]:
        is_emitted = any(re.fullmatch(part, each) for each in emitted) if is_pattern else part in emitted | {""}
        assert is_emitted, f"{where}: {label} is never {part}"


@cache
def _values() -> Mapping[str, Set[str]]:
    """Return examples of what each label may be, by its name."""
    return {
        "reelbus.job.state": {str(state) for state in JobState},
        "reelbus.clip.state": CLIP_STATES,
        "reelbus.failure.code": {code for codes in codes_by_category().values() for code in codes},
        "reelbus.waiting_for": {*WAITS_FOR_TURN.values(), str(Category.QUOTA), str(Category.CAPACITY), "local_disk"},
        "reelbus.charged": {"yes", "unknown", "discarded"},
        "reelbus.budget": {"all day", "all month", "evaluations day"},
        "error.type": {""},
        "messaging.destination.name": frozenset(TOPICS),
        "subscription_id": {
            *(each.name for each in SHARED),
            dead_letter_subscription_of(DEAD_REQUESTS),
            "completions-billing",
        },
        "service_name": {"reelbus-facade"},
        "worker_pool_name": _POOLS,
        "check_id": {"reelbus-facade-abc"},
        "response_code": {"200", "500", "503", "504"},
        "action": frozenset(re.findall(r'\\"(\w+)\\"', _money_filter())),
    }


def _money_filter() -> str:
    found = re.search(r'filter\s+= "jsonPayload.action=(.*)"', (DEPLOY / "monitoring.tf").read_text())
    assert found
    return found[1]


@cache
def codes_by_category() -> Mapping[Category, Set[str]]:
    """Return the codes of failures that the source names, by their category."""
    found: dict[Category, set[str]] = {category: set() for category in Category}
    for folder in ("schemas", "subscriber", "infra"):
        for file in (ROOT / folder).rglob("*.py"):
            for category, code in _FAILURE.findall(file.read_text()):
                found[Category[category]].add(code)
    return found


def check_callers_fault(rules: Mapping[str, str]) -> None:
    """JobsFail leaves out each code that is the caller's doing, and no other."""
    left_out = {code for part in re.findall(r'failure_code!~"([^"]*)"', rules["JobsFail"]) for code in part.split("|")}
    wanted = {code for category in CALLERS_FAULT for code in codes_by_category()[category]}
    assert left_out == wanted, f"JobsFail: not left out {wanted - left_out}, left out {left_out - wanted}"


def check_emitted(folder: Path = ROOT / "infra/telemetry") -> None:
    """Each metric of the catalogue is counted somewhere, with each of its attributes."""
    source = "\n".join(file.read_text() for file in folder.glob("*.py") if file.name != "catalogue.py")
    names = {*METRICS, *(attribute for row in METRICS.values() for attribute in row.attributes)}
    never = sorted(name for name in names if f'"{name}"' not in source)
    assert not never, f"no code counts {never}"
