# The accounts of facade and workers, and what they may do in the whole project. No account has a key. Roles on one topic,
# subscription, bucket or secret are beside it, in its own file.

resource "google_service_account" "role" {
  for_each     = toset(["facade", "worker"])
  account_id   = "reelbus-${each.key}"
  display_name = "reelbus ${each.key}"
  depends_on   = [google_project_service.needed]
}

locals {
  facade = google_service_account.role["facade"].member
  worker = google_service_account.role["worker"].member

  writes_telemetry = ["roles/telemetry.metricsWriter", "roles/telemetry.tracesWriter"]
}

resource "google_project_iam_member" "generates" {
  project = var.project_id
  role    = "roles/aiplatform.user"
  member  = local.worker
}

resource "google_project_iam_member" "measures" {
  for_each = {
    for pair in setproduct(keys(google_service_account.role), var.telemetry ? local.writes_telemetry : []) :
    join(" ", pair) => { member = google_service_account.role[pair[0]].member, role = pair[1] }
  }
  project = var.project_id
  role    = each.value.role
  member  = each.value.member
}

# Each facade has a subscription of its own for as long as it runs. Pub/Sub asks for a create on the project.
resource "google_project_iam_custom_role" "own_subscription" {
  role_id     = "reelbusOwnSubscription"
  title       = "reelbus: a subscription of its own"
  description = "Make, read and delete the subscription by which one facade hears of completions."
  permissions = [
    "pubsub.subscriptions.consume",
    "pubsub.subscriptions.create",
    "pubsub.subscriptions.delete",
    "pubsub.subscriptions.get",
  ]
  depends_on = [google_project_service.needed]
}

resource "google_project_iam_member" "own_subscription" {
  project = var.project_id
  role    = google_project_iam_custom_role.own_subscription.id
  member  = local.facade
}

# Signing needs the role of the account on itself; on the project it would let each account act as every other.
resource "google_service_account_iam_member" "signs" {
  for_each           = var.public_videos ? {} : google_service_account.role
  service_account_id = each.value.name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = each.value.member
}
