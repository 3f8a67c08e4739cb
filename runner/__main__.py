"""`python -m runner`: the command line, where no script is installed."""

from runner.cli import main

if __name__ == "__main__":
    main(prog_name="runner")
