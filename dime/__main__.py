"""`python -m dime`: the command line."""

from dime.cli import main

main()
