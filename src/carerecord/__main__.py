"""The command line: `carerecord --help` tells the rest."""

from carerecord.app.cli import main

if __name__ == "__main__":
    main()
