# The state names every resource; only who applies should read it. Versions of it are kept by the bucket.
terraform {
  backend "gcs" {
    bucket = "demo-project-terraform"
    prefix = "reelbus"
  }
}
