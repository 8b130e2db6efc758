"""What alerts and dashboards must agree on with the runbook, with Google's forms and with each other."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from google.cloud.monitoring_dashboard_v1.types import Dashboard
from google.protobuf.json_format import ParseError
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client import CollectorRegistry

from infra.telemetry.catalogue import METRICS
from infra.telemetry.meters import Meters
from tests.deploy.checks import agree
from tests.deploy.queries import check_callers_fault, check_emitted, check_query
from tests.deploy.running import DEPLOY, ROOT, State

DOCUMENTATION_AT_MOST_BYTES = 10_240
"""https://cloud.google.com/monitoring/alerts/doc-alerts"""


def check_alerts(state: State) -> None:
    """Each rule is a policy that carries its page of the runbook and asks for metrics by Google's names."""
    rules = {rule["alert"]: rule for rule in rules_in(DEPLOY / "alerts.yaml")}
    policies = {it["display_name"].removeprefix("reelbus: "): it for it in state.of("google_monitoring_alert_policy")}
    agree("the alerts", {*policies}, {*rules, "Broken"})
    for name, policy in policies.items():
        [documentation] = policy["documentation"]
        page = (ROOT / f"docs/runbook/{name}.md").read_text()
        assert page in documentation["content"], name
        assert len(documentation["content"].encode()) <= DOCUMENTATION_AT_MOST_BYTES, name
        assert [it["url"].rpartition("/")[2] for it in documentation["links"]] == [f"{name}.md"], name
        assert len(documentation["subject"]) <= 255, name
        assert policy["notification_channels"], f"{name} tells no person"
    for name, rule in rules.items():
        [condition] = policies[name]["conditions"][0]["condition_prometheus_query_language"]
        agree(f"the query of {name}", condition["query"], translate(rule["expr"]))
        agree(f"the duration of {name}", condition["duration"], f"{int(rule['for'].removesuffix('m')) * 60}s")
        severity = {"page": "CRITICAL", "ticket": "WARNING"}[rule["labels"]["severity"]]
        agree(f"the severity of {name}", policies[name]["severity"], severity)


def check_rules(file: Path) -> None:
    """Each rule asks for metrics, labels and values that something emits."""
    rules = {rule["alert"]: rule["expr"] for rule in rules_in(file)}
    for name, expression in rules.items():
        check_query(name, translate(expression))
    check_callers_fault(rules)


def rules_in(file: Path) -> Iterator[dict[str, Any]]:
    """Yield every rule of a file of Prometheus rules."""
    for group in yaml.safe_load(file.read_text())["groups"]:
        yield from group["rules"]


NAMES = json.loads((ROOT / "infra/deploy/metrics.json").read_text())
"""The names of metrics and labels: Prometheus's, and OpenTelemetry's that Google keeps."""
_OWN = re.compile(r"\b(?:reelbus|http_server|messaging|gen_ai)_\w+")


def translate(query: str) -> str:
    """Translate a query into Google's names, in another way than Terraform does. Raises for an unknown name."""

    def metric(found: re.Match[str]) -> str:
        base, end = re.fullmatch(r"(\w+?)(_bucket|_count|_sum|)", found[1]).groups()  # type: ignore[union-attr]
        assert base in NAMES["metrics"], f"no metric is named {base}"
        return f'{{"{NAMES["metrics"][base]}{end}", '

    translated = re.sub(rf"({_OWN.pattern})\{{", metric, query)
    for plain, dotted in NAMES["labels"].items():
        translated = re.sub(rf'(?<![\w."]){plain}(?=[=!])', f'"{dotted}"', translated)
    rest = _OWN.findall(translated)
    assert not rest, f"no metric or label is named {rest}, or braces are missing in {query}"
    return translated


def check_dashboard(file: Path) -> None:
    """The file is a dashboard of Google's, and asks for metrics that exist."""
    try:
        dashboard = Dashboard.from_json(file.read_text(), ignore_unknown_fields=False)
    except ParseError as error:
        raise AssertionError(f"{file.name}: {error}") from error
    asked = re.findall(r'\\"([a-z_]+(?:\.[a-z_]+)+)\\"', file.read_text())
    known = {*NAMES["metrics"].values(), *NAMES["labels"].values()}
    assert asked, f"{file.name} shows no metric of ours"
    for name in asked:
        assert re.sub(r"_(bucket|count|sum)$", "", name) in known, f"{file.name}: no metric or label is named {name}"
    for query in re.findall(r'"prometheusQuery": ("(?:[^"\\]|\\.)*")', file.read_text()):
        check_query(file.name, json.loads(query))
    agree(f"{file.name}: tiles that cover each other", _overlaps(dashboard), [])


def _overlaps(dashboard: Dashboard) -> list[tuple[str, str]]:
    """Return the tiles that cover each other: the console refuses such a dashboard."""
    tiles = list(dashboard.mosaic_layout.tiles)
    return [
        (a.widget.title, b.widget.title)
        for number, a in enumerate(tiles)
        for b in tiles[:number]
        if a.x_pos < b.x_pos + b.width
        and b.x_pos < a.x_pos + a.width
        and a.y_pos < b.y_pos + b.height
        and b.y_pos < a.y_pos + a.height
    ]


def alerts_tested(folder: Path) -> tuple[set[str], set[str]]:
    """Return the alerts that a test sees fire, and those that a test sees silent."""
    files = [yaml.safe_load(file.read_text()) for file in folder.glob("*.test.yaml")]
    cases = [case for file in files for test in file["tests"] for case in test["alert_rule_test"]]
    fires = {it["alertname"] for it in cases if it["exp_alerts"]}
    return fires, {it["alertname"] for it in cases if not it["exp_alerts"]}


def check_names() -> None:
    """metrics.json has every metric by the names that OpenTelemetry's own exporter gives to Prometheus."""
    registry = CollectorRegistry()
    provider = MeterProvider([PrometheusMetricReader(disable_target_info=True, registry=registry)])
    meters = Meters(provider.get_meter("tests"))
    for name, row in METRICS.items():
        if row.kind == "observed":
            meters.observe(name, lambda: [(1, {})])
        else:
            meters.add(name, 1)
    made = {re.sub(r"_(bucket|count|sum)$", "", it.name) for family in registry.collect() for it in family.samples}
    provider.shutdown()
    agree("the metrics of metrics.json", {*NAMES["metrics"]}, {name for name in made if not name.endswith("_created")})
    agree("what they are called by Google", {*NAMES["metrics"].values()}, {*METRICS})
    check_emitted()
    attributes = {name for row in METRICS.values() for name in row.attributes}
    assert {*NAMES["labels"].values()} <= attributes, f"no metric has {set(NAMES['labels'].values()) - attributes}"
