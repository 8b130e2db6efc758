# Optional: every completion in BigQuery. The message is stored as it came, since a table with columns of its own would
# refuse, or lose, what a later release adds.

locals {
  archived = var.archive_days == 0 ? 0 : 1
}

resource "google_bigquery_dataset" "archive" {
  count                      = local.archived
  dataset_id                 = "reelbus"
  location                   = var.region
  delete_contents_on_destroy = !var.protect
  depends_on                 = [google_project_service.needed]
}

resource "google_bigquery_table" "completions" {
  count               = local.archived
  dataset_id          = google_bigquery_dataset.archive[0].dataset_id
  table_id            = "completions"
  deletion_protection = var.protect

  time_partitioning {
    type          = "DAY"
    field         = "publish_time"
    expiration_ms = var.archive_days * 24 * 3600 * 1000
  }
  # The columns that Pub/Sub writes with `write_metadata`.
  schema = jsonencode([
    { name = "subscription_name", type = "STRING", mode = "NULLABLE" },
    { name = "message_id", type = "STRING", mode = "NULLABLE" },
    { name = "publish_time", type = "TIMESTAMP", mode = "NULLABLE" },
    { name = "attributes", type = "JSON", mode = "NULLABLE" },
    { name = "data", type = "JSON", mode = "NULLABLE" },
  ])
}

resource "google_bigquery_table_iam_member" "agent" {
  for_each   = local.archived == 1 ? toset(["roles/bigquery.dataEditor", "roles/bigquery.metadataViewer"]) : []
  dataset_id = google_bigquery_table.completions[0].dataset_id
  table_id   = google_bigquery_table.completions[0].table_id
  role       = each.key
  member     = google_project_service_identity.agent["pubsub"].member
}

resource "google_pubsub_subscription" "archive" {
  count                      = local.archived
  name                       = "completions-archive"
  topic                      = google_pubsub_topic.all["completions"].id
  message_retention_duration = local.longest

  expiration_policy {
    ttl = ""
  }
  bigquery_config {
    table          = "${var.project_id}.${google_bigquery_table.completions[0].dataset_id}.${google_bigquery_table.completions[0].table_id}"
    write_metadata = true
  }
  depends_on = [google_bigquery_table_iam_member.agent] # Pub/Sub checks its rights when the subscription is made
}
