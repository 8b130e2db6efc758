# Alerts, dashboards, the uptime check, and a metric of the log lines that are about money.
#
# alerts.yaml is in Prometheus's own names, so that promtool tests it and any Prometheus runs it. Google's OTLP endpoint
# keeps the dots of OpenTelemetry's names, and queries quote them: https://cloud.google.com/stackdriver/docs/otlp-metrics/overview
# metrics.json has both names; each word of a query that it lists is replaced.

locals {
  metrics = jsondecode(file("${path.module}/metrics.json"))
  words = merge(
    { for plain, dotted in local.metrics.labels : plain => "\"${dotted}\"" },
    merge([
      for plain, dotted in local.metrics.metrics : {
        for end in ["", "_bucket", "_count", "_sum"] : "${plain}${end}{" => "{\"${dotted}${end}\", "
      }
    ]...),
  )
  groups = yamldecode(file("${path.module}/alerts.yaml")).groups
  rules = merge([
    for group in local.groups : {
      for rule in group.rules : rule.alert => {
        group    = group.name
        expr     = rule.expr
        query    = join("", [for word in regexall("[A-Za-z_:][A-Za-z0-9_:]*[{]?|[^A-Za-z_:]+", rule.expr) : lookup(local.words, word, word)])
        duration = rule.for
        labels   = rule.labels
        summary  = rule.annotations.summary
      }
      } if lookup({
        reelbus-webhooks  = var.webhooks != null # else no courier takes what it asks about
        reelbus-evaluator = var.evaluator != null
        reelbus-telemetry = var.telemetry
    }, group.name, true)
  ]...)
  channels = concat([for channel in values(google_monitoring_notification_channel.email) : channel.id], sort(var.notify_channels))

  # The page of each alert is in the alert: whoever is woken up needs no repository. Cloud Monitoring takes 10,240 bytes.
  runbooks = { for alert in concat(keys(local.rules), ["Broken"]) : alert => join("\n\n", compact([
    var.runbook_url == "" ? "" : "[docs/runbook/${alert}.md](${var.runbook_url}/${alert}.md)",
    file("${path.module}/../../docs/runbook/${alert}.md"),
  ])) }
  severities = { page = "CRITICAL", ticket = "WARNING" }
}

resource "google_monitoring_notification_channel" "email" {
  for_each     = var.notify
  display_name = each.key
  type         = "email"
  labels       = { email_address = each.key }
  depends_on   = [google_project_service.needed]
}

resource "google_monitoring_alert_policy" "rule" {
  for_each              = local.rules
  display_name          = "reelbus: ${each.key}"
  combiner              = "OR"
  severity              = local.severities[each.value.labels.severity]
  notification_channels = local.channels
  user_labels           = { app = "reelbus", alert = lower(each.key) }

  documentation {
    subject   = "reelbus ${each.key}: ${each.value.summary}"
    content   = local.runbooks[each.key]
    mime_type = "text/markdown"
    dynamic "links" {
      for_each = var.runbook_url == "" ? [] : [var.runbook_url]
      content {
        display_name = "docs/runbook/${each.key}.md"
        url          = "${links.value}/${each.key}.md"
      }
    }
  }
  conditions {
    display_name = each.key
    condition_prometheus_query_language {
      query                     = each.value.query
      duration                  = { "0m" = "0s", "5m" = "300s", "10m" = "600s", "15m" = "900s", "30m" = "1800s" }[each.value.duration]
      evaluation_interval       = "60s"
      rule_group                = each.value.group
      alert_rule                = each.key
      labels                    = each.value.labels
      disable_metric_validation = true # a metric of ours exists only after the first job
    }
  }
  alert_strategy {
    auto_close = "604800s"
  }
  depends_on = [google_logging_metric.money]
}

# An error that no other alert knows. Prometheus reads no logs, so this one is not in alerts.yaml.
resource "google_monitoring_alert_policy" "broken" {
  display_name          = "reelbus: Broken"
  combiner              = "OR"
  severity              = local.severities.ticket
  notification_channels = local.channels
  user_labels           = { app = "reelbus", alert = "broken" }

  documentation {
    subject   = "reelbus Broken: a facade, a worker or an evaluator logged an error that it did not expect."
    content   = local.runbooks["Broken"]
    mime_type = "text/markdown"
    dynamic "links" {
      for_each = var.runbook_url == "" ? [] : [var.runbook_url]
      content {
        display_name = "docs/runbook/Broken.md"
        url          = "${links.value}/Broken.md"
      }
    }
  }
  conditions {
    display_name = "Broken"
    condition_matched_log {
      filter           = <<-EOT
        (resource.labels.service_name="${local.facade_name}" OR resource.labels.worker_pool_name=("${local.worker_name}" OR "${local.evaluator_name}"))
        (severity>=ERROR OR jsonPayload.action=("completions_broke" OR "handling_failed" OR "http_broke"))
      EOT
      label_extractors = { action = "EXTRACT(jsonPayload.action)" }
    }
  }
  alert_strategy {
    auto_close = "604800s"
    notification_rate_limit {
      period = "300s"
    }
  }
  depends_on = [google_project_service.needed]
}

# The two alerts about money work without telemetry, too.
resource "google_logging_metric" "money" {
  name        = "reelbus_money"
  description = "Log lines about a clip that may be paid and not delivered, by their action."
  filter      = "jsonPayload.action=(\"generation_lost\" OR \"submit_unknown\")"

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
    labels {
      key        = "action"
      value_type = "STRING"
    }
  }
  label_extractors = { action = "EXTRACT(jsonPayload.action)" }
  depends_on       = [google_project_service.needed]
}

# Cloud Run asks for a Google account with access `iam`, which the check has not.
resource "google_monitoring_uptime_check_config" "facade" {
  count        = var.access == "iam" || local.is_running == 0 ? 0 : 1
  display_name = "reelbus facade"
  period       = "60s"
  timeout      = "10s"

  http_check {
    path         = "${trimsuffix(replace(local.environment.REELBUS_PUBLIC_URL, "/^https:..[^/]+/", ""), "/")}/livez"
    port         = 443
    use_ssl      = true
    validate_ssl = true
  }
  monitored_resource {
    type = "uptime_url"
    labels = {
      host       = regex("^https://([^/:]+)", local.environment.REELBUS_PUBLIC_URL)[0]
      project_id = var.project_id
    }
  }
}

resource "google_monitoring_dashboard" "each" {
  for_each       = fileset("${path.module}/dashboards", "*.json")
  dashboard_json = file("${path.module}/dashboards/${each.key}")
  depends_on     = [google_project_service.needed]
}
