project_id = "demo-project"
# After the first apply, when the image is pushed:
# image    = "us-central1-docker.pkg.dev/demo-project/reelbus/reelbus@sha256:…"

# No more than this is spent, whatever is asked for.
limits = [{ scope = "all", period = "day", limit_usd = "50" }, { scope = "all", period = "month", limit_usd = "500" }]
notify = ["oncall@example.com"]
