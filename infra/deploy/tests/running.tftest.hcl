# `terraform test`: what the variables do. The providers are mocked, so that no account is needed.
mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }
}
mock_provider "google-beta" {}

variables {
  project_id = "demo-project"
  image      = "us-central1-docker.pkg.dev/demo-project/reelbus/reelbus@sha256:0000000000000000000000000000000000000000000000000000000000000000"
}

run "facade_and_workers" {
  command = plan

  assert {
    condition     = google_cloud_run_v2_service.facade[0].template[0].containers[0].resources[0].cpu_idle == false
    error_message = "The facade hears completions between requests: its CPU must not idle."
  }
  assert {
    condition     = google_cloud_run_v2_worker_pool.worker[0].scaling[0].manual_instance_count == 2
    error_message = "There are as many workers as were asked for."
  }
  assert {
    condition     = output.facade_url == "https://reelbus-facade-123456789012.us-central1.run.app"
    error_message = "Cloud Run's own address is known before the service."
  }
}

# The first apply of an empty project: there is no image yet, and no registry to push it to.
run "all_but_what_runs" {
  command = plan
  variables { image = null }

  assert {
    condition     = length(google_cloud_run_v2_service.facade) + length(google_cloud_run_v2_worker_pool.worker) == 0
    error_message = "Without an image nothing runs."
  }
  assert {
    condition     = output.image_repository == "us-central1-docker.pkg.dev/demo-project/reelbus/reelbus"
    error_message = "The registry is there to push to."
  }
}

run "keys" {
  command = plan

  assert {
    condition     = google_cloud_run_v2_service.facade[0].invoker_iam_disabled && output.api_keys_secret == "reelbus-api-keys"
    error_message = "With keys the facade asks, not Cloud Run."
  }
  assert {
    condition     = !contains(google_cloud_run_v2_service.facade[0].template[0].containers[0].env[*].name, "REELBUS_OPEN_TO_ALL")
    error_message = "A facade with keys is not open to all."
  }
  assert {
    condition     = length(google_monitoring_uptime_check_config.facade) == 1
    error_message = "The facade is asked from outside whether it lives."
  }
}

run "tokens" {
  command = plan
  variables {
    access    = "tokens"
    callers   = ["serviceAccount:shop@demo-project.iam.gserviceaccount.com", "user:a@example.com"]
    operators = ["user:op@example.com", "group:ops@example.com"]
  }

  assert {
    condition = {
      for it in google_cloud_run_v2_service.facade[0].template[0].containers[0].env : it.name => it.value if startswith(it.name, "REELBUS_ID")
    } == { REELBUS_ID_TOKEN_AUDIENCE = output.facade_url, REELBUS_ID_TOKEN_EMAILS = "shop@demo-project.iam.gserviceaccount.com,a@example.com", REELBUS_ID_TOKEN_OPERATORS = "op@example.com" }
    error_message = "The facade checks the tokens of these accounts for its own address."
  }
  assert {
    condition     = length(google_secret_manager_secret.value) == 0
    error_message = "Without keys there is no secret."
  }
}

run "iam" {
  command = plan
  variables {
    access  = "iam"
    callers = ["group:studio@example.com"]
  }

  assert {
    condition     = !google_cloud_run_v2_service.facade[0].invoker_iam_disabled && [for it in google_cloud_run_v2_service_iam_member.calls : it.role] == ["roles/run.invoker"]
    error_message = "Cloud Run lets in whom it knows, and no others."
  }
  assert {
    condition     = length(google_monitoring_uptime_check_config.facade) == 0
    error_message = "The uptime check has no account to be let in with."
  }
}

run "no_webhooks_without_their_variable" {
  command = plan

  assert {
    condition = output.webhook_secret == null && !anytrue([
      for it in google_cloud_run_v2_worker_pool.worker[0].template[0].containers[0].env : startswith(it.name, "REELBUS_WEBHOOK")
    ])
    error_message = "A worker whose secret has no version would not start."
  }
}

run "webhooks" {
  command = plan
  variables { webhooks = {} }

  assert {
    condition     = output.webhook_secret == "reelbus-webhook-secrets"
    error_message = "There is a secret for the masters."
  }
  assert {
    condition = alltrue([
      for it in [google_cloud_run_v2_service.facade[0].template[0].containers[0], google_cloud_run_v2_worker_pool.worker[0].template[0].containers[0]] :
      contains(it.env[*].name, "REELBUS_WEBHOOK_SECRETS") && contains([for env in it.env : env.value if env.name == "REELBUS_WEBHOOK_PORTS"], "443")
    ])
    error_message = "The facade shows what the workers sign with, and both refuse the same addresses."
  }
}

run "no_evaluator_and_no_certificate_without_their_variables" {
  command = plan

  assert {
    condition     = length(google_cloud_run_v2_worker_pool.evaluator) + length(google_service_account.evaluator) == 0 && keys(output.accounts) == ["facade", "worker"]
    error_message = "Scores cost money: nothing makes them unless it was asked for."
  }
  assert {
    condition = output.provenance_secrets == null && !anytrue([
      for it in google_cloud_run_v2_worker_pool.worker[0].template[0].containers[0].env : startswith(it.name, "REELBUS_C2PA")
    ])
    error_message = "A worker whose secret has no version would not start."
  }
}

run "evaluator" {
  command = plan
  variables { evaluator = {} }

  assert {
    condition = {
      for it in google_cloud_run_v2_worker_pool.evaluator[0].template[0].containers[0].env : it.name => it.value if startswith(it.name, "REELBUS_EVAL")
    } == { REELBUS_EVALUATION = "vertex://demo-project/us-central1", REELBUS_EVALUATIONS_PER_DAY = "200" }
    error_message = "Without more words the service is that of the region, and no video is scored unasked."
  }
  assert {
    condition     = length(google_project_iam_member.evaluator_measures) == 2
    error_message = "It sends traces and metrics as the workers do."
  }
  assert {
    condition     = google_service_account.evaluator[0].account_id == "reelbus-evaluator"
    error_message = "An evaluator has an account of its own, since a worker may do more."
  }
}

run "an_evaluator_waits_for_the_image" {
  command = plan
  variables {
    image     = null
    evaluator = {}
  }

  assert {
    condition     = length(google_cloud_run_v2_worker_pool.evaluator) == 0 && length(google_service_account.evaluator) == 1
    error_message = "Without an image nothing runs."
  }
}

run "provenance" {
  command = plan
  variables { provenance = true }

  assert {
    condition     = output.provenance_secrets == { certificate = "reelbus-c2pa-certificate", key = "reelbus-c2pa-key" }
    error_message = "There is a secret each for certificate and key."
  }
  assert {
    condition     = !anytrue([for it in google_cloud_run_v2_service.facade[0].template[0].containers[0].env : startswith(it.name, "REELBUS_C2PA")])
    error_message = "A facade signs nothing, so it does not get the key."
  }
}

run "without_telemetry" {
  command = plan
  variables {
    telemetry = false
    evaluator = {}
  }

  assert {
    condition     = !anytrue([for it in google_cloud_run_v2_worker_pool.worker[0].template[0].containers[0].env : startswith(it.name, "OTEL_")])
    error_message = "Telemetry is off without its endpoint."
  }
  assert {
    condition     = contains(keys(google_monitoring_alert_policy.rule), "MoneyUnclear") && !contains(keys(google_monitoring_alert_policy.rule), "SpendFast")
    error_message = "Alerts that need metrics of our own are left out, those about lost money stay."
  }
  assert {
    condition     = contains(keys(google_monitoring_alert_policy.rule), "ScoresLate") && !contains(keys(google_monitoring_alert_policy.rule), "WebhooksLate")
    error_message = "What nothing takes must not be alarmed: its messages always wait."
  }
  assert {
    condition     = length(google_project_iam_member.measures) + length(google_project_iam_member.evaluator_measures) == 0
    error_message = "No account may write what none sends."
  }
}

run "the_page_of_the_runbook_is_in_the_alert" {
  command = plan
  variables { runbook_url = "https://example.com/runbook" }

  assert {
    condition     = google_monitoring_alert_policy.rule["NoWorker"].documentation[0].links[0].url == "https://example.com/runbook/NoWorker.md"
    error_message = "The alert links to its page."
  }
}

run "consumers" {
  command = plan
  variables {
    consumers = {
      billing = { member = "serviceAccount:billing@demo-project.iam.gserviceaccount.com" }
      site    = { push_endpoint = "https://site.example.com/done" }
    }
  }

  assert {
    condition     = keys(google_pubsub_subscription_iam_member.consumes) == ["billing"]
    error_message = "A push consumer needs no role on its subscription."
  }
  assert {
    condition     = google_service_account.push["site"].account_id == "reelbus-push-site"
    error_message = "A push carries a token of an account of its own."
  }
  assert {
    condition     = toset([for it in google_pubsub_subscription.consumer : it.expiration_policy[0].ttl]) == toset([""])
    error_message = "A consumer that is down for a month keeps its subscription."
  }
}

run "budget_and_archive_are_optional" {
  command = plan

  assert {
    condition     = length(google_billing_budget.project) + length(google_bigquery_dataset.archive) + length(google_pubsub_subscription.archive) == 0
    error_message = "What was not asked for is not made."
  }
}
