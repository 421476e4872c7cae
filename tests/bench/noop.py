"""What exchanges and snapshots are measured against: Flask routes that do nothing, under the same gunicorn."""

import os

from flask import Flask, request
from flask.typing import ResponseReturnValue

app = Flask(__name__, static_folder=None)
_BYTES = memoryview(os.urandom(8_000_000))


@app.post("/noop")
def noop() -> ResponseReturnValue:
    """Reads the body and answers nothing."""
    request.get_data()
    return "", 204


@app.post("/static/<int:size>")
def static_answer(size: int) -> ResponseReturnValue:
    """Reads the body and answers so many bytes, the same ones every time."""
    request.get_data()
    return bytes(_BYTES[:size]), 200
