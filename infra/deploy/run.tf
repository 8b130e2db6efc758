# One image, two roles: the facade is a service, the workers are a worker pool. The third role is in evaluator.tf.
#
# After the first apply an image is deployed by its digest with gcloud (README.md, examples/github-actions): who deploys
# then needs no right on anything else. So Terraform leaves the image and what gcloud notes about itself alone.

locals {
  is_running  = var.image == null ? 0 : 1
  facade_name = "reelbus-facade"
  worker_name = "reelbus-worker"
  health_port = 8081 # of workers and evaluator, which have no other

  # Cloud Run's address is known before the service is made: https://cloud.google.com/run/docs/triggering/https-request
  own_url = "https://${local.facade_name}-${data.google_project.this.number}.${var.region}.run.app"

  environment = {
    REELBUS_HOST               = "0.0.0.0" # the facade's port, and those of workers and evaluator for probes
    REELBUS_BUS                = "pubsub://${var.project_id}"
    REELBUS_JOBS               = "firestore://${var.project_id}/${google_firestore_database.jobs.name}"
    REELBUS_VIDEOS             = "gs://${google_storage_bucket.videos.name}${var.public_videos ? "" : "?urls=signed"}"
    REELBUS_PROVIDER           = "vertex://${var.project_id}/${var.region}"
    REELBUS_PUBLIC_URL         = var.public_url == "" ? local.own_url : var.public_url
    REELBUS_REFERENCE_BUCKETS  = join(",", sort(var.reference_buckets))
    REELBUS_SUBMITS_PER_MINUTE = tostring(var.submits_per_minute)
    REELBUS_BUDGETS            = length(var.limits) == 0 ? "" : jsonencode(var.limits)
    REELBUS_FAST_MODELS        = join(",", var.models.fast)
    REELBUS_QUALITY_MODELS     = join(",", var.models.quality)
    REELBUS_WEBHOOK_NETWORKS   = var.webhooks == null ? "" : join(",", sort(var.webhooks.networks))
    REELBUS_WEBHOOK_PORTS      = var.webhooks == null ? "" : join(",", sort([for port in var.webhooks.ports : tostring(port)]))
  }
  # Google's OTLP endpoint takes metrics of Cloud Run by these attributes; telemetry is off without the endpoint.
  telemetry = { for role in ["facade", "worker", "evaluator"] : role => var.telemetry ? {
    OTEL_EXPORTER_OTLP_ENDPOINT = "https://telemetry.googleapis.com"
    OTEL_RESOURCE_ATTRIBUTES = join(",", [
      "service.namespace=reelbus",
      "service.name=${role}",
      "cloud.provider=gcp",
      "cloud.platform=gcp_cloud_run",
      "cloud.region=${var.region}",
      "gcp.project_id=${var.project_id}",
    ])
  } : {} }

  # The e-mail addresses in members: an ID token names its account so.
  accounts = { for who, members in { callers = var.callers, operators = var.operators } : who => join(",", [
    for member in sort(members) : split(":", member)[1] if !startswith(member, "group:")
  ]) }
  facade_environment = merge(local.environment, local.telemetry["facade"], {
    REELBUS_MAX_QUEUED_PER_CALLER = tostring(var.max_queued_per_caller)
    REELBUS_RETENTION_DAYS        = tostring(var.retention_days) # for expires_at of /v1/videos
    REELBUS_ALLOWED_HOSTS         = join(",", concat(var.access == "iam" ? ["*.run.app"] : [], sort(var.allowed_hosts)))
    REELBUS_OPEN_TO_ALL           = var.access == "iam" ? "true" : "" # Cloud Run has let the caller in already
    REELBUS_ID_TOKEN_AUDIENCE     = var.access == "tokens" ? local.environment.REELBUS_PUBLIC_URL : ""
    REELBUS_ID_TOKEN_EMAILS       = var.access == "tokens" ? local.accounts.callers : ""
    REELBUS_ID_TOKEN_OPERATORS    = var.access == "tokens" ? local.accounts.operators : ""
  })
  worker_environment = merge(local.environment, local.telemetry["worker"], {
    REELBUS_WORKERS        = tostring(var.workers)
    REELBUS_DRAIN_S        = "8" # Cloud Run sends SIGKILL ten seconds after SIGTERM
    REELBUS_HEALTH_PORT    = tostring(local.health_port)
    REELBUS_RETENTION_DAYS = tostring(var.retention_days)
  })
}

resource "google_cloud_run_v2_service" "facade" {
  count                = local.is_running
  name                 = local.facade_name
  location             = var.region
  ingress              = "INGRESS_TRAFFIC_ALL"
  invoker_iam_disabled = var.access != "iam" # else Cloud Run would ask callers with a key for a Google account as well
  deletion_protection  = var.protect

  scaling {
    min_instance_count = var.facade_instances.min
    max_instance_count = var.facade_instances.max
  }
  template {
    service_account                  = google_service_account.role["facade"].email
    timeout                          = "300s" # callers wait for 280 s
    max_instance_request_concurrency = 1000   # Cloud Run's most; a waiting caller costs 14 kB

    containers {
      image = var.image
      args  = ["serve"]

      ports {
        container_port = 8080
      }
      resources {
        limits            = { cpu = "1", memory = "1Gi" }
        cpu_idle          = false # else it hears no completion while no request is answered
        startup_cpu_boost = true
      }
      dynamic "env" {
        for_each = { for name, value in local.facade_environment : name => value if value != "" }
        content {
          name  = env.key
          value = env.value
        }
      }
      dynamic "env" {
        for_each = local.secrets_of["facade"]
        content {
          name = env.key
          value_source {
            secret_key_ref {
              secret  = env.value
              version = "latest"
            }
          }
        }
      }
      startup_probe {
        period_seconds    = 5 # it looks at store and disk for 2 s each at most
        timeout_seconds   = 5
        failure_threshold = 24
        http_get {
          path = "/readyz"
        }
      }
      liveness_probe {
        period_seconds    = 30
        timeout_seconds   = 5
        failure_threshold = 3
        http_get {
          path = "/livez"
        }
      }
    }
  }
  lifecycle {
    ignore_changes = [client, client_version, template[0].containers[0].image]
  }
  depends_on = [
    google_firestore_index.query,
    google_project_iam_member.measures,
    google_project_iam_member.own_subscription,
    google_project_iam_member.records,
    google_pubsub_subscription_iam_member.reads,
    google_pubsub_subscription_iam_member.shows_dead_letters,
    google_pubsub_topic_iam_member.attaches,
    google_pubsub_topic_iam_member.publishes,
    google_secret_manager_secret_iam_member.reads,
    google_service_account_iam_member.signs,
    google_storage_bucket_iam_member.files,
    google_storage_bucket_iam_member.references,
  ]
}

resource "google_cloud_run_v2_service_iam_member" "calls" {
  for_each = var.access == "iam" && local.is_running == 1 ? var.callers : []
  name     = google_cloud_run_v2_service.facade[0].name
  location = var.region
  role     = "roles/run.invoker"
  member   = each.value
}

resource "google_cloud_run_v2_worker_pool" "worker" {
  count               = local.is_running
  name                = local.worker_name
  location            = var.region
  deletion_protection = var.protect

  # Workers wait: their use of CPU says nothing about the work that is left.
  scaling {
    scaling_mode          = "MANUAL"
    manual_instance_count = var.workers
  }
  template {
    service_account = google_service_account.role["worker"].email

    containers {
      image = var.image
      args  = ["worker"]

      resources {
        limits = { cpu = "2", memory = "4Gi" } # files that a worker assembles are in memory, too
      }
      dynamic "env" {
        for_each = { for name, value in local.worker_environment : name => value if value != "" }
        content {
          name  = env.key
          value = env.value
        }
      }
      dynamic "env" {
        for_each = local.secrets_of["worker"]
        content {
          name = env.key
          value_source {
            secret_key_ref {
              secret  = env.value
              version = "latest"
            }
          }
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
      # Only a loop that does not turn is killed: a worker without its bus waits for it, and may have a paid call under way.
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
    google_project_iam_member.generates,
    google_project_iam_member.measures,
    google_project_iam_member.records,
    google_pubsub_subscription_iam_member.reads,
    google_pubsub_subscription_iam_member.works,
    google_pubsub_topic_iam_member.publishes,
    google_secret_manager_secret_iam_member.reads,
    google_service_account_iam_member.signs,
    google_storage_bucket_iam_member.files,
    google_storage_bucket_iam_member.references,
  ]
}
