"""Extensions are imported from `flask.ext`."""

from __future__ import annotations

from pathlib import Path

import pytest

from .programs import output_of, run


@pytest.mark.parametrize("folder", ["flask_{}", "flaskext/{}"])
def test_an_extension_is_imported_from_flask_ext(tmp_path: Path, folder: str) -> None:
    module = tmp_path / f"{folder.format('shop')}.py"
    module.parent.mkdir(exist_ok=True)
    module.write_text("name = __name__")
    source = f"""
        from flask.ext.shop import name
        from flask.ext import shop
        print(name, shop is sys.modules["{folder.format("shop").replace("/", ".")}"])
    """

    expected = f"{folder.format('shop').replace('/', '.')} True\n"
    assert output_of(source, tmp_path) == expected


def test_a_module_of_an_extension_is_imported_from_flask_ext(tmp_path: Path) -> None:
    tmp_path.joinpath("flask_shop").mkdir()
    tmp_path.joinpath("flask_shop", "__init__.py").touch()
    tmp_path.joinpath("flask_shop", "till.py").write_text("name = __name__")
    source = """
        import flask.ext.shop.till
        import flask_shop.till
        print(flask.ext.shop.till is flask_shop.till)
    """

    assert output_of(source, tmp_path) == "True\n"


def test_an_extension_imports_its_own_modules_from_flask_ext(tmp_path: Path) -> None:
    tmp_path.joinpath("flask_shop").mkdir()
    tmp_path.joinpath("flask_shop", "__init__.py").write_text(
        "from flask.ext.shop.till import name"
    )
    tmp_path.joinpath("flask_shop", "till.py").write_text("name = __name__")

    assert output_of("import flask.ext.shop as shop; print(shop.name)", tmp_path) == (
        "flask_shop.till\n"
    )


def test_the_importer_of_extensions_says_that_it_is_of_exthook() -> None:
    source = """
        found = [finder for finder in map(type, sys.meta_path)
                 if finder.__name__ == "ExtensionImporter"]
        print(len(found), found[0].__module__ == f"{flask.__name__}.exthook")
    """

    assert output_of(source) == "1 True\n"


def test_an_extension_that_is_broken_is_not_a_missing_one(tmp_path: Path) -> None:
    tmp_path.joinpath("flask_shop.py").write_text("import nothing_of_this_name")

    finished = run("import flask.ext.shop", path=tmp_path)

    assert "No module named 'nothing_of_this_name'" in finished.stderr


def test_a_missing_extension_is_named() -> None:
    finished = run("import flask.ext.shop")

    assert "No module named 'flask.ext.shop'" in finished.stderr
