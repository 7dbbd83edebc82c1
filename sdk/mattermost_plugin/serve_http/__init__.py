"""The contract's own way across: one `PluginHooks.ServeHTTP` call for each HTTP request, at both ends, and the hook by
which a plugin answers them.

What the contract cannot say stays behind: WebSockets, interim responses, trailers. Its rules as kept here:

- The first message of each direction holds `init`; any message may hold a piece of body; the last has `body_complete`.
- A call that ends without `body_complete` was cut short. It is never taken for a complete body.
- Each piece of a response is sent with `flush`, so that a host which buffers does not hold it back.
- A failure after the response started ends the call with a status that is not OK.
"""
