"""Whose certificates a kiosk believes: pairing and letters over real TLS, with the right server and with others."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
import urllib3
from flask import Flask, Response, request
from werkzeug.serving import WSGIRequestHandler, make_server

from admission import pairing as words
from admission.errors import NetworkError, PeerError
from admission.roots import BadCertificate
from admission.wire import Enrolment
from kiosk import trust
from kiosk.pairing import Candidate, Outcome, Step
from kiosk.postbox import Postbox
from server import pairing
from server.pairing import Wanted
from server.store.engine import PostgresStore, SqliteStore
from server.web import create_app, enrolment
from tests.kiosk.conftest import Time
from tests.tls import WINDOW, Authority, Terminator
from tests.world import World

TOKEN = bytes(range(16))
OURS, THEIRS = Authority("ours"), Authority("theirs")
HOST = "127.0.0.1"


class Silent(WSGIRequestHandler):
    """Does not write down what it serves."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """See WSGIRequestHandler."""


@dataclass
class Site:
    """A server behind TLS on which an admin pairs; ``asked``: what has reached it, as method and path."""

    store: SqliteStore | PostgresStore
    time: Time
    app: Flask
    folder: Path
    port: int
    stack: ExitStack
    asked: list[str]

    def tls(self, authority: Authority = OURS, *names: str, window: tuple[timedelta, timedelta] = WINDOW) -> str:
        """Answers over TLS with a certificate of this authority from now on; the address."""
        context, _ = authority.certify(self.folder, *(names or (HOST,)), window=window)
        return self.stack.enter_context(Terminator(context, self.port)).address

    def names(self, pem: str) -> None:
        """What the server gives as its roots."""
        (self.folder / "ca.crt").write_text(pem)
        self.app.config[enrolment.CA] = str(self.folder / "ca.crt")

    def code(self, address: str, trusted: str) -> str:
        """A pairing code for this address."""
        wanted = Wanted("north-1", "hall-a", address, "admin")
        begun = self.store.write(lambda c: pairing.begin(c, wanted, TOKEN, self.time()))
        with self.store.read() as connection:
            return words.write_code(pairing.code(connection, begun, TOKEN, trusted))

    def ask(self, address: str, trusted: str, ca: str = "") -> tuple[Candidate, Outcome]:
        """A kiosk has read such a code and asks once."""
        candidate = Candidate(self.code(address, trusted), bytes(32), Postbox(ca))
        return candidate, candidate.ask()

    def confirmed(self, candidate: Candidate) -> Enrolment:
        """The admin says yes."""
        self.store.write(lambda c: pairing.confirm(c, 1, self.time()))
        outcome = candidate.ask()
        assert outcome.answer is not None
        return candidate.enrolment(outcome.answer)


def get(address: str, ca: str) -> int:
    """The status of a page, asked for as an enrolled kiosk would."""
    with trust.told(), trust.pool(ca, 1) as http:
        return http.request("GET", f"{address}/sign-in").status


@pytest.fixture
def site(sqlite_store: SqliteStore | PostgresStore, kiosk_world: World, time: Time, tmp_path: Path) -> Iterator[Site]:
    """A server whose own port is plain HTTP on this machine, as behind a proxy."""
    asked: list[str] = []
    app = create_app(sqlite_store, time)
    app.before_request(lambda: asked.append(f"{request.method} {request.path}"))
    server = make_server(HOST, 0, app, threaded=True, request_handler=Silent)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    with ExitStack() as stack:
        site = Site(sqlite_store, time, app, tmp_path, server.server_port, stack, asked)
        site.names(OURS.pem)
        yield site
    server.shutdown()
    server.server_close()


class TestPinning:
    def test_a_code_with_a_fingerprint_is_all_that_a_kiosk_needs_to_trust_an_authority_of_the_venue(
        self, site: Site
    ) -> None:
        address = site.tls()
        candidate, outcome = site.ask(address, OURS.pem)
        assert outcome.step is Step.ASKED
        assert site.asked == [f"GET {words.ROOTS_PATH}", f"POST {words.PATH}"]
        made = site.confirmed(candidate)
        assert (made.server, made.ca) == (address, OURS.pem)
        assert site.asked[2:] == [f"POST {words.PATH}"]  # the certificates are asked for once

    def test_the_address_may_be_a_name(self, site: Site) -> None:
        address = site.tls(OURS, "localhost").replace(HOST, "localhost")
        assert site.ask(address, OURS.pem)[1].step is Step.ASKED

    def test_an_old_and_a_new_root_are_pinned_together(self, site: Site) -> None:
        both = THEIRS.pem + OURS.pem
        site.names(both)
        candidate, outcome = site.ask(site.tls(), both)
        assert outcome.step is Step.ASKED
        assert site.confirmed(candidate).ca == both

    @pytest.mark.parametrize(
        "window", [(timedelta(days=-3), timedelta(days=-2)), (timedelta(days=2), timedelta(days=3))]
    )
    def test_a_kiosk_without_a_clock_believes_its_roots_whatever_the_date(
        self, site: Site, window: tuple[timedelta, timedelta]
    ) -> None:
        assert site.ask(site.tls(OURS, HOST, window=window), OURS.pem)[1].step is Step.ASKED

    @pytest.mark.parametrize("given", [THEIRS.pem, OURS.pem + THEIRS.pem, THEIRS.pem + OURS.pem])
    def test_other_roots_than_the_code_s_are_not_taken_and_the_token_is_told_to_nobody(
        self, site: Site, given: str
    ) -> None:
        site.names(given)
        candidate, outcome = site.ask(site.tls(THEIRS), OURS.pem)
        assert (outcome.step, outcome.trouble) == (
            Step.UNTRUSTED,
            "what answers gives other certificates than those in the code",
        )
        assert site.asked == [f"GET {words.ROOTS_PATH}"]
        site.names(OURS.pem)
        assert candidate.ask().step is Step.UNTRUSTED  # the right ones, shown by somebody who cannot use them

    def test_somebody_who_repeats_the_right_roots_does_not_get_the_token(self, site: Site) -> None:
        _, outcome = site.ask(site.tls(THEIRS), OURS.pem)
        assert outcome.step is Step.UNTRUSTED
        assert "certificate is not accepted: unable to get local issuer certificate" in outcome.trouble
        assert site.asked == [f"GET {words.ROOTS_PATH}"]

    @pytest.mark.parametrize("name", ["localhost", "127.0.0.2", "other.example"])
    def test_a_certificate_of_the_right_authority_for_another_name_is_refused(self, site: Site, name: str) -> None:
        _, outcome = site.ask(site.tls(OURS, name), OURS.pem)
        assert outcome.step is Step.UNTRUSTED
        assert "IP address mismatch" in outcome.trouble
        assert site.asked == [f"GET {words.ROOTS_PATH}"]

    @pytest.mark.parametrize(
        ("status", "body", "step"),
        [
            (200, "<html>Welcome to the hotel's network</html>", Step.UNTRUSTED),
            (200, "x" * 100_000, Step.UNTRUSTED),
            (302, "", Step.UNREACHABLE),
            (502, "", Step.UNREACHABLE),
        ],
    )
    def test_what_is_no_certificate_at_all_is_no_server(self, site: Site, status: int, body: str, step: Step) -> None:
        site.app.before_request(lambda: Response(body, status) if request.path == words.ROOTS_PATH else None)
        _, outcome = site.ask(site.tls(), OURS.pem)
        assert outcome.step is step
        assert words.PATH not in " ".join(site.asked)

    def test_a_server_that_no_longer_names_roots_is_asked_again_until_it_does(self, site: Site) -> None:
        site.app.config[enrolment.CA] = ""
        candidate, outcome = site.ask(site.tls(), OURS.pem)
        assert outcome.step is Step.UNREACHABLE
        assert "404" in outcome.trouble
        site.names(OURS.pem)
        assert candidate.ask().step is Step.ASKED

    def test_nobody_there_or_somebody_without_tls_is_a_server_that_is_not_reached(self, site: Site) -> None:
        code = words.read_code(site.code(f"https://{HOST}:1", OURS.pem))
        for port in (1, site.port):
            text = words.write_code(replace(code, url=f"https://{HOST}:{port}"))
            assert Candidate(text, bytes(32), Postbox("")).ask().step is Step.UNREACHABLE


class TestWithoutFingerprint:
    def test_plain_http_is_as_it_was(self, site: Site) -> None:
        candidate, outcome = site.ask(f"http://{HOST}:{site.port}", OURS.pem)
        assert outcome.step is Step.ASKED
        assert site.confirmed(candidate).ca == ""
        assert site.asked == [f"POST {words.PATH}"] * 2

    def test_a_file_of_roots_on_the_kiosk_is_believed(self, site: Site) -> None:
        (site.folder / "mine.pem").write_text(OURS.pem)
        candidate, outcome = site.ask(site.tls(), "", str(site.folder / "mine.pem"))
        assert outcome.step is Step.ASKED
        assert site.confirmed(candidate).ca == ""

    def test_an_authority_that_the_system_does_not_know_is_not_the_server(self, site: Site) -> None:
        _, outcome = site.ask(site.tls(), "")
        assert outcome.step is Step.UNTRUSTED
        assert "unable to get local issuer" in outcome.trouble
        assert site.asked == []

    def test_a_fingerprint_wins_over_a_file_on_the_kiosk(self, site: Site) -> None:
        (site.folder / "stale.pem").write_text(THEIRS.pem)
        _, outcome = site.ask(site.tls(), OURS.pem, str(site.folder / "stale.pem"))
        assert outcome.step is Step.ASKED


class TestLetters:
    def test_pinned_roots_are_the_only_ones_believed(self, site: Site) -> None:
        assert get(site.tls(), OURS.pem) == 200
        assert get(site.tls(THEIRS), OURS.pem + THEIRS.pem) == 200
        for address in (site.tls(THEIRS), site.tls(OURS, "localhost")):
            with pytest.raises(BadCertificate, match="not accepted"):
                get(address, OURS.pem)

    @pytest.mark.parametrize(
        ("content", "said"), [(None, "setting ca.*: No such file"), ("no certificate", "TLS with the server")]
    )
    def test_a_file_that_cannot_be_used_is_said_by_every_exchange(
        self, site: Site, content: str | None, said: str
    ) -> None:
        file = site.folder / "mine.pem"
        if content is not None:
            file.write_text(content)
        with pytest.raises(NetworkError, match=said):
            get(site.tls(), str(file))
        file.write_text(OURS.pem)
        assert get(site.tls(), str(file)) == 200

    def test_roots_that_are_none_are_an_error_of_whoever_gave_them(self) -> None:
        with pytest.raises(PeerError, match="cannot be used"):
            trust.pool(f"{trust.PEM}CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 1)

    def test_only_a_blind_connection_is_unverified_and_only_it_is_quiet_about_it(self, site: Site) -> None:
        address = site.tls(THEIRS)
        with trust.blind() as http:
            assert http.request("GET", f"{address}/sign-in").status == 200
        with pytest.raises(BadCertificate):
            get(address, "")
        assert not any(of is urllib3.exceptions.InsecureRequestWarning for _, _, of, _, _ in warnings.filters)
