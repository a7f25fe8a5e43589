"""`python -m mendloop` is the command line."""

from mendloop.cli import main

main()
