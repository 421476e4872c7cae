"""Change numbers (PROGRAMME, BADGES): taken under the row's lock, so they appear in the order in which they commit."""

from sqlalchemy import Connection, bindparam, insert, select, update

from server.store.schema import version

PROGRAMME = "programme"
BADGES = "badges"


def start(connection: Connection) -> None:
    """Sets every change number to 1, in a new database."""
    connection.execute(insert(version), [{"name": name, "value": 1} for name in (PROGRAMME, BADGES)])


def bump(connection: Connection, name: str) -> int:
    """The next number; whoever takes one keeps others waiting until its commit."""
    connection.execute(
        update(version).where(version.c.name == bindparam("which")).values(value=version.c.value + 1), {"which": name}
    )
    return current(connection, name)


def jump(connection: Connection, at_least: int) -> None:
    """Takes every change number beyond ``at_least``: after a restore, numbers that were given out must not come again,
    for a kiosk that holds one takes it for the same news."""
    connection.execute(update(version).where(version.c.value < at_least).values(value=at_least))


def current(connection: Connection, name: str) -> int:
    """The number given out last."""
    return int(connection.execute(select(version.c.value).where(version.c.name == name)).scalar_one())
