# The evaluator (docs/checks.md, "Score against the prompt"), if `evaluator` asks for it: one instance in a worker pool of
# its own, and an account that may publish scores and no requests.

locals {
  evaluators = var.evaluator == null ? 0 : 1

  evaluator_name = "reelbus-evaluator"

  evaluator_environment = var.evaluator == null ? {} : merge(local.telemetry["evaluator"], {
    REELBUS_HOST                 = local.environment.REELBUS_HOST
    REELBUS_BUS                  = local.environment.REELBUS_BUS
    REELBUS_JOBS                 = local.environment.REELBUS_JOBS
    REELBUS_VIDEOS               = local.environment.REELBUS_VIDEOS
    REELBUS_PUBLIC_URL           = local.environment.REELBUS_PUBLIC_URL
    REELBUS_EVALUATION           = "vertex://${var.project_id}/${coalesce(var.evaluator.location, var.region)}"
    REELBUS_EVALUATION_METRIC    = var.evaluator.metric
    REELBUS_EVALUATION_SHARE     = length(var.evaluator.share) == 0 ? "" : jsonencode(var.evaluator.share)
    REELBUS_EVALUATIONS_PER_DAY  = tostring(var.evaluator.per_day)
    REELBUS_EVALUATION_PRICE_USD = var.evaluator.price_usd
    REELBUS_HEALTH_PORT          = tostring(local.health_port)
  })
}

resource "google_service_account" "evaluator" {
  count        = local.evaluators
  account_id   = "reelbus-evaluator"
  display_name = "reelbus evaluator"
  depends_on   = [google_project_service.needed]
}

resource "google_project_iam_member" "evaluates" {
  count   = local.evaluators
  project = var.project_id
  role    = "roles/aiplatform.user"
  member  = google_service_account.evaluator[0].member
}

resource "google_project_iam_member" "evaluator_measures" {
  for_each = toset(var.telemetry && var.evaluator != null ? local.writes_telemetry : [])
  project  = var.project_id
  role     = each.value
  member   = google_service_account.evaluator[0].member
}

# It writes each call into the record of its job before it sends it.
resource "google_project_iam_member" "evaluator_records" {
  count   = local.evaluators
  project = var.project_id
  role    = "roles/datastore.user"
  member  = google_service_account.evaluator[0].member

  condition {
    title      = "reelbus: its own database"
    expression = "resource.name == \"projects/${var.project_id}/databases/${google_firestore_database.jobs.name}\""
  }
}

# Scores and questions are files.
resource "google_storage_bucket_iam_member" "evaluator_files" {
  count  = local.evaluators
  bucket = google_storage_bucket.videos.name
  role   = "roles/storage.objectUser"
  member = google_service_account.evaluator[0].member
}

resource "google_pubsub_topic_iam_member" "evaluator_publishes" {
  count  = local.evaluators
  topic  = google_pubsub_topic.all["evaluations"].name
  role   = "roles/pubsub.publisher"
  member = google_service_account.evaluator[0].member
}

# It reads the subscription when it starts, too.
resource "google_pubsub_subscription_iam_member" "evaluator_works" {
  for_each     = toset(var.evaluator == null ? [] : ["roles/pubsub.subscriber", "roles/pubsub.viewer"])
  subscription = google_pubsub_subscription.evaluators.name
  role         = each.value
  member       = google_service_account.evaluator[0].member
}

resource "google_cloud_run_v2_worker_pool" "evaluator" {
  count               = var.evaluator == null ? 0 : local.is_running
  name                = local.evaluator_name
  location            = var.region
  deletion_protection = var.protect

  scaling {
    scaling_mode          = "MANUAL"
    manual_instance_count = 1 # it has eight calls under way at once; the limit of a day is reached before
  }
  template {
    service_account = google_service_account.evaluator[0].email

    containers {
      image = var.image
      args  = ["evaluator"]

      resources {
        limits = { cpu = "1", memory = "1Gi" } # Google reads the video from the bucket itself
      }
      dynamic "env" {
        for_each = { for name, value in local.evaluator_environment : name => value if value != "" }
        content {
          name  = env.key
          value = env.value
        }
      }
      startup_probe {
        period_seconds    = 7 # it looks at store, bus and bucket for 2 s each at most
        timeout_seconds   = 7
        failure_threshold = 17
        http_get {
          path = "/readyz"
          port = local.health_port
        }
      }
      # Only a loop that does not turn is killed: an evaluator without its bus waits for it.
      liveness_probe {
        period_seconds    = 30
        timeout_seconds   = 5
        failure_threshold = 4
        http_get {
          path = "/livez"
          port = local.health_port
        }
      }
    }
  }
  lifecycle {
    ignore_changes = [client, client_version, template[0].containers[0].image]
  }
  depends_on = [
    google_firestore_index.query,
    google_project_iam_member.evaluates,
    google_project_iam_member.evaluator_records,
    google_project_iam_member.evaluator_measures,
    google_pubsub_subscription_iam_member.evaluator_works,
    google_pubsub_topic_iam_member.evaluator_publishes,
    google_storage_bucket_iam_member.evaluator_files,
  ]
}
