# Others: products that publish requests, consumers of completions, and operators at the command line.

resource "google_pubsub_topic_iam_member" "requests" {
  for_each = {
    for pair in setproduct(var.requesters, ["requests", "batch"]) :
    join(" ", pair) => { member = pair[0], topic = pair[1] }
  }
  topic  = google_pubsub_topic.all[each.value.topic].name
  role   = "roles/pubsub.publisher"
  member = each.value.member
}

locals {
  pulls  = { for name, it in var.consumers : name => it if it.push_endpoint == null }
  pushes = { for name, it in var.consumers : name => it if it.push_endpoint != null }
}

resource "google_service_account" "push" {
  for_each     = local.pushes
  account_id   = "reelbus-push-${each.key}"
  display_name = "reelbus: pushes completions to ${each.key}"
  depends_on   = [google_project_service.needed]
}

resource "google_pubsub_subscription" "consumer" {
  for_each                   = var.consumers
  name                       = "completions-${each.key}"
  topic                      = google_pubsub_topic.all["completions"].id
  ack_deadline_seconds       = 60 # a push endpoint has so long to answer
  message_retention_duration = local.longest
  filter                     = each.value.filter

  expiration_policy {
    ttl = ""
  }
  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }
  dynamic "push_config" {
    for_each = each.value.push_endpoint == null ? [] : [each.value.push_endpoint]
    content {
      push_endpoint = push_config.value
      oidc_token {
        service_account_email = google_service_account.push[each.key].email
      }
    }
  }
}

resource "google_pubsub_subscription_iam_member" "consumes" {
  for_each     = local.pulls
  subscription = google_pubsub_subscription.consumer[each.key].name
  role         = "roles/pubsub.subscriber"
  member       = each.value.member

  lifecycle {
    replace_triggered_by = [google_pubsub_subscription.consumer[each.key]]
  }
}

resource "google_pubsub_topic_iam_member" "operator" {
  for_each = {
    for pair in setproduct(var.operators, keys(local.topics)) :
    join(" ", pair) => { member = pair[0], topic = pair[1] }
  }
  topic  = google_pubsub_topic.all[each.value.topic].name
  role   = "roles/pubsub.publisher"
  member = each.value.member
}

resource "google_pubsub_subscription_iam_member" "operator" {
  for_each = {
    for pair in setproduct(var.operators, keys(local.subscriptions)) :
    join(" ", pair) => { member = pair[0], subscription = local.subscriptions[pair[1]], is_shelf = pair[1] == "shelf" }
  }
  subscription = each.value.subscription
  role         = each.value.is_shelf ? "roles/pubsub.subscriber" : "roles/pubsub.viewer" # dead letters are read by a pull
  member       = each.value.member
}

resource "google_pubsub_subscription_iam_member" "operator_reads_shelf" {
  for_each     = var.operators
  subscription = google_pubsub_subscription.shelf.name
  role         = "roles/pubsub.viewer"
  member       = each.value
}
