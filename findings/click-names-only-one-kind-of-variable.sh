#!/usr/bin/env bash
# click says which variable a wrong value came from, but not if it made the name itself.
#
# One would guess that show_envvar, which has --help list the variable of an option, has the
# error for a wrong value name it too. It does where the option has an explicit envvar. For
# a variable that comes from auto_envvar_prefix, as all of Flask's FLASK_RUN_… do, --help
# lists it and the error does not.
#
# Seen on CPython 3.11.7 with click 8.5.1.
set -euo pipefail
source "$(dirname "$0")/tools.sh"

packages click==8.5.1

cat >program.py <<'PYTHON'
import click


@click.command(context_settings={"auto_envvar_prefix": "AUTO"})
@click.option("--explicit", type=int, envvar="EXPLICIT", show_envvar=True)
@click.option("--automatic", type=int, show_envvar=True)
def program(explicit, automatic):
    pass


program()
PYTHON
{
  python program.py --help | grep env
  EXPLICIT=x python program.py 2>&1 | tail -1 || true
  AUTO_AUTOMATIC=x python program.py 2>&1 | tail -1 || true
} >seen

expect <<'TEXT'
  --explicit INTEGER   [env var: EXPLICIT]
  --automatic INTEGER  [env var: AUTO_AUTOMATIC]
Error: Invalid value for '--explicit' (env var: 'EXPLICIT'): 'x' is not a valid integer.
Error: Invalid value for '--automatic': 'x' is not a valid integer.
TEXT
