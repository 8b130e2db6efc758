# Secrets. Their values are put in by hand (README.md), so that they are in no state file and in no variable.

locals {
  # By the variable of the environment that holds it: the accounts that read it.
  secrets = merge(
    var.access == "keys" ? { REELBUS_API_KEYS = { id = "reelbus-api-keys", readers = ["facade"] } } : {},
    # The facade shows callers their own secret and posts test events, the workers sign.
    var.webhooks == null ? {} : {
      REELBUS_WEBHOOK_SECRETS = { id = "reelbus-webhook-secrets", readers = ["facade", "worker"] }
    },
    try(var.webhooks.endpoints, false) ? {
      REELBUS_WEBHOOK_ENDPOINTS = { id = "reelbus-webhook-endpoints", readers = ["worker"] } # their addresses may hold tokens
    } : {},
    # Both or none: a worker with one of them does not start.
    var.provenance ? {
      REELBUS_C2PA_CERTIFICATE = { id = "reelbus-c2pa-certificate", readers = ["worker"] }
      REELBUS_C2PA_KEY         = { id = "reelbus-c2pa-key", readers = ["worker"] }
    } : {},
  )
  secrets_of = { for role in ["facade", "worker"] : role => {
    for name, secret in local.secrets : name => google_secret_manager_secret.value[name].secret_id if contains(secret.readers, role)
  } }
}

resource "google_secret_manager_secret" "value" {
  for_each  = local.secrets
  secret_id = each.value.id

  replication {
    auto {}
  }
  depends_on = [google_project_service.needed]
}

resource "google_secret_manager_secret_iam_member" "reads" {
  for_each = merge([
    for name, secret in local.secrets : { for role in secret.readers : "${role} ${name}" => { name = name, role = role } }
  ]...)
  secret_id = google_secret_manager_secret.value[each.value.name].id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.role[each.value.role].member
}

# The names that these two had before there was a second secret.
moved {
  from = google_secret_manager_secret.api_keys[0]
  to   = google_secret_manager_secret.value["REELBUS_API_KEYS"]
}

moved {
  from = google_secret_manager_secret_iam_member.api_keys[0]
  to   = google_secret_manager_secret_iam_member.reads["facade REELBUS_API_KEYS"]
}
