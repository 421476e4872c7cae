"""The day on two pages of A4, for somebody who was not there: words, figures, one picture, and what went wrong.

Two pages whatever the data are: every part has its place, and what does not fit is counted instead of shown. In any
script that the installed fonts have. Knows nothing of where the figures come from, and names nobody.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fpdf.enums import Align

from server.fonts import INSTALLED_FONTS, POINTS_PER_MM, Faces, Weight
from server.phrase import marked as _
from server.phrase import phrase
from server.reports import panels
from server.reports.audience import Group
from server.reports.day import Report, Talk
from server.reports.paper import INK, MUTED, ROW, Paper, Place, Row
from server.reports.pictures import clock, shown
from server.reports.prose import paragraph, present
from server.reports.tallies import MINUTE
from server.reports.voice import NO_DELEGATION, NO_THEME, Voice
from server.store.instants import to_ms

PAGE = (210.0, 297.0)
LEFT, TOP, WIDTH, BOTTOM = 20.0, 18.0, 170.0, 278.0
HALF, GUTTER = 80.0, 10.0
TITLE, HEADING, TEXT, SMALL = 21.0, 11.5, 10.5, 8.0
CURVE, COLUMNS = 24.0, 340
MOST_TALKS, MOST_GROUPS, MOST_ROOMS, MOST_REASONS, TEN = 40, 9, 6, 8, 10


@dataclass(frozen=True, slots=True)
class Cover:
    """What stands on top: the event, and the day in words."""

    event: str
    day: str


def draw(report: Report, voice: Voice, cover: Cover, *, fonts: Path = INSTALLED_FONTS) -> bytes:
    """The PDF."""
    paper = Paper(PAGE, Faces(fonts))
    paper.set_title(f"{cover.event}: {cover.day}")
    painter = _Painter(paper, report, voice, cover)
    painter.first_page()
    painter.second_page()
    out = io.BytesIO()
    paper.output(out)
    return out.getvalue()


@dataclass(frozen=True)
class _Painter:
    paper: Paper
    report: Report
    voice: Voice
    cover: Cover

    def first_page(self) -> None:
        """Title, the day in words, figures, attendance of the sessions."""
        self.paper.add_page()
        self._colour(MUTED)
        self.paper.line_of(self.cover.event, Place(LEFT, TOP, WIDTH), TEXT)
        self._colour(INK)
        block = self.paper.fitted(self.cover.day, Weight.BOLD, TITLE, WIDTH, 18)
        self.paper.write_block(block, LEFT, TOP + 6, WIDTH, Align.L)
        y = TOP + 6 + block.height + 3
        self.paper.rule(Place(LEFT, y, WIDTH))
        y = self._words(y + 3)
        y = self._figures(y + 3)
        self._attendance(y + 3)
        self._foot(1)

    def second_page(self) -> None:
        """Fullest moments, themes, categories, delegations, safety."""
        self.paper.add_page()
        y = self._inside(TOP)
        self._heading(_("Fullest moments"), Place(LEFT, y, WIDTH))
        self.paper.list_of(self._moments(), Place(LEFT, y + 8, WIDTH), text=46)
        y += 13 + (MOST_ROOMS + 1) * ROW
        right = LEFT + HALF + GUTTER
        self._heading(_("People by theme of the sessions they came to"), Place(LEFT, y, HALF))
        self.paper.list_of(self._themes(), Place(LEFT, y + 8, HALF))
        self._heading(_("People by category"), Place(right, y, HALF))
        self.paper.list_of(self._people(self.report.audience.categories, MOST_GROUPS), Place(right, y + 8, HALF))
        y += 13 + (MOST_GROUPS + 1) * ROW
        came, known = present(self.report)
        said = phrase("Delegations represented: {came} of {all}", came=self._n(came), all=self._n(known))
        self._heading(said, Place(LEFT, y, HALF))
        named = [one for one in self.report.audience.delegations if one.name and (one.came or one.attendances)]
        self.paper.list_of(self._people(named, TEN), Place(LEFT, y + 8, HALF))
        self._heading(_("Safety"), Place(right, y, HALF))
        self.paper.list_of(self._safety(), Place(right, y + 8, HALF))
        self._notes()
        self._foot(2)

    # ---- the parts of the first page ----

    def _words(self, y: float) -> float:
        """The paragraph; smaller where it is long, and never longer than its place."""
        text = paragraph(self.report, self.voice, self.cover.event)
        for size in (TEXT, 9.5, 8.5, 7.5, 6.5):
            lines = self.paper.wrapped(text, WIDTH, size)
            height = size * 1.42 / POINTS_PER_MM
            if len(lines) * height <= 42:
                break
        for number, line in enumerate(lines[: int(42 / height)]):
            self.paper.line_of(line, Place(LEFT, y + number * height, WIDTH), size)
        return y + min(len(lines), int(42 / height)) * height

    def _figures(self, y: float) -> float:
        report, safety = self.report, self.report.safety
        full = report.fullest
        share = full.peak.most / full.room.limit if full is not None and full.room.limit else None
        came, known = present(report)
        delegations = phrase("of {all} delegations were represented", all=self._n(known))
        figures = (
            (self._n(report.audience.came), _("people came")),
            (self._n(came) if known else "—", delegations),
            (self._n(report.venue.peak.most), _("inside at once, at most")),
            (self.voice.share(share), _("of its limit: the fullest room")),
            (self._n(safety.attempts), _("refusals at the doors")),
            (self._n(sum(safety.over.values())), _("times over a legal limit")),
        )
        each = WIDTH / len(figures)
        for number, (figure, label) in enumerate(figures):
            self._colour(INK)
            self.paper.line_of(figure, Place(LEFT + number * each, y, each - 6), 16, Weight.BOLD)
            self._colour(MUTED)
            lines = self.paper.wrapped(self.voice.say(label), each - 3, SMALL)
            for row, line in enumerate(lines[:3]):
                self.paper.line_of(line, Place(LEFT + number * each, y + 7.5 + row * 3.6, each - 3), SMALL)
        return y + 18

    def _attendance(self, y: float) -> None:
        talks = [one for one in self.report.talks if one.begun]
        chosen = sorted(talks, key=lambda one: -one.people)[:MOST_TALKS]
        rows = [self._talk(one) for one in talks if one in chosen]
        if len(talks) > len(chosen):
            rest = self._n(len(talks) - len(chosen))
            rows.append(Row(self.voice.say(phrase("smaller sessions that are not shown: {count}", count=rest)), ""))
        self._heading(_("Attendance of the sessions: people who came, of the seats"), Place(LEFT, y, WIDTH))
        if not rows:
            rows.append(Row(self.voice.say(_("No session has begun.")), ""))
        each = min(ROW, (BOTTOM - y - 8) / len(rows))
        self.paper.list_of(rows, Place(LEFT, y + 8, WIDTH), each, 38)

    def _talk(self, one: Talk) -> Row:
        label = f"{self.voice.time(to_ms(one.session.starts) // MINUTE)}  {one.session.title}"
        people = self._n(one.people)
        if one.seats is None or one.share is None:
            return Row(label, self.voice.say(phrase("{people}; no limit", people=people)))
        said = phrase(
            "{people} of {seats} · {share}",
            people=people,
            seats=self._n(one.seats),
            share=self.voice.share(one.share),
        )
        return Row(label, self.voice.say(said), one.share, 1)

    # ---- the parts of the second page ----

    def _inside(self, y: float) -> float:
        """How many were inside over the day, as a curve; where it ends on the page."""
        peak, minutes = self.report.venue.peak, shown(self.report)
        told = phrase(
            "Inside over the day: at most {most}, at {time}", most=self._n(peak.most), time=self._t(peak.minute)
        )
        self._heading(told if peak.most else _("Inside over the day: nobody"), Place(LEFT, y, WIDTH))
        if not peak.most:
            return y + 13
        heights = panels.heights(self.report.venue.points, minutes, COLUMNS)
        self.paper.curve([number / peak.most for number in heights], Place(LEFT, y + 9, WIDTH), CURVE)
        self.paper.set_text_color(*MUTED)
        for minute in panels.ticks(clock(minutes, self.voice), WIDTH * 4):
            x = LEFT + (minute - minutes.start) / len(minutes) * WIDTH
            self.paper.rule(Place(x, y + 9 + CURVE, 0.3))
            said = clock(minutes, self.voice).say(minute)
            self.paper.line_of(said, Place(min(x, LEFT + WIDTH - 9), y + 9.5 + CURVE, 12), 7.5)
        return y + CURVE + 17

    def _moments(self) -> list[Row]:
        """The fullest rooms, and the busiest minutes at the gates."""
        rooms = [one for one in self.report.places if one.room.limit and one.peak.most]
        rooms.sort(key=lambda one: -one.peak.most / (one.room.limit or 1))
        rows = []
        for one in rooms[:MOST_ROOMS]:
            limit = one.room.limit or 1
            share = one.peak.most / limit
            said = phrase(
                "{most} of {limit} ({share}) at {time}",
                most=self._n(one.peak.most),
                limit=self._n(limit),
                share=self.voice.share(share),
                time=self.voice.time(one.peak.minute),
            )
            rows.append(Row(one.room.name, self.voice.say(said), share, 1))
        peak = self.report.busiest
        if peak.most:
            said = phrase("{entries} in 5 minutes from {time}", entries=self._n(peak.most), time=self._t(peak.minute))
            rows.append(Row(self.voice.say(_("Entries at all gates")), self.voice.say(said)))
        return rows or [self._nothing()]

    def _themes(self) -> list[Row]:
        found = self.report.audience.themes
        rows = [
            Row(self.voice.group(one.name, NO_THEME), self._n(one.people), one.people) for one in found[:MOST_GROUPS]
        ]
        return (rows + self._more(len(found) - MOST_GROUPS)) or [self._nothing()]

    def _people(self, groups: Sequence[Group], most: int) -> list[Row]:
        rows = []
        for one in groups[:most]:
            name = self.voice.group(one.name, NO_DELEGATION)
            if not one.invited:  # names were cut: only attendances are known
                said = phrase("attendances: {count}", count=self._n(one.attendances))
                rows.append(Row(name, self.voice.say(said)))
                continue
            said = phrase("{came} of {all}", came=self._n(one.came), all=self._n(one.invited))
            rows.append(Row(name, self.voice.say(said), one.came, 0))
        return (rows + self._more(len(groups) - most)) or [self._nothing()]

    def _safety(self) -> list[Row]:
        safety, say = self.report.safety, self.voice.say
        over = sum(safety.over.values())
        rows = [
            Row(say(_("Rooms over their legal limit")), say(_("never")) if not over else self._times(over)),
            Row(say(_("Let in by stewards without a free seat")), self._n(safety.forced)),
            Row(say(_("Entries that were annulled")), self._n(safety.annulled)),
            Row(say(_("Refusals at the doors")), self._n(safety.attempts)),
        ]
        reasons = list(safety.refused.items())
        rows += [Row(self.voice.reason(code), self._n(count), count) for code, count in reasons[: MOST_REASONS - 2]]
        rest = sum(count for _code, count in reasons[MOST_REASONS - 2 :])
        return rows + ([Row(say(_("other reasons")), self._n(rest), rest)] if rest else [])

    def _times(self, times: int) -> str:
        return self.voice.say(phrase("times: {times}", times=self._n(times)))

    def _more(self, count: int) -> list[Row]:
        return [Row(self.voice.say(phrase("others: {count}", count=self._n(count))), "")] if count > 0 else []

    def _nothing(self) -> Row:
        return Row(self.voice.say(_("Nothing was counted.")), "")

    def _notes(self) -> None:
        text = self.voice.say(
            _(
                "People are holders of badges, each counted once. Inside are all bodies that the gates counted, with a "
                "badge or without, minute by minute. Refusals are attempts: who tries again is counted again."
            )
        )
        self._colour(MUTED)
        lines = self.paper.wrapped(text, WIDTH, SMALL)[:3]
        for number, line in enumerate(lines):
            self.paper.line_of(line, Place(LEFT, BOTTOM - (len(lines) - number) * 3.9, WIDTH), SMALL)

    # ---- what both are drawn with ----

    def _heading(self, text: str, place: Place) -> None:
        self._colour(INK)
        self.paper.line_of(self.voice.say(text), place, HEADING, Weight.BOLD)
        self.paper.rule(Place(place.x, place.y + 6, place.width))

    def _foot(self, page: int) -> None:
        local = self.report.made.astimezone(self.voice.zone)
        made = phrase("made on {day} at {time}", day=self.voice.full_day(local.date()), time=f"{local:%H:%M}")
        number = phrase("page {page} of {pages}", page=self._n(page), pages=self._n(2))
        self.paper.rule(Place(LEFT, BOTTOM + 3, WIDTH))
        self._colour(MUTED)
        said = f"{self.cover.event} · {self.voice.say(made)}"
        self.paper.line_of(said, Place(LEFT, BOTTOM + 4.5, WIDTH - 32), SMALL)
        foot = Place(LEFT + WIDTH - 30, BOTTOM + 4.5, 30)
        self.paper.line_of(self.voice.say(number), foot, SMALL, align=Align.R)

    def _colour(self, colour: tuple[int, int, int]) -> None:
        self.paper.set_text_color(*colour)

    def _n(self, number: int) -> str:
        return self.voice.number(number)

    def _t(self, minute: int | None) -> str:
        return self.voice.time(minute)
