"""`python -m launcher` is `curb`: for where the command itself is not on the PATH."""

from launcher.cli import main

if __name__ == "__main__":
    main()
