"""``flask.ext``: the package that extensions are imported from by their names."""

from __future__ import annotations

from .exthook import ExtensionImporter

# Nothing is found here but through the importer.
__path__: list[str] = []

# The package may be renamed later, when the alias is installed.
for _package in {"flask", __name__.partition(".")[0]}:
    ExtensionImporter(["flask_%s", "flaskext.%s"], f"{_package}.ext").install()
