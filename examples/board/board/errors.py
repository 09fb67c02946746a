"""Error pages, and the choice between a page and JSON."""

from __future__ import annotations

from werkzeug.exceptions import HTTPException, SecurityError

from bustapi import Flask, Response, g, make_response, render_template, request

from . import api

HEADINGS = {
    400: "That did not work",
    403: "This is not yours to change",
    404: "Nothing is pinned here",
    405: "That does not work here",
    413: "That is too large",
    500: "Something broke on our side",
}
ADVICE = {
    403: "Only the person who wrote it can do that.",
    404: "The page may have been taken down, or the address has a typing error.",
    405: "This address does not answer to that kind of request.",
    500: "The error has been logged. Trying again in a moment may help.",
}


def init_app(app: Flask) -> None:
    """Answer each HTTP error with a page, and below ``/api/`` with JSON."""

    @app.errorhandler(HTTPException)
    def show_error(error: HTTPException) -> Response:
        # No blueprint handles an address below /api/ that matches no rule.
        if request.path.startswith("/api/"):
            return api.show_error(error)

        # Under a host name that is not trusted no address can be built, so no page.
        if isinstance(error, SecurityError):
            return make_response(error.get_response())

        status = error.code or 500
        # The error's own response carries fields such as Allow and Retry-After.
        response = make_response(error.get_response())
        response.set_data(
            render_template(
                "error.html",
                status=status,
                heading=HEADINGS.get(status, error.name),
                advice=ADVICE.get(status, error.description),
                # Session or database may be what failed: nobody is asked for again.
                is_user_known=status < 500 or "user" in g,
            )
        )
        response.mimetype = "text/html"
        return response
