"""Former names: what Flask had from 0.11 to 2.2 and has no longer.

- :class:`.RemovedNames` (`removed_names`) is what an application object had. Class
  ``BustAPI`` always has it. Built on it are `attributes`, `error_handlers`,
  `first_request`, `json_classes`, `kept_context`, `logging` and `sessions`.
- Legacy mode (`legacy_mode`) puts them on ``Flask`` too, and adds what the modules had:
  `applications`, `cli`, `compat`, `contexts`, `ext`, `exthook`, `files`,
  `json_functions` and `names`.
- `warning` says what is used instead, `release` whether a program of its year is told.

``Flask`` has one block of methods for them, "For names that Flask had once", which do
nothing of their own there.
"""
