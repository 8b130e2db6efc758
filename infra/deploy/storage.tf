# The bucket. Only finished videos and posters may be public; clips, reference images and markers never are.

resource "google_storage_bucket" "videos" {
  name                        = var.bucket == "" ? "${var.project_id}-videos" : var.bucket
  location                    = var.region
  force_destroy               = !var.protect
  uniform_bucket_level_access = true
  public_access_prevention    = var.public_videos ? "inherited" : "enforced"

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age            = var.work_days
      matches_prefix = ["work/"]
    }
  }
  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }
    condition {
      age = 1
    }
  }
  soft_delete_policy {
    retention_duration_seconds = var.soft_delete_days * 24 * 3600
  }
  dynamic "cors" {
    for_each = length(var.origins) == 0 ? [] : [sort(var.origins)]
    content {
      origin          = cors.value
      method          = ["GET", "HEAD"]
      response_header = ["Accept-Ranges", "Content-Length", "Content-Range", "Content-Type"]
      max_age_seconds = 3600
    }
  }
  depends_on = [google_project_service.needed]
}

# A managed folder can be public in a bucket that is not; a condition on the bucket's role can't name allUsers.
resource "google_storage_managed_folder" "public" {
  for_each      = var.public_videos ? toset(["generated-videos/", "posters/"]) : []
  bucket        = google_storage_bucket.videos.name
  name          = each.key
  force_destroy = true # the folder goes without its files: they are the bucket's
}

resource "google_storage_managed_folder_iam_member" "public" {
  for_each       = google_storage_managed_folder.public
  bucket         = each.value.bucket
  managed_folder = each.value.name
  role           = "roles/storage.objectViewer"
  member         = "allUsers"
}

resource "google_storage_bucket_iam_member" "files" {
  for_each = merge(
    {
      facade = local.facade
      worker = local.worker
      model  = google_project_service_identity.agent["aiplatform"].member # Vertex AI writes clips and reads images
    },
    { for member in var.operators : member => member },
  )
  bucket = google_storage_bucket.videos.name
  role   = "roles/storage.objectUser"
  member = each.value
}

resource "google_storage_bucket_iam_member" "references" {
  for_each = {
    for pair in setproduct(var.reference_buckets, ["facade", "worker", "model"]) :
    join(" ", pair) => { bucket = pair[0], reader = pair[1] }
  }
  bucket = each.value.bucket
  role   = "roles/storage.objectViewer"
  member = {
    facade = local.facade
    worker = local.worker
    model  = google_project_service_identity.agent["aiplatform"].member
  }[each.value.reader]
}
