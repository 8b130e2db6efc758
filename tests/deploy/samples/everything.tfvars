# Every option in use, for the checks of tests/deploy.
project_id            = "demo-project"
image                 = "us-central1-docker.pkg.dev/demo-project/reelbus/reelbus@sha256:0000000000000000000000000000000000000000000000000000000000000000"
public_videos         = true
workers               = 3
submits_per_minute    = 120
max_queued_per_caller = 50
retention_days        = 90
models                = { fast = ["veo-3.1-fast-generate-001"], quality = ["veo-3.1-generate-001", "gemini-omni-1.2-flash"] }
limits                = [{ scope = "all", period = "month", limit_usd = "500" }, { scope = "project:acme", period = "day", limit_usd = "20.50" }]
reference_buckets     = ["their-images"]
origins               = ["https://www.example.com"]
allowed_hosts         = ["video.example.com"]
requesters            = ["serviceAccount:node@demo-project.iam.gserviceaccount.com"]
operators             = ["user:op@example.com"]
webhooks              = { networks = ["10.1.0.0/16", "10.2.0.0/16"], ports = [443, 8443], endpoints = true }
evaluator             = { location = "europe-west4", share = { acme = 0.1, "*" = 0.01 }, per_day = 50, price_usd = "0.05", metric = "gecko_text2video_v1" }
provenance            = true
archive_days          = 400
notify                = ["oncall@example.com"]
runbook_url           = "https://example.com/runbook"
billing               = { account = "012345-6789AB-CDEF01", monthly = 500 }
consumers = {
  billing = { member = "serviceAccount:billing@demo-project.iam.gserviceaccount.com" }
  site    = { push_endpoint = "https://site.example.com/done", filter = "attributes.ce-type = \"reelbus.video.failed.v1\"" }
}
