"""What an operator does from the command line: manage plugins and accounts, and back up what is kept."""
