# What a `.env` needs, and what is named in commands.

output "env" {
  description = "The addresses for a .env on another machine: `terraform output -raw env > .env`. A person's own login signs as the facade's account."
  value = join("\n", concat(
    [
      for name in ["REELBUS_BUS", "REELBUS_JOBS", "REELBUS_PROVIDER", "REELBUS_PUBLIC_URL"] :
      "${name}=${local.environment[name]}"
    ],
    ["REELBUS_VIDEOS=${local.environment.REELBUS_VIDEOS}${var.public_videos ? "" : "&signer=${google_service_account.role["facade"].email}"}"],
    ["REELBUS_SUBMITS_PER_MINUTE=${local.environment.REELBUS_SUBMITS_PER_MINUTE}", "REELBUS_WORKERS=${var.workers}", ""],
  ))
}

output "facade_url" {
  description = "Where callers reach the facade."
  value       = local.environment.REELBUS_PUBLIC_URL
}

output "image_repository" {
  description = "Where the image is pushed to."
  value       = "${var.region}-docker.pkg.dev/${var.project_id}/${google_artifact_registry_repository.images.repository_id}/reelbus"
}

output "bucket" {
  description = "The bucket of the videos."
  value       = google_storage_bucket.videos.name
}

output "requests_topics" {
  description = "Where products publish requests: the interactive lane and the batch lane."
  value       = { interactive = google_pubsub_topic.all["requests"].id, batch = google_pubsub_topic.all["batch"].id }
}

output "consumer_subscriptions" {
  description = "The subscription of each consumer of completions."
  value       = { for name, subscription in google_pubsub_subscription.consumer : name => subscription.id }
}

output "push_accounts" {
  description = "The account whose ID token each push carries: give it roles/run.invoker on the service behind the endpoint."
  value       = { for name, account in google_service_account.push : name => account.email }
}

output "accounts" {
  description = "The accounts of facade and worker, and of the evaluator if there is one."
  value = merge(
    { for role, account in google_service_account.role : role => account.email },
    { for account in google_service_account.evaluator : "evaluator" => account.email },
  )
}

output "api_keys_secret" {
  description = "The secret whose newest version is the value of REELBUS_API_KEYS; null without keys."
  value       = lookup(local.secrets_of["facade"], "REELBUS_API_KEYS", null)
}

output "evaluations_topic" {
  description = "The topic with the scores: subscribe to it beside the completions."
  value       = google_pubsub_topic.all["evaluations"].id
}

output "provenance_secrets" {
  description = "The secrets whose newest versions are the values of REELBUS_C2PA_CERTIFICATE and REELBUS_C2PA_KEY; null without provenance."
  value = var.provenance ? {
    certificate = local.secrets_of["worker"]["REELBUS_C2PA_CERTIFICATE"]
    key         = local.secrets_of["worker"]["REELBUS_C2PA_KEY"]
  } : null
}

output "webhook_secret" {
  description = "The secret whose newest version is the value of REELBUS_WEBHOOK_SECRETS; null without webhooks."
  value       = lookup(local.secrets_of["worker"], "REELBUS_WEBHOOK_SECRETS", null)
}
