"""`python -m tocsin.cli`: the same as `tocsin`, without the installed script."""

from tocsin.cli import main

main()
