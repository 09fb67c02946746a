"""Files are sent by the former names of the options."""

from __future__ import annotations

from pathlib import Path

from .programs import output_of


def test_files_are_sent_by_the_former_names(tmp_path: Path) -> None:
    tmp_path.joinpath("a.txt").write_text("text")
    source = f"""
        app = flask.Flask("shop", root_path={str(tmp_path)!r})
        with app.test_request_context():
            sent = flask.send_file(
                filename_or_fp="a.txt", as_attachment=True,
                attachment_filename="b.txt", cache_timeout=7, add_etags=False)
            print(sent.headers["Content-Disposition"], sent.cache_control.max_age)
            print(sent.get_etag()[0])
            sent.close()
            sent = flask.send_from_directory(".", filename="a.txt")
            print(sent.status_code)
            sent.close()
    """

    assert output_of(source).split() == "attachment; filename=b.txt 7 None 200".split()
