"""The server behind Caddy with the very Caddyfile that is installed; left out where Caddy is not."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest
from sqlalchemy import select

from admission import wire
from admission.errors import ThresholdError
from admission.pairing import ROOTS_PATH
from admission.wire import Answer, Cursors, Lane
from kiosk import trust
from kiosk.config import read_enrolment
from server.store.engine import transaction
from server.store.schema import trail
from tests.tls import Authority
from tests.together.conftest import Site, free_port, running_site, wait_for
from tests.together.newcomer import Admin, new_kiosk, pair
from tests.world import PASSWORD, PaperKiosk

CADDY = shutil.which("caddy")
pytestmark = [
    pytest.mark.together,
    pytest.mark.xdist_group("together"),
    pytest.mark.timeout(180),
    pytest.mark.skipif(CADDY is None, reason="needs Caddy (Debian: apt-get install caddy)"),
]
CADDYFILE = Path(__file__).parents[2] / "deploy" / "etc" / "Caddyfile"


@dataclass
class Front:
    """Caddy in front of a server."""

    site: Site
    folder: Path
    plain: int
    port: int

    @property
    def address(self) -> str:
        """By number, as a kiosk may have it."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def ca(self) -> str:
        """The file with Caddy's root, as the server has it."""
        return str(self.folder / "ca.crt")

    def raw(self, host: str = "127.0.0.1", source: str = "") -> http.client.HTTPSConnection:
        """A connection that believes Caddy's root; ``source``: the address that it comes from."""
        trusted = ssl.create_default_context(cafile=self.ca)
        origin = (source, 0) if source else None
        return http.client.HTTPSConnection(host, self.port, context=trusted, timeout=20, source_address=origin)

    def log(self) -> str:
        """What Caddy has said."""
        return (self.folder / "caddy.log").read_text()


@contextmanager
def caddy(folder: Path, upstream: int, plain: int, port: int) -> Iterator[None]:
    """Caddy, run on high ports by whoever tests; all that is its own lies in the folder."""
    text = CADDYFILE.read_text()
    for given, ours in (
        ("\n@NAME@ {", "\n127.0.0.1, localhost {"),
        ("127.0.0.1:8080", f"127.0.0.1:{upstream}"),
        ("\tadmin off\n", f"\tadmin off\n\thttp_port {plain}\n\thttps_port {port}\n"),
    ):
        assert text.count(given) == 1
        text = text.replace(given, ours)
    (folder / "Caddyfile").write_text(text)
    home = dict(os.environ, XDG_DATA_HOME=str(folder), XDG_CONFIG_HOME=str(folder), HOME=str(folder))
    with (folder / "caddy.log").open("wb") as log:
        command = ["caddy", "run", "--config", str(folder / "Caddyfile")]
        with subprocess.Popen(command, env=home, stdout=log, stderr=log) as running:
            try:
                root = folder / "caddy" / "pki" / "authorities" / "local" / "root.crt"
                wait_for(root.exists, "Caddy has an authority")
                shutil.copy(root, folder / "ca.crt")  # as the installer does
                wait_for(lambda: speaks_tls(port), "Caddy speaks TLS")
                yield
            finally:
                running.terminate()


def speaks_tls(port: int, names: tuple[str, ...] = ("127.0.0.1", "localhost")) -> bool:
    """Whether it has certificates for its names: it listens before it has them."""
    blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
    try:
        for name in names:
            with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
                blind.wrap_socket(raw, server_hostname=name).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """A server behind Caddy, for all tests here."""
    folder = tmp_path_factory.mktemp("caddy")
    settings = f'ca = "{folder / "ca.crt"}"\nhttps = true\nproxies = 1\n'
    with ExitStack() as stack:
        site = stack.enter_context(running_site(folder, settings))
        plain, port = free_port(), free_port()
        stack.enter_context(caddy(folder, int(site.address.rpartition(":")[2]), plain, port))
        yield Front(site, folder, plain, port)


def test_the_file_is_as_caddy_would_write_it(tmp_path: Path) -> None:
    shutil.copy(CADDYFILE, tmp_path / "Caddyfile")
    written = subprocess.run(["caddy", "fmt", str(tmp_path / "Caddyfile")], capture_output=True, text=True, check=False)
    assert written.stdout == CADDYFILE.read_text()


def test_a_new_kiosk_pairs_through_caddy_and_admits_and_the_board_follows_at_once(front: Front, tmp_path: Path) -> None:
    site, admin, kiosk = front.site, Admin(front.address, front.ca), new_kiosk(front.site, tmp_path / "new")
    pair(kiosk, admin, admin.begin("north-1", "hall-a"))
    made = read_enrolment(tmp_path / "new" / "enrolment.json")
    assert (made.server, made.ca) == (front.address, Path(front.ca).read_text())
    wait_for(lambda: site.accounts().get("north-1", 0) > 0, "the new kiosk holds seats")
    with admin.web.open(f"{front.address}/board/stream", timeout=20) as stream:
        lines = iter(stream.readline, b"")
        assert next(lines).startswith(b"retry")
        assert kiosk.show(site.world.tokens["p1"]) == "welcome"
        shown = time.monotonic()
        told = next(line for line in lines if line.startswith(b'data: {"at"') and b'"rooms"' in line and inside(line))
        assert told
        assert time.monotonic() - shown < 5  # at most: it was written while the badge was held up
        beats = next_beats(lines)
        assert 1 < beats[1] - beats[0] < 4  # one by one, as the server sends them
    kiosk.end()


def inside(line: bytes) -> bool:
    """Whether somebody is inside the hall, by this event of the board."""
    rooms = json.loads(line.removeprefix(b"data: "))["rooms"]
    return any(room["id"] == "hall" and room["inside"] > 0 for room in rooms)


def next_beats(lines: Iterator[bytes]) -> list[float]:
    """When the next two beats came."""
    return [next(time.monotonic() for line in lines if line == b"event: beat\n") for _ in range(2)]


def exchange(front: Front, kiosk: PaperKiosk, **said: object) -> Answer:
    """A letter through Caddy, with the connections of a kiosk."""
    body, headers = kiosk.seal(kiosk.letter(**said))  # type: ignore[arg-type]
    with trust.told(), trust.pool(Path(front.ca).read_text(), 1) as http:
        reply = http.request("POST", front.address + wire.PATH, body=body, headers=headers, timeout=20)
    assert reply.status == 200, reply.data
    answer = wire.decode_answer(reply.data)
    kiosk.hear(answer)
    return answer


def test_an_answer_is_held_until_there_is_news(front: Front) -> None:
    kiosk = PaperKiosk(front.site.world.enrolments["hall-b"], "hall-b", "hall")
    first = exchange(front, kiosk, lane=Lane.NEWS, cursors=Cursors())
    assert first.programme is not None
    assert first.badges is not None
    presence = first.presence.version if first.presence is not None else 0
    held = Cursors(first.programme.programme.version, first.badges.upto, presence)
    exchange(front, kiosk, lane=Lane.NEWS, cursors=held)
    before = time.monotonic()
    exchange(front, kiosk, lane=Lane.NEWS, cursors=held, wait_ms=3000)
    assert 2.5 < time.monotonic() - before < 8


class TestTrust:
    def get(self, host: str, port: int, ca: str) -> int:
        """The status of a page, asked for as a kiosk does."""
        with trust.told(), trust.pool(ca, 1) as http:
            return http.request("GET", f"https://{host}:{port}/sign-in", timeout=10).status

    def test_number_and_name_are_both_in_its_certificates(self, front: Front) -> None:
        root = Path(front.ca).read_text()
        assert [self.get(host, front.port, root) for host in ("127.0.0.1", "localhost")] == [200, 200]

    @pytest.mark.parametrize("ca", [Authority().pem, ""])
    def test_who_trusts_another_authority_or_the_system_does_not_speak_with_it(self, front: Front, ca: str) -> None:
        with pytest.raises(ThresholdError, match="unable to get local issuer"):
            self.get("127.0.0.1", front.port, ca)

    @pytest.mark.parametrize("host", ["127.0.0.2", socket.gethostname()])
    def test_an_address_that_it_was_not_told_gets_no_certificate(self, front: Front, host: str) -> None:
        with pytest.raises(ThresholdError, match=r"TLS with the server|not accepted|cannot be reached"):
            self.get(host, front.port, Path(front.ca).read_text())

    def test_everybody_may_fetch_its_root(self, front: Front) -> None:
        with trust.blind() as http:
            reply = http.request("GET", front.address + ROOTS_PATH)
        assert reply.data.decode() == Path(front.ca).read_text()


class TestManners:
    def test_the_server_knows_from_where_somebody_comes_whatever_they_say(self, front: Front) -> None:
        line = front.raw(source="127.0.0.9")
        line.request("GET", "/sign-in")
        first = line.getresponse()
        token = first.read().decode().partition('name="csrf_token" value="')[2].partition('"')[0]
        cookie = first.headers["Set-Cookie"]
        assert "; Secure" in cookie
        form = urlencode({"csrf_token": token, "name": "organiser", "password": PASSWORD})
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie.partition(";")[0]}
        headers |= {"Referer": f"{front.address}/", "X-Forwarded-For": "203.0.113.7"}
        line.request("POST", "/sign-in", form, headers)
        assert line.getresponse().status == 303
        line.close()
        with transaction(front.site.url) as connection:
            rows = connection.execute(select(trail.c.address).where(trail.c.by == "organiser")).scalars()
            assert set(rows) == {"127.0.0.9"}

    def test_headers_come_once_and_browsers_are_told_to_stay(self, front: Front) -> None:
        line = front.raw("localhost")
        line.request("GET", "/sign-in")
        reply = line.getresponse()
        for name in ("Strict-Transport-Security", "Content-Security-Policy", "X-Content-Type-Options", "Server"):
            assert len(reply.headers.get_all(name, [])) == 1, name
        assert "Alt-Svc" not in reply.headers
        line.close()

    def test_without_tls_a_browser_is_sent_on(self, front: Front) -> None:
        line = http.client.HTTPConnection("127.0.0.1", front.plain, timeout=10)
        line.request("GET", "/board?wall=1", headers={"Host": "localhost"})
        reply = line.getresponse()
        assert reply.status == 308
        assert reply.headers["Location"].startswith("https://localhost")
        assert reply.headers["Location"].endswith("/board?wall=1")
        line.close()

    def test_more_than_anybody_needs_to_send_is_refused(self, front: Front) -> None:
        line = front.raw()
        line.putrequest("POST", "/sign-in")
        line.putheader("Content-Length", "30000000")
        line.endheaders()
        with suppress(OSError):  # it hangs up while more is sent
            for _ in range(30):
                line.send(bytes(1_000_000))
        with suppress(OSError, http.client.HTTPException):
            assert line.getresponse().status in (400, 413, 502)
        line.close()
        assert self.served(front)

    def served(self, front: Front) -> bool:
        """Whether the next one is served."""
        line = front.raw()
        line.request("GET", "/sign-in")
        status = line.getresponse().status
        line.close()
        return status == 200


def test_a_server_that_is_away_is_said_in_a_sentence_and_the_log_says_not_who_was_sought(front: Front) -> None:
    front.site.server.end()
    line = front.raw()
    line.request("GET", "/log?q=Amina+Okafor", headers={"Cookie": "threshold=secret-session"})
    reply = line.getresponse()
    assert reply.status == 502
    assert reply.read() == b"The Threshold server does not answer. It may be starting: try again in a few seconds."
    line.close()
    front.site.start_server()
    with urllib.request.urlopen(f"{front.site.address}/sign-in", timeout=10) as page:
        assert page.status == 200
    assert not any(secret in front.log() for secret in ("Amina", "Okafor", "secret-session"))
