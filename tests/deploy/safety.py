"""What keeps money, data and secrets safe beside the roles: protection, secrets out of the state, order, the image."""

import re
from collections import Counter
from pathlib import Path

from tests.deploy.checks import EVALUATOR, FACADE, WORKERS, agree, container_of
from tests.deploy.running import ROOT, Deployment, State

_ACTIONS = re.compile(r"jsonPayload\.action=\(([^)]*)\)")
_ARROW = re.compile(r'"([^"]+)" -> "([^"]+)"')
_SERVICES = "google_project_service.needed"
DEPLOYER = frozenset(
    {
        ("google_service_account_iam_member", "roles/iam.workloadIdentityUser"),
        ("google_service_account_iam_member", "roles/iam.serviceAccountUser"),
        ("google_artifact_registry_repository_iam_member", "roles/artifactregistry.writer"),
        ("google_cloud_run_v2_service_iam_member", "roles/run.developer"),
        ("google_cloud_run_v2_worker_pool_iam_member", "roles/run.developer"),
    }
)
"""What examples/github-actions may grant, and on which kind of thing."""
STARTS = (FACADE, WORKERS, EVALUATOR)


def check_protected(state: State) -> None:
    """What holds data or serves callers takes two applies to destroy."""
    kinds = (FACADE, WORKERS, EVALUATOR, "google_bigquery_table.completions")
    for kind in kinds:
        agree(f"deletion_protection of {kind}", state.one(kind)["deletion_protection"], True)
    agree("force_destroy of the bucket", state.one("google_storage_bucket")["force_destroy"], False)
    agree("deletion_policy of the database", state.one("google_firestore_database")["deletion_policy"], "ABANDON")
    dataset = state.one("google_bigquery_dataset")
    agree("delete_contents_on_destroy", dataset["delete_contents_on_destroy"], False)
    for service in state.of("google_project_service"):
        agree(f"disable_on_destroy of {service['service']}", service["disable_on_destroy"], False)
    registry = state.one("google_artifact_registry_repository")
    agree("immutable_tags", registry["docker_config"][0]["immutable_tags"], True)
    agree("secrets in plain variables", _plain_secrets(state), [])


def _plain_secrets(state: State) -> list[str]:
    """Return the variables that hold a secret as text, where each reader of the service's settings sees it."""
    words = re.compile(r"(SECRET|KEY|TOKEN|PASSWORD|CERTIFICATE)S?$")
    variables = [it for kind in STARTS for it in container_of(state, kind)["env"]]
    return [it["name"] for it in variables if words.search(it["name"]) and not it["value_source"]]


def check_no_secret_in_state(state: State) -> None:
    """No value of a secret, and no key of an account, is in the state, which more people read than the secret."""
    for kind in ("google_secret_manager_secret_version", "google_service_account_key", "google_storage_hmac_key"):
        assert not state.of(kind), f"{kind} puts a secret into the state"


def check_log_filters(state: State) -> None:
    """Filters of logs name actions that the code logs, and every process that Cloud Run runs."""
    listed = (ROOT / "docs/operations.md").read_text()  # test_references.py holds it against the source
    metric, broken = state.one("google_logging_metric")["filter"], ""
    for policy in state.of("google_monitoring_alert_policy"):
        for matched in policy["conditions"][0]["condition_matched_log"]:
            broken += matched["filter"]
    for text in (metric, broken):
        actions = re.findall(r'"(\w+)"', " ".join(_ACTIONS.findall(text)))
        assert actions, f"no action in {text}"
        assert not [action for action in actions if f"`{action}`" not in listed], f"an action of {text} is never logged"
    for kind in STARTS:
        assert f'"{state.one(kind)["name"]}"' in broken, f"errors of {state.one(kind)['name']} are not alarmed"


def check_order(deployment: Deployment, state: State) -> None:
    """Google's services are switched on before all else, and a process starts after its roles and the indexes."""
    after: dict[str, set[str]] = {}
    for later, earlier in _ARROW.findall(deployment.terraform("graph")):
        after.setdefault(later, set()).add(earlier)
    made = {_base(address) for address in state.resources if address.startswith("google_")} - {_SERVICES}
    early = sorted(name for name in made if _SERVICES not in _reach(after, name))
    assert not early, f"made before Google's services are switched on: {early}"
    for start in STARTS:
        account = state.one(start)["template"][0]["service_account"]
        needed = {"google_firestore_index.query"} | {
            _base(address)
            for address, it in state.resources.items()
            if "_iam_member." in address and it["member"] == f"serviceAccount:{account}"
        }
        late = sorted(needed - _reach(after, start))
        assert not late, f"{start} starts before {late}"


def check_user(file: Path) -> None:
    """The image runs as a numbered user who is not root, starts without a shell, and ends by SIGTERM."""
    final = re.split(r"^FROM .*$", file.read_text(), flags=re.MULTILINE)[-1]
    user = re.findall(r"^USER (\S+)$", final, re.MULTILINE)
    assert user, "the image runs as root"
    assert re.fullmatch(r"[1-9]\d*(:\d+)?", user[-1]), f"USER {user[-1]}: Kubernetes' runAsNonRoot needs a number"
    assert re.search(r'^ENTRYPOINT \["reelbus"\]$', final, re.MULTILINE), "a shell would take the SIGTERM"
    assert re.search(r"^STOPSIGNAL SIGTERM$", final, re.MULTILINE), "the image is stopped by another signal"


def check_deployer(file: Path) -> None:
    """GitHub's runs of one branch of one repository push and deploy, and have no role on the project."""
    text = file.read_text()
    granted = re.findall(
        r'^resource "(google_\w+_iam_\w+)" "\w+" \{.*?^  role += "([^"]+)"', text, re.MULTILINE | re.DOTALL
    )
    agree("the roles of the deployer", {*granted}, DEPLOYER)
    [condition] = re.findall(r'^  attribute_condition = "(.*)"$', text, re.MULTILINE) or [""]
    for claim in ("assertion.repository_id == '${var.repository_id}'", "assertion.ref == 'refs/heads/${var.branch}'"):
        assert claim in condition.split(" && "), f"attribute_condition must ask for {claim}"


def check_refusals(folder: Path) -> None:
    """As many values of a variable are tried as it has validations: each run of the tests tries one of each."""
    variables = re.findall(
        r'^variable "(\w+)" \{$(.*?)^\}$', (folder / "variables.tf").read_text(), re.MULTILINE | re.DOTALL
    )
    has = {name: text.count("  validation {") for name, text in variables if "  validation {" in text}
    tried = Counter(re.findall(r"^    var\.(\w+),$", (folder / "tests/refused.tftest.hcl").read_text(), re.MULTILINE))
    untried = {name: count for name, count in has.items() if tried[name] < count}
    assert not untried, f"not every validation is tried: {untried}"


def _base(address: str) -> str:
    return address.partition("[")[0]


def _reach(after: dict[str, set[str]], name: str) -> set[str]:
    found, ahead = set[str](), [name]
    while ahead:
        for earlier in after.get(ahead.pop(), ()):
            if earlier not in found:
                found.add(earlier)
                ahead.append(earlier)
    return found
