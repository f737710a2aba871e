"""`python -m tocsin.cli`: the same as `tocsin`, where no script is installed."""

from tocsin.cli import main

main()
