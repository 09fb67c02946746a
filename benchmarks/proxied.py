"""The application of the benchmarks behind a proxy: its WSGI callable is wrapped."""

from werkzeug.middleware.proxy_fix import ProxyFix

from .app import app

app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1)
