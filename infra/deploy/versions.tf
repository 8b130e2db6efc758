terraform {
  required_version = ">= 1.9, < 2"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 8.7"
    }
    google-beta = {
      source  = "hashicorp/google-beta"
      version = "~> 8.7"
    }
  }
}

provider "google" {
  project               = var.project_id
  region                = var.region
  default_labels        = local.labels
  billing_project       = var.project_id # the budget's API asks which project its calls are counted for
  user_project_override = true
}

# Only for google_project_service_identity, which the other provider lacks.
provider "google-beta" {
  project = var.project_id
  region  = var.region
}
