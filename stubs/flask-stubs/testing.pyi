# Written by tests/flask_stubs.py; a change by hand is lost.
from bustapi.testing import BaseRequest as BaseRequest
from bustapi.testing import CliRunner as CliRunner
from bustapi.testing import Client as Client
from bustapi.testing import EnvironBuilder as EnvironBuilder
from bustapi.testing import FlaskCliRunner as FlaskCliRunner
from bustapi.testing import FlaskClient as FlaskClient
from bustapi.testing import Result as Result
from bustapi.testing import ScriptInfo as ScriptInfo
from bustapi.testing import SessionMixin as SessionMixin
import werkzeug as werkzeug
