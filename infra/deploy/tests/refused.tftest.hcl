# `terraform test`: values that are refused. Each run has one wrong value for each of many variables, and expects a failure
# of every one of them: a run takes half a second, and there are many ways to be wrong.
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

run "refused_1" {
  command = plan
  variables {
    # project is a number
    project_id = "123456789012"
    # region is a zone
    region = "us-central1-a"
    # image by tag
    image = "us-central1-docker.pkg.dev/demo-project/reelbus/reelbus:latest"
    # no workers
    workers = 0
    # no quota
    submits_per_minute = 0
    # no facade
    facade_instances = { min = 0 }
    # model with a blank
    models = { fast = ["veo 3"] }
    # limit of an unknown scope
    limits = [{ scope = "team", period = "day", limit_usd = "5" }]
    # negative queue
    max_queued_per_caller = -1
    # retention without end
    retention_days = 40000
    # unknown access
    access = "none"
    # everyone requests
    requesters = ["allUsers"]
    # everyone operates
    operators = ["allAuthenticatedUsers"]
    # consumer that pulls and is pushed to
    consumers = { abc = { member = "user:a@example.com", push_endpoint = "https://a.example.com" } }
    # public url without a scheme
    public_url = "video.example.com"
    # network without its length
    webhooks = { networks = ["10.1.0.0"] }
    # bucket in capitals
    bucket = "Videos"
    # origin with a path
    origins = ["https://www.example.com/shop"]
    # work files for an hour
    work_days = 1
    # soft delete for a day
    soft_delete_days = 1
    # database in capitals
    database = "Jobs"
    # backups for a year
    backup_days = 365
    # archive of half a day
    archive_days = 0.5
    # bucket by its address
    reference_buckets = ["gs://their-images"]
    # host with a scheme
    allowed_hosts = ["https://video.example.com"]
    # channel by its name
    notify_channels = ["pagerduty"]
    # no address to notify
    notify = ["oncall"]
    # runbook with a slash
    runbook_url = "https://example.com/"
    # billing account by name
    billing = { account = "ours", monthly = 5 }
    # scores of more than all videos
    evaluator = { share = { acme = 1.5 } }
  }

  expect_failures = [
    var.project_id,
    var.region,
    var.image,
    var.workers,
    var.submits_per_minute,
    var.facade_instances,
    var.models,
    var.limits,
    var.max_queued_per_caller,
    var.retention_days,
    var.access,
    var.requesters,
    var.operators,
    var.consumers,
    var.public_url,
    var.webhooks,
    var.bucket,
    var.origins,
    var.work_days,
    var.soft_delete_days,
    var.database,
    var.backup_days,
    var.archive_days,
    var.reference_buckets,
    var.allowed_hosts,
    var.notify_channels,
    var.notify,
    var.runbook_url,
    var.billing,
    var.evaluator,
  ]
}

run "refused_2" {
  command = plan
  variables {
    # half a worker
    workers = 1.5
    # limit of a week
    limits = [{ scope = "all", period = "week", limit_usd = "5" }]
    # everyone calls
    access  = "iam"
    callers = ["allUsers"]
    # port of no machine
    webhooks = { ports = [65536] }
    # consumer named archive
    consumers = { archive = { member = "user:a@example.com" } }
    # half a score a day
    evaluator = { per_day = 0.5 }
    # budget of nothing
    billing = { account = "012345-6789AB-CDEF01", monthly = 0 }
  }

  expect_failures = [
    var.workers,
    var.limits,
    var.callers,
    var.webhooks,
    var.consumers,
    var.evaluator,
    var.billing,
  ]
}

run "refused_3" {
  command = plan
  variables {
    # limit that is no amount
    limits = [{ scope = "all", period = "day", limit_usd = "five" }]
    # group with tokens
    access  = "tokens"
    callers = ["group:g@example.com"]
    # webhooks without a port
    webhooks = { ports = [] }
    # consumer without tls
    consumers = { abc = { push_endpoint = "http://a.example.com" } }
    # evaluator in a zone
    evaluator = { location = "us-central1-a" }
  }

  expect_failures = [
    var.limits,
    var.callers,
    var.webhooks,
    var.consumers,
    var.evaluator,
  ]
}

run "refused_4" {
  command = plan
  variables {
    # callers beside keys
    callers = ["user:a@example.com"]
    # two limits of one scope
    limits = [{ scope = "all", period = "day", limit_usd = "5" }, { scope = "all", period = "day", limit_usd = "6" }]
    # consumer with a long filter
    consumers = { abc = { member = "user:a@example.com", filter = join("", [for n in range(26) : "0123456789"]) } }
    # price that is no amount
    evaluator = { price_usd = "cheap" }
  }

  expect_failures = [
    var.callers,
    var.limits,
    var.consumers,
    var.evaluator,
  ]
}

run "refused_5" {
  command = plan
  variables {
    # consumer with a name that no account may have
    consumers = { Billing_Team = { member = "user:a@example.com" } }
    # metric with a blank
    evaluator = { metric = "gecko v2" }
  }

  expect_failures = [
    var.consumers,
    var.evaluator,
  ]
}
