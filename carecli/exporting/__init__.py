"""The metrics and alerts for outside systems: Prometheus and Grafana."""
