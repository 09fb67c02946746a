# Written by tests/flask_stubs.py; a change by hand is lost.
from flask.sansio import app as app
from flask.sansio import blueprints as blueprints
from flask.sansio import scaffold as scaffold
