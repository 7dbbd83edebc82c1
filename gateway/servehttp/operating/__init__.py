"""What an operator does from the command line: manage the plugins of a gateway that runs, and accounts."""
