"""Parts that all report pages share: template, verdicts, table of measures, caveats."""

from collections.abc import Iterable
from pathlib import Path
from string import Template

from ethnicity.audit.charts import Object, name_of, text

TEMPLATE = Path(__file__).with_name("report.html")

_LEVELS = {
    "balanced": "Balanced",
    "uneven": "Uneven",
    "unbalanced": "Unbalanced",
    "unclear": "Not clear",
    "unknown": "Too few faces",
    "different": "Differences between labels",
    "not_shown": "No difference shown",
}


def filled(title: str, subtitle: str, verdicts: Iterable[str], parts: Iterable[str]) -> str:
    """The template with its parts; title and subtitle are escaped here."""
    template = Template(TEMPLATE.read_text(encoding="utf-8"))
    return template.substitute(
        title=text(title),
        heading=name_of(title),
        subtitle=text(subtitle),
        verdicts="\n".join(verdicts),
        body="\n".join(parts),
    )


def verdict(of: str, verdict: Object) -> str:
    """A box with a verdict and its explanation; ``of`` names the subject."""
    return (
        f'<div class="verdict {text(verdict["level"])}"><p class="level">{of}: '
        f'{_LEVELS[verdict["level"]]}</p><p class="words">{text(verdict["text"])}</p></div>'
    )


def measures(rows: Iterable[tuple[str, str, str]]) -> str:
    """A table of measures: names, values as HTML, and meanings."""
    head = (
        '<thead><tr><th scope="col">Measure</th><th scope="col" class="number">Value, 95 % interval'
        '</th><th scope="col">Meaning</th></tr></thead>'
    )
    body = "".join(
        f'<tr><th scope="row">{name}</th><td class="number">{value}</td>'
        f'<td class="soft">{words}</td></tr>'
        for name, value, words in rows
    )
    return f'<table class="measures">{head}<tbody>{body}</tbody></table>'


def caveats(sentences: Iterable[str]) -> str:
    """The list of caveats."""
    items = "".join(f"<li>{text(each)}</li>" for each in sentences)
    return f"<section><h2>Before you use these numbers</h2><ul>{items}</ul></section>"


def pictures_of(count: int) -> str:
    """A number of pictures, in words."""
    return "1 picture" if count == 1 else f"{count:,} pictures"
