"""The API does what its document says: requests made from the OpenAPI document by schemathesis, the same each time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    negative_data_rejection,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)

from server import api_keys
from server.api_keys import Scope
from server.store.engine import migrate, open_store
from server.trail import Who
from tests.pages import Site

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
EXAMPLES = 6
OPERATIONS = {
    "GET /event",
    "GET /sessions",
    "GET /sessions/{id}",
    "GET /sessions/{id}/attendance",
    "GET /occupancy",
    "GET /people",
    "GET /people/{ref}",
    "PUT /people/{ref}",
    "GET /passages",
}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, dict[str, str]]]:
    """The API's document as schemathesis reads it, and the headers of a key that may do everything."""
    url = f"sqlite:///{tmp_path_factory.mktemp('schema') / 'threshold.db'}"
    migrate(url)
    store = open_store(url)
    site = Site(store)
    site.app.config["API_PER_KEY"] = "100000/minute"
    site.enter("p1", "p2", "p4")
    key = store.write(lambda c: api_keys.make(c, "schema", list(Scope), Who("admin"), 1, os.urandom))
    yield schemathesis.openapi.from_wsgi("/api/v1/openapi.json", site.app), {"Authorization": f"Bearer {key}"}
    store.close()


def test_the_document_names_every_route(api: tuple[Any, dict[str, str]]) -> None:
    found = {operation.ok().label for operation in api[0].get_all_operations()}
    assert found == OPERATIONS


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("label", sorted(OPERATIONS))
def test_it_answers_as_it_says(api: tuple[Any, dict[str, str]], label: str, mode: GenerationMode) -> None:
    schema, headers = api
    method, _, path = label.partition(" ")
    operation = schema[path][method]
    quick = settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )

    @seed(20261123)
    @quick
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        case.call_and_validate(headers=headers, checks=CHECKS)

    ask()


def test_without_a_key_it_says_so(api: tuple[Any, dict[str, str]]) -> None:
    for label in sorted(OPERATIONS):
        method, _, path = label.partition(" ")
        body = {"body": {"name": "A", "category": "press"}} if method == "PUT" else {}
        case = api[0][path][method].Case(path_parameters={"id": "keynote", "ref": "p1"}, **body)
        response = case.call()
        assert response.status_code == 401
        case.validate_response(response, checks=CHECKS)
