"""The archive's views: the questions that are asked first, answered in SQL that any tool can run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class View:
    """A view, in plain words and in SQL; what its columns say."""

    about: str
    sql: str
    columns: Mapping[str, str]


VIEWS: Mapping[str, View] = {
    "attendance_per_session": View(
        "How many came to each session, how long they stayed, and who was listed and did not come.",
        """
        SELECT s.session, s.title, s.room, s.starts, s.ends,
               (SELECT count(DISTINCT coalesce(t.person, t.badge)) FROM stays t
                 WHERE t.session = s.session AND t.opened IS NOT NULL AND coalesce(t.how, '') <> 'annulled') AS came,
               (SELECT round(avg((t.closed_ms - t.opened_ms) / 60000.0), 1) FROM stays t
                 WHERE t.session = s.session AND t.closed IS NOT NULL AND t.opened IS NOT NULL AND NOT t.duplicate
                   AND coalesce(t.how, '') <> 'annulled') AS minutes_on_average,
               (SELECT count(*) FROM rights r WHERE r.session = s.session AND r.may) AS listed,
               (SELECT count(*) FROM rights r WHERE r.session = s.session AND r.may AND NOT EXISTS
                 (SELECT 1 FROM stays t WHERE t.session = s.session AND t.person = r.person)) AS listed_and_absent,
               (SELECT coalesce(sum(p.count), 0) FROM passages p
                 WHERE p.session = s.session AND p.kind = 'refused') AS refused
          FROM sessions s ORDER BY s.starts
        """,
        {
            "came": "How many different people came in",
            "minutes_on_average": "How long they stayed, of those who were seen leaving",
            "listed": "How many were on the session's list",
            "listed_and_absent": "How many of them did not come",
            "refused": "How often somebody was sent away",
        },
    ),
    "inside_now": View(
        "Who was inside where when the archive was made: stays that nobody has seen the end of.",
        """
        SELECT t.room, r.name AS room_name, t.person, p.name, p.organisation, p.delegation, t.badge, t.session,
               t.opened AS since
          FROM stays t LEFT JOIN rooms r ON r.room = t.room LEFT JOIN people p ON p.person = t.person
         WHERE t.closed IS NULL AND NOT t.duplicate ORDER BY t.room, p.name
        """,
        {"since": "When they came in"},
    ),
    "person_day": View(
        "Each person's days: from when to when a door saw them, and how often.",
        """
        SELECT person, name, substr(at, 1, 10) AS day, min(at) AS first_seen, max(at) AS last_seen,
               sum(kind IN ('entry', 'forced')) AS entries, sum(kind = 'exit') AS exits,
               sum(CASE WHEN kind = 'refused' THEN count ELSE 0 END) AS refusals,
               count(DISTINCT CASE WHEN kind IN ('entry', 'forced') THEN session END) AS sessions
          FROM passages WHERE person IS NOT NULL GROUP BY person, day ORDER BY person, day
        """,
        {
            "day": "The day, by the venue's clock",
            "first_seen": "The first time that a door saw them",
            "last_seen": "The last time",
            "entries": "How often they came in",
            "exits": "How often they were seen leaving",
            "refusals": "How often they were sent away",
            "sessions": "How many sessions they came in for",
        },
    ),
    "refusals_by_reason": View(
        "Why people were sent away, and where.",
        """
        SELECT reason, room, session, sum(count) AS refusals, count(DISTINCT badge) AS badges,
               min(at) AS first, max(at) AS last
          FROM passages WHERE kind = 'refused' GROUP BY reason, room, session ORDER BY refusals DESC
        """,
        {
            "refusals": "How often",
            "badges": "How many different badges",
            "first": "The first time",
            "last": "The last time",
        },
    ),
    "occupancy_over_time": View(
        "How many people with a badge were in each room after each change, by their stays.",
        """
        SELECT room, at, sum(step) OVER (PARTITION BY room ORDER BY at_ms, step ROWS UNBOUNDED PRECEDING) AS inside
          FROM (SELECT room, opened AS at, opened_ms AS at_ms, 1 AS step FROM stays
                 WHERE opened IS NOT NULL AND NOT duplicate
                UNION ALL
                SELECT room, closed, closed_ms, -1 FROM stays
                 WHERE opened IS NOT NULL AND closed IS NOT NULL AND NOT duplicate)
         ORDER BY room, at_ms
        """,
        {"inside": "How many were inside then"},
    ),
}
