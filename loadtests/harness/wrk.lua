-- An argument is a body to be posted.
function init(arguments)
  if arguments[1] then
    wrk.method, wrk.body = "POST", arguments[1]
  end
end

-- Prints what was measured as one line of JSON. Latencies are microseconds.
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %.6f, "p50": %d, "p95": %d, "p99": %d, "max": %d, "errors": %d}\n',
    summary.requests, summary.duration / 1e6,
    latency:percentile(50), latency:percentile(95), latency:percentile(99), latency.max,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
