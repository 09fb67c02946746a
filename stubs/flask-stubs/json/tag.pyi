# Written by tests/flask_stubs.py; a change by hand is lost.
from bustapi.json.tag import JSONTag as JSONTag
from bustapi.json.tag import Markup as Markup
from bustapi.json.tag import PassDict as PassDict
from bustapi.json.tag import PassList as PassList
from bustapi.json.tag import TagBytes as TagBytes
from bustapi.json.tag import TagDateTime as TagDateTime
from bustapi.json.tag import TagDict as TagDict
from bustapi.json.tag import TagMarkup as TagMarkup
from bustapi.json.tag import TagTuple as TagTuple
from bustapi.json.tag import TagUUID as TagUUID
from bustapi.json.tag import TaggedJSONSerializer as TaggedJSONSerializer
from bustapi.json.tag import dumps as dumps
from bustapi.json.tag import http_date as http_date
from bustapi.json.tag import loads as loads
from bustapi.json.tag import parse_date as parse_date
