# Optional: mails of the billing account. They come hours late and stop nothing; `var.limits` does.

resource "google_billing_budget" "project" {
  count           = var.billing == null ? 0 : 1
  billing_account = var.billing.account
  display_name    = "reelbus ${var.project_id}"

  budget_filter {
    projects = ["projects/${data.google_project.this.number}"]
  }
  amount {
    specified_amount {
      currency_code = var.billing.currency
      units         = tostring(var.billing.monthly)
    }
  }
  dynamic "threshold_rules" {
    for_each = [0.5, 0.9, 1]
    content {
      threshold_percent = threshold_rules.value
    }
  }
  threshold_rules {
    threshold_percent = 1
    spend_basis       = "FORECASTED_SPEND"
  }
  dynamic "all_updates_rule" {
    for_each = length(local.channels) == 0 ? [] : [slice(local.channels, 0, min(5, length(local.channels)))] # 5 at most
    content {
      monitoring_notification_channels = all_updates_rule.value
    }
  }
  depends_on = [google_project_service.needed]
}
