"""Who may import whom: the layers of the design, walked module by module."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import trustctl

_PACKAGE = Path(trustctl.__file__).parent
_LIMIT_LINES = 320
_EVERYWHERE = {"errors", "facts"}
# what each layer may import beside itself, errors and facts
_MAY = {
    "__init__": set(),
    "__main__": {"cli"},
    "ca": {"files", "resources"},
    "cli": {"__init__", "commands"},
    "commands": {
        "ca", "export", "files", "intake", "inventory", "notify", "policy", "prove", "publish",
        "render", "wire",
    },
    "deferred": set(),
    "errors": set(),
    "export": {"resources"},
    "facts": set(),
    "files": set(),
    "intake": set(),
    "inventory": {"deferred", "resources"},
    "notify": set(),
    "policy": set(),
    "prove": {"export", "publish"},
    "publish": {"export", "files", "resources"},
    "render": {"deferred"},
    "resources": set(),
    "wire": set(),
}  # fmt: skip
# libraries that one place alone may use
_ONLY_IN = {
    "OpenSSL": {"export.openssl_dir", "wire.handshake"},
    "PIL": {"export.card_page"},
    "alembic": {"inventory.upkeep"},
    "asn1crypto": {"facts.fallback"},
    "click": {"cli", "commands"},
    "cryptography": {
        "ca",
        "export.pkcs12",
        "facts.fallback",
        "facts.parser",
        "facts.request",
        "facts.selfsign",
        "prove.attacks",
        "prove.throwaway",
        "wire.publicca",
    },
    "dns": {"prove.nameserver", "wire.query"},
    "fpdf": {"export.card_page"},
    "idna": {"facts.names"},
    "segno": {"export.card"},
    "sqlalchemy": {"inventory"},
    "sqlite3": {"inventory"},
    "subprocess": {"notify", "prove", "publish.programs"},
    "tabulate": {"render"},
}
_FOR_TYPES = {"cryptography": "commands", "sqlalchemy": "commands"}
"""Commands hand connections and our own certificates on, and may name their types."""
_LATE = {("facts.certificate", "facts.parser")}
"""The parser is loaded when there is something to parse: it needs the type that it makes."""


def _modules() -> dict[str, Path]:
    found = {}
    for path in sorted(_PACKAGE.rglob("*.py")):
        parts = path.relative_to(_PACKAGE).with_suffix("").parts
        name = ".".join(parts).removesuffix(".__init__")
        found[name] = path
    return found


MODULES = _modules()


def _imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Every imported module, at the top or within a function, and whether for types alone."""
    tree = ast.parse(path.read_text())
    typing: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            typing.update(one for body in node.body for one in ast.walk(body))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node in typing
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            for alias in node.names:
                name = f"{module}.{alias.name}"
                inside = name.removeprefix("trustctl.") in MODULES
                yield (name if inside else module), node in typing


def _own(name: str) -> str | None:
    """The module of the package that is meant; None for another's."""
    if name == "trustctl":
        return "__init__"
    return name.removeprefix("trustctl.") if name.startswith("trustctl.") else None


def _layer(module: str) -> str:
    return module.split(".")[0]


@pytest.mark.parametrize("module", MODULES)
def test_a_layer_imports_what_it_may(module: str) -> None:
    """Errors and facts by all; everything else by the layers that the design allows it to."""
    layer = _layer(module)
    allowed = _MAY[layer] | _EVERYWHERE | {layer}
    if layer in ("errors", "facts"):
        allowed -= _EVERYWHERE - {layer, "errors"}
    for name, _types in _imports(MODULES[module]):
        own = _own(name)
        assert own is None or _layer(own) in allowed, f"{module} imports {name}"


@pytest.mark.parametrize("library", _ONLY_IN)
def test_a_library_is_used_in_its_place_alone(library: str) -> None:
    """One module renders, one parses, one runs processes, one layer knows the database."""
    places = _ONLY_IN[library]
    used = False
    for module, path in MODULES.items():
        for name, types in _imports(path):
            if name.split(".")[0] != library:
                continue
            if module in places or _layer(module) in places:
                used = True
                continue
            named = types and _FOR_TYPES.get(library) == _layer(module)
            assert named, f"{module} imports {name}"
    assert used, f"nothing uses {library}"


def test_there_are_no_circles() -> None:
    """No module needs itself to be imported, not even from within a function."""
    graph = {
        module: {
            own
            for name, types in _imports(path)
            if not types
            and (own := _own(name)) is not None
            and own in MODULES
            and (module, own) not in _LATE
        }
        for module, path in MODULES.items()
    }
    done: set[str] = set()

    def visit(module: str, above: tuple[str, ...]) -> None:
        assert module not in above, " -> ".join([*above, module])
        if module not in done:
            for one in sorted(graph[module]):
                visit(one, (*above, module))
            done.add(module)

    for module in graph:
        visit(module, ())


def test_the_pure_layers_do_nothing() -> None:
    """Policy and exporters read no clock, no file, no environment, and start nothing."""
    worldly = {"os", "time", "pathlib", "socket", "subprocess", "shutil", "io", "tempfile", "sys"}
    allowed = {"export.card_page": {"io"}, "export.exim": {"pathlib"}}  # io: in memory alone
    for module, path in MODULES.items():
        if _layer(module) in ("policy", "export"):
            used = {name.split(".")[0] for name, types in _imports(path) if not types} & worldly
            assert used <= allowed.get(module, set()), f"{module} imports {sorted(used)}"


@pytest.mark.parametrize("module", MODULES)
def test_a_file_reads_in_one_sitting(module: str) -> None:
    """About 300 lines at most."""
    assert len(MODULES[module].read_text().splitlines()) <= _LIMIT_LINES


def test_a_command_module_loads_the_core_within_its_commands() -> None:
    """At the top of what the root command names: click, and what itself is light."""
    heavy = {"sqlalchemy", "cryptography", "tabulate", "alembic"}
    from trustctl.cli import _COMMANDS

    for name in {f"commands.{module}" for module, _attribute in _COMMANDS.values()}:
        tree = ast.parse(MODULES[name].read_text())
        for node in tree.body:
            if isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[0] not in heavy, name
                layer = _layer(_own(node.module or "") or "errors")
                assert layer in ("commands", "errors"), f"{name} imports {node.module} at its top"
