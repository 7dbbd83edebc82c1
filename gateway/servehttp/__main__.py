"""`python -m servehttp`."""

from servehttp.cli import main

if __name__ == "__main__":
    main()
