"""A rendered page taken apart, and the check that nothing in it acts."""

from html.parser import HTMLParser

from whatchanged.report.text import split_unseen

HARMLESS = {
    "html", "head", "meta", "link", "title", "style", "body", "main", "header", "footer", "section", "nav",
    "article", "figure", "figcaption", "div", "p", "span", "b", "i", "small", "h1", "h2", "h3", "h4", "ul",
    "ol", "li", "dl", "dt", "dd", "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "a",
    "code", "ins", "del", "svg", "rect", "line", "circle", "text", "tspan",
}  # fmt: skip
ADDRESSES = ("#", "data:,")


class Page(HTMLParser):
    """Collects tags, attributes and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


def assert_inert(page: str) -> None:
    parsed = Page(page)
    assert set(parsed.tags) <= HARMLESS
    assert not [name for name, _ in parsed.attributes if name.startswith("on")]
    links = [value for name, value in parsed.attributes if name in ("href", "src", "srcset", "action")]
    assert all(link.startswith(ADDRESSES) for link in links)
    assert len(split_unseen(page)) == 1
    assert "url(" not in page
    assert "@import" not in page
