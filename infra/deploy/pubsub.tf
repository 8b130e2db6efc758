# Topics, the workers' subscriptions and the dead letters. `reelbus setup` makes the same; tests/deploy compares both.
# Neither ordering nor exactly-once delivery: both cost time, and the record decides who works on a job.

locals {
  topics = {
    requests    = "video-requests"
    batch       = "video-requests-batch"
    completions = "video-completions"
    dead        = "video-requests-dead"

    film_requests    = "film-requests"
    film_completions = "film-completions"
    evaluations      = "video-evaluations"
  }
  longest = "2678400s" # 31 days, the most that Pub/Sub keeps: a request outlives any outage of the workers

  queues = {
    workers       = { name = "video-workers", topic = "requests" }
    batch_workers = { name = "video-batch-workers", topic = "batch" }
  }
  # What workers lease from, and what every process looks at when it starts.
  subscriptions = merge(
    { for key, queue in google_pubsub_subscription.queue : key => queue.name },
    {
      dead_workers = google_pubsub_subscription.dead_workers.name
      webhooks     = google_pubsub_subscription.webhooks.name
      film_workers = google_pubsub_subscription.films.name
      evaluators   = google_pubsub_subscription.evaluators.name
      shelf        = google_pubsub_subscription.shelf.name
    },
  )
}

resource "google_pubsub_topic" "all" {
  for_each = local.topics
  name     = each.value

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }
  depends_on = [google_project_service.needed]
}

resource "google_pubsub_subscription" "queue" {
  for_each                   = local.queues
  name                       = each.value.name
  topic                      = google_pubsub_topic.all[each.value.topic].id
  ack_deadline_seconds       = 60
  message_retention_duration = local.longest

  expiration_policy {
    ttl = "" # never; the default deletes it after 31 days without a worker
  }
  retry_policy {
    minimum_backoff = "0.100s" # three digits, as the API answers: 0.1s would be a change in every plan
    maximum_backoff = "60s"
  }
  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.all["dead"].id
    max_delivery_attempts = 20
  }
}

# By this one a worker learns that a request was given up, and ends its job.
resource "google_pubsub_subscription" "dead_workers" {
  name                       = "video-dead-workers"
  topic                      = google_pubsub_topic.all["dead"].id
  ack_deadline_seconds       = 60
  message_retention_duration = local.longest

  expiration_policy {
    ttl = ""
  }
  retry_policy {
    minimum_backoff = "0.100s"
    maximum_backoff = "60s"
  }
}

# By this one the couriers in the workers learn of ended jobs, and post their webhooks.
resource "google_pubsub_subscription" "webhooks" {
  name                       = "video-webhooks"
  topic                      = google_pubsub_topic.all["completions"].id
  ack_deadline_seconds       = 60
  message_retention_duration = local.longest

  expiration_policy {
    ttl = ""
  }
  retry_policy {
    minimum_backoff = "0.100s"
    maximum_backoff = "60s"
  }
}

# By it a worker learns of a film.
resource "google_pubsub_subscription" "films" {
  name                       = "film-workers"
  topic                      = google_pubsub_topic.all["film_requests"].id
  ack_deadline_seconds       = 60
  message_retention_duration = local.longest

  expiration_policy {
    ttl = ""
  }
  retry_policy {
    minimum_backoff = "0.100s"
    maximum_backoff = "60s"
  }
}

# By it an evaluator learns of finished videos. One that is started by hand may have the account of the workers.
resource "google_pubsub_subscription" "evaluators" {
  name                       = "video-evaluators"
  topic                      = google_pubsub_topic.all["completions"].id
  ack_deadline_seconds       = 60
  message_retention_duration = local.longest

  expiration_policy {
    ttl = ""
  }
  retry_policy {
    minimum_backoff = "0.100s"
    maximum_backoff = "60s"
  }
}

# Nothing consumes this one: it keeps dead letters for the operator.
resource "google_pubsub_subscription" "shelf" {
  name                       = "${local.topics.dead}-shelf"
  topic                      = google_pubsub_topic.all["dead"].id
  ack_deadline_seconds       = 60
  message_retention_duration = local.longest

  expiration_policy {
    ttl = ""
  }
}

# Pub/Sub itself moves a message to the dead letters. Without both roles it never does, and says nothing.
resource "google_pubsub_topic_iam_member" "agent_publishes" {
  topic  = google_pubsub_topic.all["dead"].name
  role   = "roles/pubsub.publisher"
  member = google_project_service_identity.agent["pubsub"].member
}

resource "google_pubsub_subscription_iam_member" "agent_takes" {
  for_each     = google_pubsub_subscription.queue
  subscription = each.value.name
  role         = "roles/pubsub.subscriber"
  member       = google_project_service_identity.agent["pubsub"].member

  lifecycle {
    replace_triggered_by = [google_pubsub_subscription.queue[each.key]] # a new subscription of that name has no roles
  }
}

# Facade: requests and cancels, and the completion of a job that it cancels. Worker: also requests, for reconcile and for
# parked jobs, and dead letters.
resource "google_pubsub_topic_iam_member" "publishes" {
  for_each = merge([
    for member, topics in {
      facade = ["requests", "batch", "completions", "film_requests"]
      worker = ["requests", "batch", "completions", "dead", "film_completions", "evaluations"]
    } : { for topic in topics : "${member} ${topic}" => { member = google_service_account.role[member].member, topic = topic } }
  ]...)
  topic  = google_pubsub_topic.all[each.value.topic].name
  role   = "roles/pubsub.publisher"
  member = each.value.member
}

# The shelf too: a worker looks whether a dead letter is still there.
resource "google_pubsub_subscription_iam_member" "works" {
  for_each     = local.subscriptions
  subscription = each.value
  role         = "roles/pubsub.subscriber"
  member       = local.worker
}

# Keys and accounts with the scope `operate` look through dead letters, which Pub/Sub shows only to who pulls them.
resource "google_pubsub_subscription_iam_member" "shows_dead_letters" {
  subscription = google_pubsub_subscription.shelf.name
  role         = "roles/pubsub.subscriber"
  member       = local.facade
}

# Both read the subscriptions when they start, and say what differs; they change nothing.
resource "google_pubsub_subscription_iam_member" "reads" {
  for_each = merge([
    for member in ["facade", "worker"] : {
      for key, name in local.subscriptions :
      "${member} ${key}" => { member = google_service_account.role[member].member, subscription = name }
    }
  ]...)
  subscription = each.value.subscription
  role         = "roles/pubsub.viewer"
  member       = each.value.member
}

# For the facade's own subscription: pubsub.topics.attachSubscription.
resource "google_pubsub_topic_iam_member" "attaches" {
  topic  = google_pubsub_topic.all["completions"].name
  role   = "roles/pubsub.subscriber"
  member = local.facade
}
