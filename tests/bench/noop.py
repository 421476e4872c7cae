"""What the exchange is measured against: a Flask route that does nothing, under the same gunicorn."""

from flask import Flask, request
from flask.typing import ResponseReturnValue

app = Flask(__name__)


@app.post("/noop")
def noop() -> ResponseReturnValue:
    """Reads the body and answers nothing."""
    request.get_data()
    return "", 204
