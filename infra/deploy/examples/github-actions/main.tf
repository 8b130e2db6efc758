# Lets one branch of one GitHub repository push images and deploy them, without a key: GitHub's token is exchanged for one
# of a service account. A root of its own, applied once after infra/deploy.

terraform {
  required_version = ">= 1.9, < 2"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 8.7"
    }
  }
}

provider "google" {
  project        = var.project_id
  region         = var.region
  default_labels = { app = "reelbus" }
}

variable "project_id" {
  description = "The project of infra/deploy."
  type        = string
}

variable "region" {
  description = "The region of infra/deploy."
  type        = string
  default     = "us-central1"
}

variable "repository_id" {
  description = "The numeric id of the repository: `gh api repos/OWNER/NAME --jq .id`. A name can be taken over by another owner, an id can't."
  type        = string

  validation {
    condition     = can(regex("^[0-9]+$", var.repository_id))
    error_message = "repository_id must be the number of the repository, not its name."
  }
}

variable "branch" {
  description = "Only runs of this branch may deploy."
  type        = string
  default     = "main"

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9._/-]*$", var.branch))
    error_message = "branch must be the name of one branch."
  }
}

variable "evaluator" {
  description = "infra/deploy has an `evaluator`, which is deployed as well."
  type        = bool
  default     = false
}

locals {
  pools = concat(["reelbus-worker"], var.evaluator ? ["reelbus-evaluator"] : [])
}

resource "google_project_service" "sts" {
  for_each           = toset(["iam.googleapis.com", "sts.googleapis.com"])
  service            = each.key
  disable_on_destroy = false
}

resource "google_iam_workload_identity_pool" "github" {
  workload_identity_pool_id = "github"
  description               = "Runs of GitHub Actions"
  depends_on                = [google_project_service.sts]
}

resource "google_iam_workload_identity_pool_provider" "github" {
  workload_identity_pool_id          = google_iam_workload_identity_pool.github.workload_identity_pool_id
  workload_identity_pool_provider_id = "github"

  attribute_mapping = {
    "google.subject"          = "assertion.sub"
    "attribute.repository_id" = "assertion.repository_id"
  }
  # Without it every repository of GitHub could ask for a token.
  attribute_condition = "assertion.repository_id == '${var.repository_id}' && assertion.ref == 'refs/heads/${var.branch}'"

  oidc {
    issuer_uri = "https://token.actions.githubusercontent.com"
  }
}

resource "google_service_account" "deployer" {
  account_id   = "reelbus-deployer"
  display_name = "reelbus: pushes and deploys images from GitHub"
}

resource "google_service_account_iam_member" "from_github" {
  service_account_id = google_service_account.deployer.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "principalSet://iam.googleapis.com/${google_iam_workload_identity_pool.github.name}/attribute.repository_id/${var.repository_id}"
}

resource "google_artifact_registry_repository_iam_member" "pushes" {
  repository = "reelbus"
  location   = var.region
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.deployer.member
}

# On those that are deployed, and not on the project: with it there the account could make services of its own.
resource "google_cloud_run_v2_service_iam_member" "deploys" {
  name     = "reelbus-facade"
  location = var.region
  role     = "roles/run.developer"
  member   = google_service_account.deployer.member
}

resource "google_cloud_run_v2_worker_pool_iam_member" "deploys" {
  for_each = toset(local.pools)
  name     = each.key
  location = var.region
  role     = "roles/run.developer"
  member   = google_service_account.deployer.member
}

# A deployer must be allowed to run something as the account under which it will run.
resource "google_service_account_iam_member" "runs_as" {
  for_each           = toset(concat(["reelbus-facade"], local.pools))
  service_account_id = "projects/${var.project_id}/serviceAccounts/${each.key}@${var.project_id}.iam.gserviceaccount.com"
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.deployer.member
}

output "provider" {
  description = "The workflow's GCP_PROVIDER."
  value       = google_iam_workload_identity_pool_provider.github.name
}

output "deployer" {
  description = "The workflow's GCP_DEPLOYER."
  value       = google_service_account.deployer.email
}
