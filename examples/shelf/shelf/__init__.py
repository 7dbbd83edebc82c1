"""A shelf for files, each part of it in a module of its own."""
