"""The supervisor of a program that restarts itself, see :mod:`.restart`."""

from __future__ import annotations

import json
import sys

from .restart import command_launcher
from .settings import Settings
from .supervisor import Supervisor

task = json.loads(sys.argv[1])
supervisor = Supervisor(
    Settings(**task["settings"]), command_launcher(task["command"]), name=task["name"]
)
sys.exit(supervisor.run())
