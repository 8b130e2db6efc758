# Where the image is pushed to. Tags can't be moved, and what runs is named by its digest.

resource "google_artifact_registry_repository" "images" {
  repository_id = "reelbus"
  location      = var.region
  format        = "DOCKER"

  docker_config {
    immutable_tags = true
  }
  cleanup_policies {
    id     = "keep-the-newest"
    action = "KEEP"
    most_recent_versions {
      keep_count = 10
    }
  }
  cleanup_policies {
    id     = "delete-the-old"
    action = "DELETE"
    condition {
      older_than = "2592000s" # 30 days
    }
  }
  depends_on = [google_project_service.needed]
}
