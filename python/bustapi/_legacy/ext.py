"""``flask.ext``: the package that extensions are imported from by their names."""

from __future__ import annotations

from .exthook import ExtensionImporter

# Nothing is found here but through the importer.
__path__: list[str] = []

ExtensionImporter(
    ["flask_%s", "flaskext.%s"], f"{__name__.partition('.')[0]}.ext"
).install()
