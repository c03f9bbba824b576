"""Microsoft.Insights, as far as it changes scale sets: autoscale settings."""
