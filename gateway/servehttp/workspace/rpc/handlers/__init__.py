"""The handlers of the rpcs, by domain: every public coroutine function of a module answers the rpc of its name."""
