-- Arguments: `post BODY` posts the body, `vary` makes the head of every request another.
function init(arguments)
  if arguments[1] == "post" then
    wrk.method, wrk.body = "POST", arguments[2]
  elseif arguments[1] == "vary" then
    request = varied()
  end
end

-- A function that makes requests: query, cookie and trace id have the number of each.
function varied()
  local usual = wrk.format("GET")
  local place = usual:find(" HTTP/1.1", 1, true)
  local pattern = usual:sub(1, place - 1):gsub("%%", "%%%%") .. "?request=%d"
    .. usual:sub(place, -3):gsub("%%", "%%%%")
    .. "Cookie: theme=light; session=%032x\r\ntraceparent: 00-%032x-%016x-01\r\n\r\n"
  local number = 0
  return function()
    number = number + 1
    return pattern:format(number, number, number, number)
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
