"""What the benchmarks and load tests share: servers as processes, clients, and figures taken from both."""
