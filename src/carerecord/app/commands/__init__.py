"""The words of the command line, a file for each family; `app/cli.py` sets them beside each other."""
