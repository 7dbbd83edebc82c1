"""What is written: posts, threads, files, reactions, emoji, searches."""
