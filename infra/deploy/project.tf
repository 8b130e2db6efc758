# The project's services, and the accounts by which Google's own services act in it.

locals {
  labels = { app = "reelbus" } # a bill can be split by it

  services = [
    "aiplatform",
    "artifactregistry",
    "bigquery",
    "billingbudgets",
    "firestore",
    "iam",
    "iamcredentials", # signs addresses without a key
    "logging",
    "monitoring",
    "pubsub",
    "run",
    "secretmanager",
    "storage",
    "telemetry",
  ]
}

data "google_project" "this" {
  project_id = var.project_id
}

resource "google_project_service" "needed" {
  for_each           = toset(local.services)
  service            = "${each.key}.googleapis.com"
  disable_on_destroy = false # something else in the project may use it
}

# A service agent exists only after its first use, and a role can't be granted to an account that does not exist.
resource "google_project_service_identity" "agent" {
  provider   = google-beta
  for_each   = toset(["aiplatform", "pubsub"])
  service    = "${each.key}.googleapis.com"
  depends_on = [google_project_service.needed]
}
