"""`python -m servehttp`."""

from servehttp.command import main

if __name__ == "__main__":
    main()
