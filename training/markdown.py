"""Markdown tables of figures."""


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table, without a newline at its end."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def between(text: str, mark: str, end: str, content: str) -> str:
    """The text with new content between its two marks."""
    before, _, rest = text.partition(mark)
    return f"{before}{mark}\n{content}\n{end}{rest.partition(end)[2]}"
