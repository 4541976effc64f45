"""``python -m trustctl``: the same as the ``trustctl`` command."""

from trustctl.cli import main

if __name__ == "__main__":
    main()
