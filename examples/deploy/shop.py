"""The application of the guide to deploying, as it is behind a proxy."""

from werkzeug.middleware.proxy_fix import ProxyFix

from bustapi import BustAPI, request


def create_app():
    app = BustAPI(__name__)
    app.config.from_mapping(
        MAX_CONTENT_LENGTH=16 * 1024 * 1024,
        SESSION_COOKIE_SECURE=True,
        SESSION_COOKIE_SAMESITE="Lax",
        TRUSTED_HOSTS=["shop.example.com"],
    )
    app.config.from_prefixed_env()
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1)

    @app.get("/")
    def index():
        return f"{request.remote_addr} by {request.scheme}\n"

    @app.post("/size")
    def size():
        return f"{len(request.get_data())} bytes\n"

    return app
