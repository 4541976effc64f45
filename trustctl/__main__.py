"""``python -m trustctl``, and the ``trustctl`` command."""

import gc

# start-up makes no garbage worth a collection: 10-20 % of its time
gc.disable()

from trustctl.cli import main  # noqa: E402

if __name__ == "__main__":
    main()
