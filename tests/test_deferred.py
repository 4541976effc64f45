"""What SQLAlchemy imports without need is loaded when it is first used, and works as ever then."""

from __future__ import annotations

import subprocess
import sys

import pytest

_LOADED = "import sys, {first}; print({module!r} in sys.modules)"


def _answer(code: str) -> str:
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return ran.stdout.strip()


@pytest.mark.parametrize("module", ["asyncio.base_events", "email.message"])
def test_the_inventory_does_not_load_what_it_does_not_use(module: str) -> None:
    """SQLAlchemy alone loads it; by way of the inventory it does not."""
    assert _answer(_LOADED.format(first="sqlalchemy", module=module)) == "True"
    inventory = "trustctl.inventory.database"
    assert _answer(_LOADED.format(first=inventory, module=module)) == "False"


def test_a_deferred_module_is_whole_once_it_is_used() -> None:
    """Its functions run, its submodules import, and it is the same module for everybody."""
    used = _answer(
        "import trustctl.inventory, asyncio, importlib.metadata\n"
        "from importlib.metadata import version\n"
        "from asyncio import subprocess\n"
        "async def one(): return 1\n"
        "print(asyncio.run(one()), subprocess.PIPE, version('click') != '', type(asyncio).__name__)"
    )
    assert used == "1 -1 True module"


def test_an_answer_holds_while_it_is_given() -> None:
    """Afterwards the module is as it is; one that was loaded before is never answered for."""
    used = _answer(
        "import trustctl.inventory, sys\n"
        "from trustctl.deferred import answering\n"
        "def ask():\n"
        "    from importlib.metadata import version\n"
        "    return version('click')\n"
        "with answering('importlib.metadata', version=str): said = [ask()]\n"
        "said.append(ask() != 'click')\n"
        "with answering('importlib.metadata', version=str): said.append(ask() != 'click')\n"
        "print(said)"
    )
    assert used == "['click', True, True]"


def test_a_table_loads_no_mail_parser() -> None:
    """Tabulate would, for its own version."""
    table = "from trustctl import inventory, render; render.table(['A'], [['b']])"
    assert _answer(_LOADED.format(first="tabulate", module="email.message")) == "True"
    assert _answer(f"{table}; import sys; print('email.message' in sys.modules)").endswith("False")
