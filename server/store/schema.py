"""The tables, in SQLAlchemy Core: one schema for SQLite and PostgreSQL.

Instants are whole milliseconds of Unix time in UTC (``Ms``): the same on both databases, and exact. Facts are rows:
passages and quarantined bytes are only ever appended; everything counted is derived from them.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)
Ms = BigInteger
Id = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself only for INTEGER

event = Table(
    "event",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1", name="only_one"), primary_key=True),
    Column("number", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("timezone", String(64), nullable=False),
    Column("epoch", Ms, nullable=False),
    Column("era", Integer, nullable=False, server_default="1"),
    Column("home", Text, nullable=False, server_default=""),  # what this database was last seen as (server/restore.py)
    Column("show_names", Boolean, nullable=False),
    Column("languages", Text, nullable=False, server_default=""),  # the doors', in order, with spaces between
    Column("signing_seed", LargeBinary, nullable=False),
    Column("cookie_secret", LargeBinary, nullable=False),
)

# Change numbers, handed out under the row's lock: a reader by cursor never skips a row that commits late.
version = Table(
    "version",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

badge_key = Table(
    "badge_key",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seed", LargeBinary, nullable=False),
    Column("public", LargeBinary, nullable=False),
)

category = Table(
    "category",
    metadata,
    Column("code", Integer, primary_key=True, autoincrement=False),
    Column("slug", String(64), nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("colour", String(7), nullable=False),
)

room = Table(
    "room",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", Text, nullable=False),
    Column("inside", String(64), ForeignKey("room.id", deferrable=True, initially="DEFERRED")),
    Column("limit", Integer),
    Column("reserve", Integer, nullable=False),
    Column("exits", String(16), nullable=False),
    Column("position", Integer, nullable=False),
    Column("only", Integer),  # closed to all categories but these (a mask); empty: closed to nobody
    Column("overflow", String(64), ForeignKey("room.id", deferrable=True, initially="DEFERRED")),
    Column("edition", Integer, nullable=False, server_default="1"),  # rises with every edit: two editors are told apart
)

# The server's own side of a room's seats (docs/protocol.md, section 8): A recount, D closed stays, V0 unbadged bodies
# counted in at the console; C as it was last; the hold of a recount; in which era seats may be granted again.
book = Table(
    "book",
    metadata,
    Column("room", String(64), ForeignKey("room.id"), primary_key=True),
    Column("recount", BigInteger, nullable=False),
    Column("closed", BigInteger, nullable=False),
    Column("forced", BigInteger, nullable=False, server_default="0"),
    Column("capacity", Integer),
    Column("hold", Integer, nullable=False, server_default="0"),
    Column("held", Boolean, nullable=False, server_default=false()),
    Column("heads", Integer),
    Column("open_era", Integer, nullable=False, server_default="1"),
    Column("vowed_era", Integer, nullable=False, server_default="1"),
)

# Every capacity C that a room has had, from when on: what the audit measures occupancy by.
capacity = Table(
    "capacity",
    metadata,
    Column("id", Id, primary_key=True),
    Column("room", String(64), nullable=False, index=True),
    Column("at", Ms, nullable=False),
    Column("capacity", Integer),
    sqlite_autoincrement=True,
)

gate = Table(
    "gate",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", Text, nullable=False),
    Column("room", String(64), ForeignKey("room.id"), nullable=False),
    Column("outside", String(64), ForeignKey("room.id")),
    Column("direction", String(8), nullable=False),
    Column("edition", Integer, nullable=False, server_default="1"),
)

session = Table(
    "session",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("title", Text, nullable=False),
    Column("theme", Text, nullable=False),
    Column("room", String(64), ForeignKey("room.id"), nullable=False),
    Column("starts", Ms, nullable=False),
    Column("ends", Ms, nullable=False),
    Column("doors_open", Ms, nullable=False),
    Column("doors_close", Ms, nullable=False),
    Column("capacity", Integer),
    Column("categories", Integer, nullable=False),
    Column("zones", Integer, nullable=False),
    Column("invited", Boolean, nullable=False),
    Column("edition", Integer, nullable=False, server_default="1"),
)

person = Table(
    "person",
    metadata,
    Column("id", Id, primary_key=True),
    Column("ref", String(64), nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("organisation", Text, nullable=False),
    Column("delegation", Text, nullable=False),
    Column("category", Integer, ForeignKey("category.code"), nullable=False),
    Column("zones", Integer, nullable=False),
    Column("language", String(35), nullable=False),
    Column("search", Text, nullable=False),  # name and reference, folded
    Column("search_of", Text, nullable=False),  # organisation and delegation, folded
    Column("code", Text, nullable=False, server_default=""),  # a steward's code at the doors, as an Argon2id hash
    Column("edition", Integer, nullable=False, server_default="1"),
    Index("ix_person_delegation", "delegation"),
    sqlite_autoincrement=True,  # nobody is given the number of somebody who was erased
)

# How many people of a delegation may attend a session. Hard while the server is in reach of the gate, told of after.
quota = Table(
    "quota",
    metadata,
    Column("session", String(64), ForeignKey("session.id"), primary_key=True),
    Column("delegation", String(200), primary_key=True),
    Column("most", Integer, nullable=False),
)

listing = Table(
    "listing",
    metadata,
    Column("session", String(64), ForeignKey("session.id"), primary_key=True),
    Column("person", Id, ForeignKey("person.id"), primary_key=True),
    Column("may", Boolean, nullable=False),
)

badge = Table(
    "badge",
    metadata,
    Column("serial", Integer, primary_key=True, autoincrement=False),
    Column("id", BigInteger, nullable=False, unique=True),
    Column("person", Id, ForeignKey("person.id"), index=True),  # empty: the person was erased, or retention has cut it
    Column("key", Integer, ForeignKey("badge_key.id"), nullable=False),
    Column("category", Integer, nullable=False),
    Column("zones", Integer, nullable=False),
    Column("not_before", Integer, nullable=False),
    Column("hours", Integer, nullable=False),
    Column("issued", Ms, nullable=False),
    Column("revoked", Ms),
    Column("revoked_why", Text),
    Column("replaced_by", Integer, ForeignKey("badge.serial")),
    Column("changed", BigInteger, nullable=False, index=True),
    Column("lookup", LargeBinary, nullable=False),
    Column("box", LargeBinary, nullable=False),
)

device = Table(
    "device",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("gate", String(64), ForeignKey("gate.id"), nullable=False),
    Column("public", LargeBinary, nullable=False),
    Column("enrolled", Ms, nullable=False),
    Column("revoked", Ms),
    Column("era", Integer, nullable=False, server_default="1"),  # in which it has reported since a restore
    Column("label", Text, nullable=False, server_default=""),  # what people call it
)

# A pairing that is going on: a kiosk reads the code off the admin's screen and makes its own key.
pairing = Table(
    "pairing",
    metadata,
    Column("id", Id, primary_key=True),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    Column("device", String(64), nullable=False),
    Column("gate", String(64), ForeignKey("gate.id"), nullable=False),
    Column("server", Text, nullable=False),
    Column("by", String(64), nullable=False),
    Column("expires", Ms, nullable=False),
    Column("public", LargeBinary),
    Column("state", String(16), nullable=False),  # open, asked, confirmed, refused
)

# One store of one kiosk: how far its chain has arrived, and when it was last heard.
incarnation = Table(
    "incarnation",
    metadata,
    Column("device", String(64), ForeignKey("device.id"), primary_key=True),
    Column("incarnation", BigInteger, primary_key=True, autoincrement=False),
    Column("registered", Ms, nullable=False),
    Column("have_seq", BigInteger, nullable=False),
    Column("head", LargeBinary, nullable=False),
    Column("said_seq", BigInteger, nullable=False),
    Column("heard", Ms, nullable=False),
    Column("fenced", Boolean, nullable=False),
    Column("machine", String(64), nullable=False, server_default=""),
    Column("closed", Boolean, nullable=False, server_default=false()),  # the kiosk has signed that it ends
    Column("era", Integer, nullable=False, server_default="1"),  # in which it has reported since a restore
    Column("programme", BigInteger, nullable=False, server_default="0"),  # the version that it says it holds
)

# How well a kiosk reads, as it said last; not what the past was like, and nothing that anything is decided by.
health = Table(
    "health",
    metadata,
    Column("device", String(64), ForeignKey("device.id"), primary_key=True),
    Column("at", Ms, nullable=False),
    Column("body", Text, nullable=False),  # admission.health.Health as JSON
)

account = Table(
    "account",
    metadata,
    Column("device", String(64), ForeignKey("device.id"), primary_key=True),
    Column("incarnation", BigInteger, primary_key=True, autoincrement=False),
    Column("room", String(64), ForeignKey("room.id"), primary_key=True),
    Column("era", Integer, nullable=False),
    Column("granted", BigInteger, nullable=False),
    Column("returned", BigInteger, nullable=False),
    Column("entries", BigInteger, nullable=False),
    Column("exits", BigInteger, nullable=False),
    Column("forced", BigInteger, nullable=False),
    Column("arrivals", Integer, nullable=False),
    Column("heard", Ms, nullable=False),
    Column("state", String(8), nullable=False, server_default="live"),  # admission.ledger.State
    Column("settled_seq", BigInteger, nullable=False, server_default="0"),  # entries up to here earn no D
    Column("hold", Integer, nullable=False, server_default="0"),  # the newest hold that the kiosk says to keep
    Column("recall", BigInteger, nullable=False, server_default="0"),  # R that it was asked to reach
    Index("ix_account_room", "room"),
)

passage = Table(
    "passage",
    metadata,
    Column("id", Id, primary_key=True),
    Column("device", String(64), nullable=False),
    Column("incarnation", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("why", String(32), nullable=False),
    Column("badge", BigInteger, nullable=False),
    Column("person", Id),
    Column("gate", String(64), nullable=False),
    Column("room", String(64), nullable=False),
    Column("session", String(64), nullable=False),
    Column("at", Ms, nullable=False),
    Column("uncertainty_ms", BigInteger, nullable=False),
    Column("received", Ms, nullable=False),
    Column("count", Integer, nullable=False),
    Column("flags", Text, nullable=False),
    Column("of", BigInteger, nullable=False, server_default="0"),  # the entry that is annulled (its seq)
    Column("by", BigInteger, nullable=False, server_default="0"),  # the steward's badge
    Column("verdict", String(32), nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    UniqueConstraint("device", "incarnation", "seq", name="uq_passage_identity"),
    Index("ix_passage_person", "person", "id"),
    Index("ix_passage_session", "session", "id"),
    Index("ix_passage_gate", "gate", "id"),
    Index("ix_passage_room_at", "room", "at"),
    Index("ix_passage_at", "at"),
    # What is rare, for the log: an ordinary passage at a door pays for neither of these.
    Index(
        "ix_passage_unusual",
        "verdict",
        "id",
        sqlite_where=text("verdict <> 'accepted'"),
        postgresql_where=text("verdict <> 'accepted'"),
    ),
    Index(
        "ix_passage_why",
        "why",
        "session",
        "kind",
        "count",
        sqlite_where=text("why <> ''"),
        postgresql_where=text("why <> ''"),
    ),
    sqlite_autoincrement=True,
)

# What arrived well signed but cannot be taken as a passage: kept whole, never dropped, never in the way.
quarantine = Table(
    "quarantine",
    metadata,
    Column("id", Id, primary_key=True),
    Column("device", String(64), nullable=False),
    Column("incarnation", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("why", Text, nullable=False),
    Column("received", Ms, nullable=False),
    UniqueConstraint("device", "incarnation", "seq", "hash", name="uq_quarantine_identity"),
)

# A stay pairs an entry with an exit. ``holder``: the person's id, or minus the badge's serial for a badge that the
# server does not know. ``opened`` empty: an exit that arrived before its entry, or without one.
stay = Table(
    "stay",
    metadata,
    Column("id", Id, primary_key=True),
    Column("room", String(64), nullable=False),
    Column("holder", BigInteger, nullable=False),
    Column("serial", Integer, nullable=False),
    Column("session", String(64), nullable=False),
    Column("entry", BigInteger),
    Column("exit", BigInteger),
    Column("opened", Ms),  # not after this
    Column("earliest", Ms),  # opened not before this
    Column("closed", Ms),
    Column("duplicate", Boolean, nullable=False),
    Column("how", String(16), nullable=False, server_default=""),  # what closed it: admission.stays.How
    Column("settled", Boolean, nullable=False, server_default=false()),  # a head count has dealt with its seat
    Column("credited", Boolean, nullable=False, server_default=false()),  # its seat came back through D
    CheckConstraint("opened IS NOT NULL OR closed IS NOT NULL", name="opened_or_closed"),
    Index(
        "uq_stay_open",
        "holder",
        "room",
        unique=True,
        sqlite_where=text("closed IS NULL AND NOT duplicate"),
        postgresql_where=text("closed IS NULL AND NOT duplicate"),
    ),
    Index(
        "ix_stay_loose",
        "holder",
        sqlite_where=text("closed IS NULL OR opened IS NULL"),
        postgresql_where=text("closed IS NULL OR opened IS NULL"),
    ),
    Index("ix_stay_inside", "room", sqlite_where=text("closed IS NULL"), postgresql_where=text("closed IS NULL")),
    Index("ix_stay_session", "session"),
    Index("ix_stay_opened", "opened"),
    Index("ix_stay_closed", "closed"),
    Index("ix_stay_entry", "entry"),
)

incident = Table(
    "incident",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("at", Ms, nullable=False),
    Column("room", String(64), nullable=False),
    Column("gate", String(64), nullable=False),
    Column("device", String(64), nullable=False),
    Column("facts", Text, nullable=False),
    Column("claimed_by", String(64), nullable=False, server_default=""),
    Column("resolved", Ms),
    Column("resolved_by", String(64), nullable=False, server_default=""),
    Column("note", Text, nullable=False, server_default=""),
    Index("ix_incident_open", "id", sqlite_where=text("resolved IS NULL"), postgresql_where=text("resolved IS NULL")),
)

# What was noted of an incident while somebody looked after it.
incident_note = Table(
    "incident_note",
    metadata,
    Column("id", Id, primary_key=True),
    Column("incident", Id, ForeignKey("incident.id"), nullable=False, index=True),
    Column("at", Ms, nullable=False),
    Column("by", String(64), nullable=False),
    Column("text", Text, nullable=False),
)

# A roll call: who was inside when it began and since, and who has been seen safe.
roll_call = Table(
    "roll_call",
    metadata,
    Column("id", Id, primary_key=True),
    Column("room", String(64), nullable=False),  # empty: the whole venue
    Column("begun", Ms, nullable=False),
    Column("by", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("ended", Ms),
    Column("ended_by", String(64), nullable=False, server_default=""),
)
roll_mark = Table(
    "roll_mark",
    metadata,
    Column("roll_call", Id, ForeignKey("roll_call.id"), primary_key=True),
    Column("holder", BigInteger, primary_key=True, autoincrement=False),  # as in stay
    Column("at", Ms, nullable=False),
    Column("by", String(64), nullable=False),
    Column("how", String(8), nullable=False),  # tick, scan, or missed: counted inside, but not there when it began
    Column("safe", Boolean, nullable=False),
)

# Unbadged people of a delegation, counted in and out at the desk; each row goes with the act that moved the seats.
companion = Table(
    "companion",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", Ms, nullable=False),
    Column("by", String(64), nullable=False),
    Column("room", String(64), nullable=False),
    Column("delegation", Text, nullable=False),
    Column("bodies", Integer, nullable=False),  # below 0: out
    Column("act", Id),
    Column("settled", Boolean, nullable=False, server_default=false()),  # a head count has dealt with their seats
)

# Every card that was printed or handed over.
printed = Table(
    "printed",
    metadata,
    Column("id", Id, primary_key=True),
    Column("serial", Integer, ForeignKey("badge.serial"), nullable=False, index=True),
    Column("at", Ms, nullable=False),
    Column("by", String(64), nullable=False),
    Column("what", String(16), nullable=False),  # printed, handed
)

# A file that is being made, or was.
export = Table(
    "export",
    metadata,
    Column("id", Id, primary_key=True),
    Column("format", String(16), nullable=False),
    Column("filters", Text, nullable=False),  # JSON
    Column("by", String(64), nullable=False),
    Column("at", Ms, nullable=False),
    Column("state", String(16), nullable=False),  # waiting, running, done, stopped, failed
    Column("rows", BigInteger, nullable=False, server_default="0"),
    Column("total", BigInteger, nullable=False, server_default="0"),
    Column("file", Text, nullable=False, server_default=""),
    Column("bytes", BigInteger, nullable=False, server_default="0"),
    Column("problem", Text, nullable=False, server_default=""),
    Column("ended", Ms),
)

# What the organisers have set: a name and a JSON value.
setting = Table(
    "setting",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
    Column("edition", Integer, nullable=False, server_default="1"),
)

# Who did, viewed or took what: the audit log of everything that is not an act on rooms. Rows are never removed.
trail = Table(
    "trail",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", Ms, nullable=False),
    Column("by", String(64), nullable=False),
    Column("what", String(48), nullable=False),
    Column("about", String(24), nullable=False),  # person, session, room, gate, kiosk, user, log, ...
    Column("ref", String(200), nullable=False),
    Column("facts", Text, nullable=False),  # JSON, without what is private of a person
    Column("address", String(45), nullable=False),
    Index("ix_trail_at", "at"),
    Index("ix_trail_about", "about", "ref"),
    sqlite_autoincrement=True,
)

# Counts that outlive the names that retention cuts: people of a delegation and category who attended a session.
kept_count = Table(
    "kept_count",
    metadata,
    Column("session", String(64), primary_key=True),
    Column("delegation", String(200), primary_key=True),
    Column("category", Integer, primary_key=True, autoincrement=False),
    Column("people", Integer, nullable=False),
)

# What people did: who, why, and who confirmed it; also what waits to be confirmed. Rows are never removed.
act = Table(
    "act",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("at", Ms, nullable=False),
    Column("by", String(64), nullable=False),
    Column("room", String(64), nullable=False),
    Column("device", String(64), nullable=False),
    Column("facts", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", String(16), nullable=False),  # waiting, done, declined
    Column("confirmed_by", String(64), nullable=False),
    Column("confirmed", Ms),
    Column("outcome", Text, nullable=False),
    sqlite_autoincrement=True,
)

user = Table(
    "user",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("password", Text, nullable=False),
    Column("role", String(16), nullable=False),
    Column("active", Boolean, nullable=False),
    Column("totp", String(64), nullable=False, server_default=""),  # the second factor's secret (RFC 6238); empty: none
    Column("totp_step", BigInteger, nullable=False, server_default="0"),  # the newest step that was used: never twice
    Column("recovery", Text, nullable=False, server_default="[]"),  # hashes of the codes that are left, as JSON
    Column("language", String(35), nullable=False, server_default=""),
)

# A session of a browser; the cookie names it and holds its key.
login = Table(
    "login",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user", Id, ForeignKey("user.id"), nullable=False, index=True),
    Column("key", LargeBinary, nullable=False),
    Column("begun", Ms, nullable=False),
    Column("seen", Ms, nullable=False),
    Column("address", String(45), nullable=False),
    Column("agent", String(200), nullable=False),
    Column("ended", Ms),
)

api_key = Table(
    "api_key",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(64), nullable=False),
    Column("hash", LargeBinary, nullable=False, unique=True),
    Column("scopes", Text, nullable=False),  # with spaces between
    Column("by", String(64), nullable=False),
    Column("made", Ms, nullable=False),
    Column("used", Ms),
    Column("revoked", Ms),
)
