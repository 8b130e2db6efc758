"""What is broken on purpose in a copy of infra/deploy, and what the check then says."""

import re
from dataclasses import dataclass

from tests.deploy import checks, monitoring, safety


@dataclass(frozen=True, slots=True)
class Breakage:
    """One edit of one file, and a part of what the check then says."""

    file: str
    old: str
    new: str
    says: str
    check: checks.Check | None = None

    def __str__(self) -> str:
        return re.sub(r"\W+", "-", f"{self.file} {self.new or 'without ' + self.old}").strip("-")[:60]


_SHELF = """"${local.topics.dead}-shelf"
  topic                      = google_pubsub_topic.all["dead"].id
  ack_deadline_seconds       = 60
  message_retention_duration = local.longest"""
_REPLICATION = """  replication {
    auto {}
  }
  depends_on = [google_project_service.needed]
}
"""
_WITH_VALUE = f"""{_REPLICATION}
resource "google_secret_manager_secret_version" "keys" {{
  secret      = google_secret_manager_secret.value["REELBUS_API_KEYS"].id
  secret_data = "[]"
}}
"""
_NEVER = 'ttl = "" # never; the default deletes it after 31 days without a worker'
_DEADLINE = "ack_deadline_seconds       = 60 # a push endpoint has so long to answer"
REFUSED = (
    Breakage("clients.tf", _DEADLINE, "ack_deadline = 60", "Unsupported argument"),
    Breakage("clients.tf", _DEADLINE, 'ack_deadline_seconds = "a minute"', "a number is required"),
    Breakage("firestore.tf", '"FIRESTORE_NATIVE"', '"FIRESTORE"', "is not one of"),
    Breakage("storage.tf", "  managed_folder = each.value.name\n", "", 'argument "managed_folder" is required'),
    Breakage("secrets.tf", "  replication {\n    auto {}\n  }\n", "", '"replication" blocks'),
    Breakage("run.tf", 'service_account.role["worker"].email', "service_account.other.email", "undeclared resource"),
    Breakage("registry.tf", '"google_artifact_registry_repository"', '"google_registry"', "does not support resource"),
    Breakage("iam.tf", "depends_on   = [", "depends_on   = [google_service_account_iam_member.signs, ", "Cycle"),
)


UNTESTED = (
    Breakage("run.tf", "cpu_idle          = false", "cpu_idle          = true", "facade_and_workers"),
    Breakage("variables.tf", 'can(regex("^[a-z0-9./_-]+(:', 'true || can(regex("^[a-z0-9./_-]+(:', "refused_1"),
    Breakage(
        "storage.tf",
        "force_destroy               = !var.protect",
        "force_destroy = true",
        "everything_is_protected_by_default",
    ),
    Breakage("run.tf", 'invoker_iam_disabled = var.access != "iam"', "invoker_iam_disabled = true", "iam"),
)

ROUNDS = (
    (
        Breakage("pubsub.tf", '= "video-requests-batch"', '= "video-requests-bulk"', "bulk", checks.check_topics),
        Breakage("run.tf", "REELBUS_DRAIN_S ", "REELBUS_DRAIN ", "reads REELBUS_DRAIN", checks.check_settings),
        Breakage(
            "storage.tf", '["generated-videos/", "', '["work/", "generated-videos/", "', "work/", checks.check_bucket
        ),
        Breakage("iam.tf", '"roles/aiplatform.user"', '"roles/aiplatform.admin"', "admin", checks.check_no_wide_role),
        Breakage(
            "firestore.tf",
            "  index_config {}\n",
            "  index_config {}\n  ttl_config {}\n",
            "TTL",
            checks.check_records_stay,
        ),
        Breakage("monitoring.tf", "lookup(local.words, word, word)", "word", "the query of", monitoring.check_alerts),
        Breakage(
            "run.tf",
            "  deletion_protection  = var.protect\n",
            "  deletion_protection  = false\n",
            "deletion_protection of google_cloud_run_v2_service.facade",
            safety.check_protected,
        ),
        Breakage(
            "monitoring.tf",
            ' OR "${local.evaluator_name}"',
            "",
            "errors of reelbus-evaluator are not alarmed",
            safety.check_log_filters,
        ),
        Breakage("firestore.indexes.json", '"parked_at"', '"parked_on"', "parked_at", checks.check_indexes),
    ),
    (
        Breakage(
            "pubsub.tf",
            _SHELF,
            _SHELF.replace("local.longest", '"604800s"'),
            "how long dead letters are kept",
            checks.check_subscriptions,
        ),
        Breakage(
            "run.tf",
            "REELBUS_RETENTION_DAYS        =",
            "REELBUS_RETENTION_DAY         =",
            "reads REELBUS_RETENTION_DAY",
            checks.check_settings,
        ),
        Breakage(
            "firestore.tf",
            'var.protect ? "DELETE_PROTECTION_ENABLED"',
            'var.protect ? "DELETE_PROTECTION_DISABLED"',
            "DELETE_PROTECTION_DISABLED",
            checks.check_records_stay,
        ),
        Breakage("storage.tf", '["generated-videos/", "', '["references/", "', "references/", checks.check_bucket),
        Breakage(
            "storage.tf",
            '"roles/storage.objectUser"',
            '"roles/storage.objectAdmin"',
            "storage.objectAdmin",
            checks.check_no_wide_role,
        ),
        Breakage(
            "monitoring.tf", r"OR \"submit_unknown\"", r"OR \"submit_lost\"", "never logged", safety.check_log_filters
        ),
        Breakage(
            "evaluator.tf", '"roles/datastore.user"', '"roles/datastore.owner"', "datastore.owner", checks.check_roles
        ),
        Breakage(
            "secrets.tf",
            'id = "reelbus-c2pa-key", readers = ["worker"]',
            'id = "reelbus-c2pa-key", readers = ["facade", "worker"]',
            "the secrets of the facade",
            checks.check_secrets,
        ),
        Breakage(
            "secrets.tf", _REPLICATION, _WITH_VALUE, "puts a secret into the state", safety.check_no_secret_in_state
        ),
        Breakage(
            "archive.tf",
            "deletion_protection = var.protect",
            "deletion_protection = false",
            "completions",
            safety.check_protected,
        ),
    ),
    (
        Breakage(
            "pubsub.tf", "max_delivery_attempts = 20", "max_delivery_attempts = 5", "5", checks.check_subscriptions
        ),
        Breakage(
            "pubsub.tf", "persistence_regions = [var.region]", 'persistence_regions = ["eu"]', "eu", checks.check_topics
        ),
        Breakage(
            "iam.tf",
            '"roles/aiplatform.user"',
            '"roles/iam.serviceAccountTokenCreator"',
            "the project",
            checks.check_no_wide_role,
        ),
        Breakage(
            "run.tf",
            'path = "/livez"\n          port',
            'path = "/alive"\n          port',
            "alive",
            checks.check_containers,
        ),
        Breakage(
            "firestore.tf",
            '"POINT_IN_TIME_RECOVERY_ENABLED"',
            '"POINT_IN_TIME_RECOVERY_DISABLED"',
            "DISABLED",
            checks.check_records_stay,
        ),
        Breakage(
            "firestore.tf",
            "for index in local.firestore.indexes :",
            "for index in slice(local.firestore.indexes, 1, 52) :",
            "created_at",
            checks.check_indexes,
        ),
        Breakage(
            "evaluator.tf",
            "google_service_account.evaluator[0].email",
            'google_service_account.role["worker"].email',
            "the account of the evaluator",
            checks.check_evaluator,
        ),
        Breakage("monitoring.tf", '"5m" = "300s"', '"5m" = "60s"', "300s", monitoring.check_alerts),
        Breakage(
            "pubsub.tf",
            'facade = ["requests", "batch", "completions", "film_requests"]',
            'facade = ["requests", "batch", "completions", "film_requests", "dead"]',
            "video-requests-dead",
            checks.check_roles,
        ),
    ),
    (
        Breakage(
            "pubsub.tf",
            'minimum_backoff = "0.100s" # three',
            'minimum_backoff = "10s" # three',
            "video-",
            checks.check_subscriptions,
        ),
        Breakage(
            "secrets.tf",
            "google_service_account.role[each.value.role].member",
            "local.worker",
            "the facade may not read",
            checks.check_secrets,
        ),
        Breakage("run.tf", '"8" # Cloud Run', '"soon" # Cloud Run', "REELBUS_DRAIN_S|drain_s", checks.check_settings),
        Breakage(
            "storage.tf",
            'matches_prefix = ["work/"]',
            'matches_prefix = ["generated-videos/"]',
            "generated-videos",
            checks.check_bucket,
        ),
        Breakage(
            "pubsub.tf",
            'role         = "roles/pubsub.viewer"',
            'role         = "roles/pubsub.editor"',
            "editor",
            checks.check_no_wide_role,
        ),
        Breakage("monitoring.tf", 'page = "CRITICAL"', 'page = "ERROR"', "ERROR", monitoring.check_alerts),
    ),
    (
        Breakage("pubsub.tf", _NEVER, 'ttl = "2678400s"', "never expire", checks.check_subscriptions),
        Breakage(
            "run.tf",
            "max_instance_request_concurrency = 1000 ",
            "max_instance_request_concurrency = 80 ",
            "80",
            checks.check_containers,
        ),
        Breakage(
            "secrets.tf",
            'REELBUS_WEBHOOK_SECRETS = { id = "reelbus-webhook-secrets", readers = ["facade", "worker"] }',
            'REELBUS_WEBHOOK_SECRETS = { id = "reelbus-webhook-secrets", readers = ["facade"] }',
            "the secrets of the worker",
            checks.check_secrets,
        ),
        Breakage("run.tf", "= tostring(var.workers)", '= "1"', "1", checks.check_settings),
        Breakage(
            "evaluator.tf",
            "REELBUS_EVALUATIONS_PER_DAY  =",
            "REELBUS_EVALUATION_PER_DAY =",
            "reads REELBUS_EVALUATION_PER_DAY",
            checks.check_evaluator,
        ),
        Breakage(
            "pubsub.tf",
            "for_each     = google_pubsub_subscription.queue\n",
            "for_each     = {}\n",
            "agent@pubsub",
            checks.check_roles,
        ),
    ),
    (
        Breakage(
            "pubsub.tf",
            'google_pubsub_topic.all["film_requests"].id',
            'google_pubsub_topic.all["film_completions"].id',
            "the topic of film-workers",
            checks.check_subscriptions,
        ),
        Breakage(
            "evaluator.tf",
            "tostring(local.health_port)",
            '"8082"',
            "evaluator: probes must ask REELBUS_HEALTH_PORT",
            checks.check_evaluator,
        ),
        Breakage(
            "run.tf", "cpu_idle          = false", "cpu_idle          = true", "cpu_idle", checks.check_containers
        ),
    ),
)
ORDER = (
    Breakage(
        "project.tf",
        '  service    = "${each.key}.googleapis.com"\n  depends_on = [google_project_service.needed]\n',
        '  service    = "${each.key}.googleapis.com"\n',
        "google_project_service_identity.agent",
    ),
    Breakage("clients.tf", "  depends_on   = [google_project_service.needed]\n", "", "google_service_account.push"),
    Breakage(
        "evaluator.tf",
        "    google_project_iam_member.evaluator_records,\n",
        "",
        "worker_pool.evaluator starts before .*evaluator_records",
    ),
    Breakage(
        "run.tf",
        "    google_pubsub_subscription_iam_member.works,\n",
        "",
        "worker_pool.worker starts before .*works",
    ),
)
