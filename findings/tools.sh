# What the scripts in this folder share. Each runs in a temporary folder of its own.

folder=$(mktemp -d)
server=
trap 'stop; rm -rf "$folder"' EXIT
cd "$folder"

packages() { # NAME==VERSION…: installs them, and only them, and puts python first on the path
  "${PYTHON:-python3}" -m venv .venv
  .venv/bin/python -m pip install --quiet --disable-pip-version-check "$@"
  PATH=$PWD/.venv/bin:$PATH
}

free_port() {
  python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

serve() { # COMMAND…: starts a server and waits until $port answers
  "$@" >server.log 2>&1 &
  server=$!
  python - "$port" <<'PYTHON' || { cat server.log; exit 1; }
import socket, sys, time

deadline = time.monotonic() + 20
while True:
    try:
        socket.create_connection(("127.0.0.1", int(sys.argv[1])), 1).close()
        break
    except OSError:
        if time.monotonic() > deadline:
            sys.exit("the server did not start")
        time.sleep(0.05)
PYTHON
}

stop() {
  if [ -n "$server" ]; then
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    server=
  fi
}

expect() { # compares the file "seen" with what stands on standard input
  if diff -u - seen; then
    echo "as described: $(basename "$0")"
  else
    echo "This has changed: $(basename "$0")"
    exit 1
  fi
}
