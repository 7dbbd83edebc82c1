"""One listener for all that is called in a process: docs/protocol.md §2.1.

`listener` takes connections, with TLS or without. `first_call` finds out what each is for, and `entrance` gives it to
what serves that: a call that has its connection for itself, or gRPC with as many calls as there are.
"""
