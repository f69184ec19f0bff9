"""`python -m carecli` is `carecli`."""

from carecli.cli import main

main()
