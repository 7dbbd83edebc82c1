"""What the gateway has counted, told to Prometheus on a listener of its own."""
