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

run "signed_videos_by_default" {
  command = plan

  assert {
    condition     = google_storage_bucket.videos.public_access_prevention == "enforced"
    error_message = "Nothing in the bucket may be public."
  }
  assert {
    condition     = length(google_storage_managed_folder_iam_member.public) == 0
    error_message = "No folder may be public."
  }
  assert {
    condition     = keys(google_service_account_iam_member.signs) == ["facade", "worker"]
    error_message = "Both accounts sign addresses, each as itself."
  }
}

run "public_videos" {
  command = plan
  variables { public_videos = true }

  assert {
    condition     = google_storage_bucket.videos.public_access_prevention == "inherited"
    error_message = "Public addresses need a bucket that may have a public folder."
  }
  assert {
    condition     = keys(google_storage_managed_folder_iam_member.public) == ["generated-videos/", "posters/"]
    error_message = "Only finished videos and posters are public; work/ and references/ never."
  }
  assert {
    condition     = length(google_service_account_iam_member.signs) == 0
    error_message = "Nothing is signed, so no account needs the role for it."
  }
}

run "no_page_of_the_web_reads_files_unless_named" {
  command = plan

  assert {
    condition     = length(google_storage_bucket.videos.cors) == 0
    error_message = "CORS is for named origins."
  }
}

run "files_are_kept_as_long_as_said" {
  command = plan
  variables {
    work_days        = 45
    soft_delete_days = 0
  }

  assert {
    condition     = [for rule in google_storage_bucket.videos.lifecycle_rule : one(rule.condition).age] == [45, 1]
    error_message = "Clips are deleted after work_days, parts of broken uploads after a day."
  }
  assert {
    condition     = google_storage_bucket.videos.soft_delete_policy[0].retention_duration_seconds == 0
    error_message = "0 switches soft delete off."
  }
}

run "everything_is_protected_by_default" {
  command = plan

  assert {
    condition     = google_cloud_run_v2_service.facade[0].deletion_protection && google_cloud_run_v2_worker_pool.worker[0].deletion_protection
    error_message = "A destroy must take two applies."
  }
  assert {
    condition     = !google_storage_bucket.videos.force_destroy && google_firestore_database.jobs.delete_protection_state == "DELETE_PROTECTION_ENABLED"
    error_message = "Files and records must outlive a mistaken destroy."
  }
}

run "protection_can_be_lifted" {
  command = plan
  variables {
    protect      = false
    archive_days = 30
  }

  assert {
    condition     = google_firestore_database.jobs.deletion_policy == "DELETE" && google_firestore_database.jobs.delete_protection_state == "DELETE_PROTECTION_DISABLED"
    error_message = "Without protection the database goes with the rest."
  }
  assert {
    condition     = google_storage_bucket.videos.force_destroy && !google_bigquery_table.completions[0].deletion_protection
    error_message = "Without protection files and archive go with the rest."
  }
}
