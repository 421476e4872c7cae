"""The picture of the readers' bench: of each set, the share that each reader reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pygal
from pygal.style import Style

_OTHERS = ("#c9800f", "#57606a", "#8c959f", "#b7bdc4", "#d5d9de")
_OURS = ("#5fb98a", "#1a7f4b")


def draw(sets: Sequence[tuple[str, int]], read: Mapping[str, Sequence[int]]) -> str:
    """Bars in SVG. ``sets``: (name, pictures with a known text); ``read``: of each reader, how many in each set."""
    some = [at for at, (_, count) in enumerate(sets) if count]
    ours = sum(name.startswith("ours") for name in read)
    colours = (*_OTHERS[: len(read) - ours], *_OURS[:ours])
    style = Style(background="white", plot_background="white", colors=colours, font_family="sans-serif")
    chart = pygal.Bar(
        style=style, js=(), pretty_print=True, range=(0, 100), title="Pictures read, of 100", legend_at_bottom=True,
        legend_at_bottom_columns=4, width=900, height=460, margin=14, print_values=False, no_prefix=True,
        disable_xml_declaration=True,
    )  # fmt: skip
    chart.x_labels = [f"{sets[at][0]} ({sets[at][1]})" for at in some]
    for name, counts in read.items():
        chart.add(name, [round(100 * counts[at] / sets[at][1], 1) for at in some])
    return str(chart.render(is_unicode=True)) + "\n"
