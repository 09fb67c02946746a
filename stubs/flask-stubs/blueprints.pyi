# Written by tests/flask_stubs.py; a change by hand is lost.
from bustapi.blueprints import AppGroup as AppGroup
from bustapi.blueprints import Blueprint as Blueprint
from bustapi.blueprints import BlueprintSetupState as BlueprintSetupState
from bustapi.blueprints import SansioBlueprint as SansioBlueprint
from bustapi.blueprints import _sentinel as _sentinel
from bustapi.blueprints import current_app as current_app
from bustapi.blueprints import send_from_directory as send_from_directory
