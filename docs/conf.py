"""Settings of Sphinx; `make docs` builds the pages with warnings as errors."""

from importlib.metadata import version as installed_version

project = "BustAPI"
copyright = "the BustAPI authors"
version = release = installed_version("bustapi")

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
source_suffix = {".md": "markdown"}

html_theme = "furo"
html_title = f"BustAPI {release}"
html_copy_source = False

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_default_options = {"members": True, "show-inheritance": True}
