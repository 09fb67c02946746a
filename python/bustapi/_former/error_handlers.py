"""Error handlers that are written into the registry itself."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from ..sansio.scaffold import Scaffold


class HandlersByCode(defaultdict[Any, Any]):
    """Error handlers of a scope; a function stands for the error of its status code."""

    def __init__(self) -> None:
        super().__init__(dict)

    def __setitem__(self, code: Any, handlers: Any) -> None:
        if callable(handlers):
            error, _ = Scaffold._get_exc_class_and_code(code)
            handlers = {error: handlers}

        super().__setitem__(code, handlers)
