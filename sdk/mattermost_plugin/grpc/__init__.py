"""Messages, stubs and servicers generated from proto/, one module for each file; see proto/README.md."""
