"""The SQLite inventory: the only importer of SQLAlchemy and Alembic."""

import inspect

from trustctl.deferred import defer

# SQLAlchemy imports these for engines and plug-ins that we never use: 15 % of a command's time
defer("asyncio", iscoroutine=inspect.iscoroutine)
defer("importlib.metadata")
