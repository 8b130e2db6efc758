# Every value is checked here, so that a wrong one stops `terraform plan` and not a paid job.

# --- Where -----------------------------------------------------------------------------------------------------------

variable "project_id" {
  description = "An existing project with billing, for reelbus alone: some roles can only be granted on a whole project."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id must be the id of a project (6 to 30 small letters, digits and hyphens), not its name or number."
  }
}

variable "region" {
  description = "The region of everything. Veo is offered in us-central1; Gemini Omni is always called in `global`."
  type        = string
  default     = "us-central1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region must be a region such as us-central1: Cloud Run and the bucket must be in one place."
  }
}

variable "protect" {
  description = "Terraform can't delete the database, the bucket's files, the archive, the service and the pool. To destroy them: apply with false first."
  type        = bool
  default     = true
  nullable    = false
}

# --- What runs -------------------------------------------------------------------------------------------------------

variable "image" {
  description = "The image of facade and workers by digest, when they are made; later images are deployed with gcloud (README.md). Null: all else is made, so that there is a registry to push to."
  type        = string
  default     = null

  validation {
    condition     = var.image == null || can(regex("^[a-z0-9./_-]+(:[A-Za-z0-9._-]+)?@sha256:[0-9a-f]{64}$", var.image))
    error_message = "image must end with @sha256:<64 hex digits>: a tag can be moved to another image."
  }
}

variable "workers" {
  description = "Worker instances. Each takes its share of the model's quota, so a count that changes by itself would break the pace."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = var.workers >= 1 && var.workers <= 100 && floor(var.workers) == var.workers
    error_message = "workers must be a whole number from 1 to 100."
  }
}

variable "submits_per_minute" {
  description = "The quota of one model in this project, requests a minute: all workers together send no more."
  type        = number
  default     = 50
  nullable    = false

  validation {
    condition     = var.submits_per_minute > 0
    error_message = "submits_per_minute must be more than 0."
  }
}

variable "facade_instances" {
  description = "The fewest and the most instances of the facade. One carries 1,000 callers that wait."
  type        = object({ min = optional(number, 1), max = optional(number, 10) })
  default     = {}
  nullable    = false

  validation {
    condition     = var.facade_instances.min >= 1 && var.facade_instances.max >= var.facade_instances.min
    error_message = "facade_instances: min must be at least 1, since the first caller would wait for a start, and max at least min."
  }
}

variable "models" {
  description = "What `fast` and `quality` mean: ids of models in their order. Empty: the defaults of the release."
  type        = object({ fast = optional(list(string), []), quality = optional(list(string), []) })
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for id in concat(var.models.fast, var.models.quality) : can(regex("^[a-z0-9][a-z0-9.-]{1,62}$", id))])
    error_message = "models: each must be the id of a model, such as veo-3.1-fast-generate-001."
  }
}

variable "limits" {
  description = "Caps of spending, which the workers hold (docs/budgets.md): scope `all`, `project:<id>` or `label:<key>=<value>`, period `day` or `month`, US dollars. Empty: none."
  type        = list(object({ scope = string, period = string, limit_usd = string }))
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for it in var.limits : can(regex("^(all|project:[^/[:space:]]{1,128}|label:[a-z][a-z0-9_-]{0,62}=[a-z0-9_-]{0,63})$", it.scope))])
    error_message = "limits: scope must be all, project:<id> or label:<key>=<value>."
  }
  validation {
    condition     = alltrue([for it in var.limits : contains(["day", "month"], it.period) && can(regex("^[0-9]{1,9}([.][0-9]{1,6})?$", it.limit_usd))])
    error_message = "limits: period must be day or month, and limit_usd a number of dollars as text, such as \"500\"."
  }
  validation {
    condition     = length(distinct([for it in var.limits : "${it.scope} ${it.period}"])) == length(var.limits)
    error_message = "limits: one scope may have one limit a period."
  }
}

variable "max_queued_per_caller" {
  description = "Jobs of one caller, or else project, that may be queued; 0: no limit."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.max_queued_per_caller >= 0 && floor(var.max_queued_per_caller) == var.max_queued_per_caller
    error_message = "max_queued_per_caller must be a whole number from 0."
  }
}

variable "retention_days" {
  description = "Jobs that ended so many days ago are erased to a tombstone; 0: never (docs/retention.md)."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.retention_days >= 0 && var.retention_days <= 36500 && floor(var.retention_days) == var.retention_days
    error_message = "retention_days must be a whole number from 0 to 36500."
  }
}

variable "evaluator" {
  description = "Videos are scored against their prompts, if a request or a share asks for it (docs/checks.md): each call costs money, at most `per_day` of them. `location` of the service, empty: the region; `share`: of a project's videos, scored unasked; `price_usd` of one call, for the ledger. Null: none."
  type = object({
    location  = optional(string, "")
    share     = optional(map(number), {})
    per_day   = optional(number, 200)
    price_usd = optional(string, "")
    metric    = optional(string, "")
  })
  default = null

  validation {
    condition     = can(regex("^([a-z]+-[a-z]+[0-9]+|global)?$", try(var.evaluator.location, "")))
    error_message = "evaluator.location must be a location of Vertex AI such as us-central1."
  }
  validation {
    condition     = alltrue([for share in values(try(var.evaluator.share, {})) : share >= 0 && share <= 1])
    error_message = "evaluator.share: each must be from 0 to 1, for a project or for * (every other one)."
  }
  validation {
    condition     = try(var.evaluator.per_day, 0) >= 0 && try(var.evaluator.per_day, 0) <= 1000000 && floor(try(var.evaluator.per_day, 0)) == try(var.evaluator.per_day, 0)
    error_message = "evaluator.per_day must be a whole number from 0 to 1000000."
  }
  validation {
    condition     = can(regex("^([0-9]{1,9}([.][0-9]{1,6})?)?$", try(var.evaluator.price_usd, "")))
    error_message = "evaluator.price_usd must be a number of dollars as text, such as \"0.05\"."
  }
  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{0,100}$", try(var.evaluator.metric, "")))
    error_message = "evaluator.metric must be the name of a metric, such as gecko_text2video_v2."
  }
}

# --- Who may do what -------------------------------------------------------------------------------------------------

variable "access" {
  description = "How the facade knows its callers: `keys` (REELBUS_API_KEYS in a secret), `tokens` (Google ID tokens of `callers`) or `iam` (Cloud Run lets only `callers` in; all see all jobs)."
  type        = string
  default     = "keys"
  nullable    = false

  validation {
    condition     = contains(["keys", "tokens", "iam"], var.access)
    error_message = "access must be keys, tokens or iam."
  }
}

variable "callers" {
  description = "With access `tokens` and `iam`: who may call, as IAM members (serviceAccount:… or user:…; with iam group:… too)."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for member in var.callers : can(regex("^(serviceAccount|user|group):[^@[:space:]]+@[^@[:space:]]+$", member))])
    error_message = "callers must be members such as serviceAccount:name@project.iam.gserviceaccount.com; allUsers is none."
  }
  validation {
    condition     = (var.access == "keys") == (length(var.callers) == 0)
    error_message = "callers must be named with access tokens and iam, and can't be with keys: there the keys say who may call."
  }
  validation {
    condition     = var.access != "tokens" || !anytrue([for member in var.callers : startswith(member, "group:")])
    error_message = "callers: an ID token names one account, so with access tokens no group can be a caller."
  }
}

variable "requesters" {
  description = "IAM members that publish requests themselves, such as the Node product's service account."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for member in var.requesters : can(regex("^(serviceAccount|user|group):[^@[:space:]]+@[^@[:space:]]+$|^principal(Set)?://iam[.]googleapis[.]com/", member))])
    error_message = "requesters must be members such as serviceAccount:name@project.iam.gserviceaccount.com; allUsers is none."
  }
}

variable "consumers" {
  description = "Downstream consumers of completions, by name. Pull: `member` may read its own subscription. Push: `push_endpoint` gets each completion with an ID token of an account of its own (output `push_accounts`). `filter`: a Pub/Sub filter, which can't be changed later."
  type        = map(object({ member = optional(string), push_endpoint = optional(string), filter = optional(string) }))
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.consumers) : can(regex("^[a-z][a-z0-9-]{1,14}[a-z0-9]$", name))])
    error_message = "consumers: a name must have 3 to 16 small letters, digits and hyphens, since it is a part of a service account's name."
  }
  validation {
    condition     = !contains(keys(var.consumers), "archive")
    error_message = "consumers: archive is the name of BigQuery's own subscription (archive_days)."
  }
  validation {
    condition     = alltrue([for it in values(var.consumers) : (it.member == null) != (it.push_endpoint == null)])
    error_message = "consumers: each must have a member, which pulls, or a push_endpoint, and not both."
  }
  validation {
    condition     = alltrue([for it in values(var.consumers) : it.push_endpoint == null || can(regex("^https://", it.push_endpoint))])
    error_message = "consumers: a push_endpoint must begin with https://."
  }
  validation {
    condition     = alltrue([for it in values(var.consumers) : it.filter == null || length(coalesce(it.filter, "-")) <= 256])
    error_message = "consumers: Pub/Sub takes filters of at most 256 bytes."
  }
}

variable "operators" {
  description = "IAM members that use the command line on the stores: status, reconcile, resolve, replay, dead letters. With access `tokens` their accounts may do the same at the facade (scope `operate`)."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for member in var.operators : can(regex("^(serviceAccount|user|group):[^@[:space:]]+@[^@[:space:]]+$", member))])
    error_message = "operators must be members such as user:name@example.com; allUsers is none."
  }
}

# --- Addresses -------------------------------------------------------------------------------------------------------

variable "public_url" {
  description = "How callers reach the facade, if a domain or a load balancer of yours is before it. Empty: Cloud Run's own address."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^(https://[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9._~/-]*)?)?$", var.public_url))
    error_message = "public_url must be an address such as https://video.example.com, or with a path."
  }
}

variable "allowed_hosts" {
  description = "Further names by which callers reach the facade (docs/security.md, \"Web pages\")."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for host in var.allowed_hosts : can(regex("^([*]|([*][.])?[A-Za-z0-9.-]+)$", host))])
    error_message = "allowed_hosts: each must be a name such as video.example.com or *.example.com, without a scheme."
  }
}

# --- Webhooks --------------------------------------------------------------------------------------------------------

variable "webhooks" {
  description = "Requests may name a webhook (docs/webhooks.md), signed with the masters in the secret reelbus-webhook-secrets. `networks` may be reached beside public addresses, by any port; `ports` are those of public addresses. `endpoints`: the secret reelbus-webhook-endpoints has addresses of yours. Null: none."
  type        = object({ networks = optional(set(string), []), ports = optional(set(number), [443]), endpoints = optional(bool, false) })
  default     = null

  validation {
    condition     = alltrue([for network in try(var.webhooks.networks, []) : can(cidrhost(network, 0))])
    error_message = "webhooks.networks: each must be a network such as 10.1.0.0/16."
  }
  validation {
    condition     = alltrue([for port in try(var.webhooks.ports, []) : port >= 1 && port <= 65535 && floor(port) == port])
    error_message = "webhooks.ports: each must be a whole number from 1 to 65535."
  }
  validation {
    condition     = length(try(var.webhooks.ports, [443])) > 0
    error_message = "webhooks.ports must name a port; without webhooks leave the whole variable out."
  }
}

# --- Files -----------------------------------------------------------------------------------------------------------

variable "bucket" {
  description = "The name of the bucket to make. Empty: <project_id>-videos."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.bucket == "" || can(regex("^[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "bucket must have 3 to 63 small letters, digits, hyphens and underscores."
  }
}

variable "public_videos" {
  description = "Finished videos and posters have public addresses that never expire. False: each address is signed when a job is read."
  type        = bool
  default     = false
  nullable    = false
}

variable "provenance" {
  description = "Workers sign the C2PA manifests of videos that they cut or join (docs/provenance.md) with what is in the secrets reelbus-c2pa-certificate and reelbus-c2pa-key."
  type        = bool
  default     = false
  nullable    = false
}

variable "reference_buckets" {
  description = "Other buckets that may hold reference images; facade and workers may read them."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for bucket in var.reference_buckets : can(regex("^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$", bucket))])
    error_message = "reference_buckets: each must be the name of a bucket, without gs://."
  }
}

variable "origins" {
  description = "Origins whose pages may read videos with fetch, such as https://www.example.com; players and downloads need none."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for origin in var.origins : can(regex("^(https?://[^/[:space:]]+|[*])$", origin))])
    error_message = "origins: each must be https://<host> without a path, or *."
  }
}

variable "work_days" {
  description = "Files under work/, the clips as the model made them, are deleted after so many days. A restored database pays nothing again for as long as they exist."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.work_days >= 2 && floor(var.work_days) == var.work_days
    error_message = "work_days must be a whole number from 2: a worker searches for a paid clip for 24 hours."
  }
}

variable "soft_delete_days" {
  description = "How long a deleted file can be brought back, and is paid for; 0: not at all. What `reelbus purge` erased is gone only after it."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.soft_delete_days == 0 || (var.soft_delete_days >= 7 && var.soft_delete_days <= 90 && floor(var.soft_delete_days) == var.soft_delete_days)
    error_message = "soft_delete_days must be 0, or a whole number from 7 to 90."
  }
}

# --- Records ---------------------------------------------------------------------------------------------------------

variable "database" {
  description = "The Firestore database to make."
  type        = string
  default     = "(default)"
  nullable    = false

  validation {
    condition     = var.database == "(default)" || can(regex("^[a-z][a-z0-9-]{2,61}[a-z0-9]$", var.database))
    error_message = "database must be (default), or 4 to 63 small letters, digits and hyphens."
  }
}

variable "backup_days" {
  description = "How long each daily backup of the database is kept; 0: none is made."
  type        = number
  default     = 14
  nullable    = false

  validation {
    condition     = var.backup_days >= 0 && var.backup_days <= 98 && floor(var.backup_days) == var.backup_days
    error_message = "backup_days must be a whole number from 0 to 98, Firestore's longest."
  }
}

variable "archive_days" {
  description = "Every completion is kept in BigQuery for so many days; 0: there is no archive."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.archive_days >= 0 && floor(var.archive_days) == var.archive_days
    error_message = "archive_days must be a whole number from 0."
  }
}

# --- Seen and alarmed ------------------------------------------------------------------------------------------------

variable "telemetry" {
  description = "Facade and workers send traces and metrics to Google's OTLP endpoint. False: only alerts on Google's own metrics and on logs are made."
  type        = bool
  default     = true
  nullable    = false
}

variable "notify" {
  description = "E-mail addresses that alerts go to."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for address in var.notify : can(regex("^[^@[:space:]]+@[^@[:space:]]+$", address))])
    error_message = "notify: each must be an e-mail address."
  }
}

variable "notify_channels" {
  description = "Further notification channels by id, such as projects/P/notificationChannels/1: PagerDuty, Slack."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for channel in var.notify_channels : can(regex("^projects/[^/[:space:]]+/notificationChannels/[^/[:space:]]+$", channel))])
    error_message = "notify_channels: each must be projects/<project>/notificationChannels/<id>."
  }
}

variable "runbook_url" {
  description = "Where docs/runbook/ can be read in a browser; each alert then links to its page. The page itself is in the alert in any case."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.runbook_url == "" || can(regex("^https://.*[^/]$", var.runbook_url))
    error_message = "runbook_url must begin with https:// and end without a slash."
  }
}

variable "billing" {
  description = "A budget of the billing account that tells of money spent, hours late; it stops nothing (`limits` do). Whoever applies it needs roles/billing.costsManager on the account. Null: none."
  type        = object({ account = string, monthly = number, currency = optional(string, "USD") })
  default     = null

  validation {
    condition     = try(var.billing.account, "") == "" || can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.billing.account))
    error_message = "billing.account must be an id such as 012345-6789AB-CDEF01."
  }
  validation {
    condition     = try(var.billing.monthly, 1) >= 1 && floor(try(var.billing.monthly, 1)) == try(var.billing.monthly, 1)
    error_message = "billing.monthly must be a whole amount from 1."
  }
}
