# The keys of callers. Their value is put in by hand (README.md), so that it is in no state file and in no variable.

resource "google_secret_manager_secret" "api_keys" {
  count     = var.access == "keys" ? 1 : 0
  secret_id = "reelbus-api-keys"

  replication {
    auto {}
  }
  depends_on = [google_project_service.needed]
}

resource "google_secret_manager_secret_iam_member" "api_keys" {
  count     = length(google_secret_manager_secret.api_keys)
  secret_id = google_secret_manager_secret.api_keys[0].id
  role      = "roles/secretmanager.secretAccessor"
  member    = local.facade
}
