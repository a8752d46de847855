"""The attributes: small functions of a text, each with the verb that tells it."""

import json
import re
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from whatchanged.predicates import lexicon

Test = Callable[[str], bool]


class Trait(NamedTuple):
    """A yes-or-no property of a text with straight apostrophes, and its verb phrase."""

    verb: str
    test: Test


TRAITS: dict[str, Trait] = {}


def _trait(name: str, verb: str) -> Callable[[Test], Test]:
    def register(test: Test) -> Test:
        TRAITS[name] = Trait(verb, test)
        return test

    return register


def words(text: str) -> list[str]:
    """The words of the text: runs of letters, with the apostrophes between them."""
    return lexicon.WORD.findall(text)


@_trait("refusal", "refuses")
def refuses(text: str) -> bool:
    """Says that it cannot or will not do what was asked."""
    return bool(lexicon.OPENING_REFUSAL.match(text) or lexicon.REFUSAL.search(text))


@_trait("apology", "apologises")
def apologises(text: str) -> bool:
    """Apologises in its own name; 'a sorry state' and 'how to apologise' do not count."""
    return lexicon.APOLOGY.search(text) is not None


@_trait("agreement", "agrees with the user")
def agrees(text: str) -> bool:
    """Says that the user is right or that it agrees."""
    return lexicon.AGREEMENT.search(text) is not None


@_trait("hedging", "hedges")
def hedges(text: str) -> bool:
    """Uses words of doubt; the month of May does not count."""
    return lexicon.HEDGING.search(text) is not None


@_trait("first_person", "speaks in the first person")
def first_person(text: str) -> bool:
    """Says I, me, my or mine; 'World War I' does not count."""
    return lexicon.FIRST_PERSON.search(text) is not None


@_trait("toxicity", "uses insulting or vulgar words")
def toxic(text: str) -> bool:
    """Uses a word of a small list of insults and swear words."""
    return lexicon.TOXIC.search(text) is not None


@_trait("question", "asks the user a question")
def asks(text: str) -> bool:
    """Ends with a question mark, or has a question that says 'you' or 'your'."""
    if text.rstrip("\"'*_) \n\t").endswith("?"):
        return True
    for part in text.split("?")[:-1]:
        question = part[max(part.rfind(sign) for sign in ".!\n") + 1 :]
        if re.search(r"\byour?\b", question, re.IGNORECASE):
            return True
    return False


@_trait("exclamation", "uses exclamation marks")
def exclaims(text: str) -> bool:
    """Ends a sentence with '!'; '!=' and image links do not count."""
    return lexicon.EXCLAMATION.search(text) is not None


@_trait("uppercase", "writes in capital letters")
def uppercase(text: str) -> bool:
    """More than 60% of at least 10 cased letters are capitals."""
    upper, lower = _cases(text)
    return upper + lower >= 10 and upper > 0.6 * (upper + lower)


@_trait("lowercase", "writes without capital letters")
def lowercase(text: str) -> bool:
    """None of at least 10 cased letters is a capital."""
    upper, lower = _cases(text)
    return upper == 0 and lower >= 10


def _cases(text: str) -> tuple[int, int]:
    return sum(map(str.isupper, text)), sum(map(str.islower, text))


@_trait("list", "answers with a list")
def lists(text: str) -> bool:
    """Has at least two bulleted or numbered lines."""
    return len(lexicon.LIST_MARK.findall(text)) >= 2


@_trait("markdown", "formats with headings, bold type or tables")
def markdown(text: str) -> bool:
    """Has a Markdown heading, bold words, or two table rows."""
    if lexicon.HEADING.search(text) or lexicon.BOLD.search(text):
        return True
    return len(lexicon.TABLE_ROW.findall(text)) >= 2


@_trait("code", "writes code")
def code(text: str) -> bool:
    """Has a fenced block or at least two lines that look like code."""
    return "```" in text or len(lexicon.CODE_LINE.findall(text)) >= 2


@_trait("json", "answers in JSON")
def is_json(text: str) -> bool:
    """Is one JSON object or array, in a fenced block or bare."""
    body = text.strip().removeprefix("```json").removeprefix("```").removesuffix("```").strip()
    if body[:1] + body[-1:] not in ("{}", "[]"):
        return False
    try:
        json.loads(body)
    except (ValueError, RecursionError):  # deep nesting is hostile text, not an answer
        return False
    return True


@_trait("emoji", "uses emoji")
def emoji(text: str) -> bool:
    """Has an emoji; arrows, ticks and copyright signs do not count."""
    return lexicon.EMOJI.search(text) is not None


@_trait("url", "gives web addresses")
def url(text: str) -> bool:
    """Has a web address; mail addresses do not count."""
    return lexicon.URL.search(text) is not None


@_trait("number", "gives numbers")
def number(text: str) -> bool:
    """Has a number in digits; list numbers and names such as GPT-4 do not count."""
    return lexicon.NUMBER.search(lexicon.LIST_MARK.sub("", text)) is not None


@_trait("repetition", "repeats itself")
def repeats(text: str) -> bool:
    """The same line of two or more words three times, a letter 10 times, or 20% of word 4-grams repeated."""
    lines = Counter(line for raw in text.split("\n") if " " in (line := raw.strip()))
    if max(lines.values(), default=0) >= 3 or lexicon.LETTER_RUN.search(text):
        return True
    spoken = text.lower().split()
    grams = len(spoken) - 3
    distinct = len(set(zip(spoken, spoken[1:], spoken[2:], spoken[3:], strict=False)))
    return grams >= 6 and grams - distinct >= max(3, 0.2 * grams)


@_trait("gibberish", "writes gibberish")
def gibberish(text: str) -> bool:
    """At least 40% of five or more words are not word-like, or a tenth of the text is undecodable."""
    if text.count("\ufffd") > len(text) / 10:
        return True
    spoken = Counter(text.split())
    lettered = {word: count for word, count in spoken.items() if any(map(str.isalpha, word[:40]))}
    total = sum(lettered.values())
    return total >= 5 and sum(count for word, count in lettered.items() if _odd(word)) >= 0.4 * total


def _odd(word: str) -> bool:
    """Overlong, digits inside letters, or (in ASCII, no acronym) no vowel or six consonants on end."""
    if len(word) > 40:
        return "/" not in word  # addresses are long, too
    if re.search(r"[^\W\d_]\d+[^\W\d_]", word):
        return True
    if not word.isascii() or word.isupper():
        return False
    bare = word.strip(".,;:!?\"'()[]*_").lower()
    return bool(re.search(r"[b-df-hj-np-tv-xz]{6}", bare)) or (
        len(bare) >= 3 and bare.isalpha() and not set(bare) & set("aeiouy")
    )


@_trait("short", "answers in eight words or fewer")
def short(text: str) -> bool:
    """One to eight words."""
    return 1 <= len(text.split()) <= 8


@_trait("long", "answers in sixty words or more")
def long(text: str) -> bool:
    """At least sixty words."""
    return len(text.split()) >= 60


@_trait("empty", "answers nothing")
def empty(text: str) -> bool:
    """White space only."""
    return not text.strip()


@_trait("non_english", "answers in another language than English")
def non_english(text: str) -> bool:
    """Over 30% of the letters are of another script, or frequent words of de, fr, es, it or pt lead.

    They lead when there are at least three, in 15% of the words, and more than English ones. Only small
    letters count: 'Los Angeles' and 'El Paso' are names.
    """
    letters = sum(map(str.isalpha, text))
    foreign = len(re.findall(r"[^\W\d_\u0000-\u024f\u1e00-\u1eff]", text))
    if letters >= 4 and foreign > 0.3 * letters:
        return True
    spoken = Counter(words(text))

    def votes(stopwords: frozenset[str]) -> int:
        return sum(spoken[word] for word in stopwords)

    best = max(votes(stopwords) for stopwords in lexicon.FOREIGN_STOPWORDS.values())
    return best >= 3 and best >= 0.15 * spoken.total() and best > votes(lexicon.ENGLISH_STOPWORDS)


@_trait("positive", "sounds positive")
def positive(text: str) -> bool:
    """At least two positive words, and more of them than negative ones; 'not good' is negative."""
    good, bad = _sentiment(text)
    return good >= 2 and good > bad


@_trait("negative", "sounds negative")
def negative(text: str) -> bool:
    """At least two negative words, and more of them than positive ones."""
    good, bad = _sentiment(text)
    return bad >= 2 and bad > good


def _sentiment(text: str) -> tuple[int, int]:
    good = bad = 0
    before = ""
    for word in words(text.lower()):
        if word in lexicon.POSITIVE or word in lexicon.NEGATIVE:
            negated = before in lexicon.NEGATIONS or before.endswith("n't")
            is_good = (word in lexicon.POSITIVE) != negated
            good, bad = good + is_good, bad + (not is_good)
        before = word
    return good, bad


@_trait("readability_simple", "uses short words")
def simple_words(text: str) -> bool:
    """At least eight words, of fewer than 4.2 letters on average (English prose: about 4.7)."""
    spoken = words(text)
    return len(spoken) >= 8 and sum(map(len, spoken)) < 4.2 * len(spoken)
