"""What `slo doctor` looks at: a cluster, a Prometheus, a service. It changes nothing anywhere."""
