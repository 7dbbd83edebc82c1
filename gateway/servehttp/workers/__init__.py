"""Several processes that serve HTTP on one port, and the main process that supervises plugins for all of them."""
