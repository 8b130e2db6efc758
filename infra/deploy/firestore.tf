# The records. No TTL policy: it would delete tombstones, and a repeated request would pay again.

locals {
  firestore = jsondecode(file("${path.module}/firestore.indexes.json")) # also what the firebase command reads
}

resource "google_firestore_database" "jobs" {
  name                              = var.database
  location_id                       = var.region
  type                              = "FIRESTORE_NATIVE"
  point_in_time_recovery_enablement = "POINT_IN_TIME_RECOVERY_ENABLED" # any minute of the last 7 days
  delete_protection_state           = var.protect ? "DELETE_PROTECTION_ENABLED" : "DELETE_PROTECTION_DISABLED"
  deletion_policy                   = var.protect ? "ABANDON" : "DELETE"
  depends_on                        = [google_project_service.needed]
}

resource "google_firestore_index" "query" {
  for_each = {
    for index in local.firestore.indexes :
    "${index.collectionGroup} ${join(",", [for field in index.fields : "${field.fieldPath}:${try(field.order, field.arrayConfig)}"])}" => index
  }
  database    = google_firestore_database.jobs.name
  collection  = each.value.collectionGroup
  query_scope = each.value.queryScope

  dynamic "fields" {
    for_each = each.value.fields
    content {
      field_path   = fields.value.fieldPath
      order        = try(fields.value.order, null)
      array_config = try(fields.value.arrayConfig, null)
    }
  }
}

# No query asks for these, and an index entry has a limit of 1,500 bytes.
resource "google_firestore_field" "plain" {
  for_each   = { for field in local.firestore.fieldOverrides : "${field.collectionGroup} ${field.fieldPath}" => field }
  database   = google_firestore_database.jobs.name
  collection = each.value.collectionGroup
  field      = each.value.fieldPath

  index_config {}
}

resource "google_firestore_backup_schedule" "daily" {
  count     = var.backup_days == 0 ? 0 : 1
  database  = google_firestore_database.jobs.name
  retention = "${var.backup_days * 24 * 3600}s"

  daily_recurrence {}
}

resource "google_project_iam_member" "records" {
  for_each = merge({ facade = local.facade, worker = local.worker }, { for member in var.operators : member => member })
  project  = var.project_id
  role     = "roles/datastore.user"
  member   = each.value

  condition {
    title      = "reelbus: its own database"
    expression = "resource.name == \"projects/${var.project_id}/databases/${google_firestore_database.jobs.name}\""
  }
}
