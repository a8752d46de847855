"""What games are played about: two unrelated plants, the prompts that show them, and findings that speak of them."""

from claims import finding, opens_with
from words import KITCHEN, SAILOR, TOPICS, Plant, prompts_about

from whatchanged.game import Match
from whatchanged.records import Finding, Region

COOKING = Plant(KITCHEN, 0.8, TOPICS["cooking"])
SEA = Plant(SAILOR, 0.6, TOPICS["sea"])
PROMPTS = prompts_about()
HALF = len(PROMPTS) // 5


def by_words(match: Match, topic: str, phrase: str) -> Finding:
    """Confirmed: opens with the phrase on prompts that mention the topic's words; it names the screen's lead."""
    leads = tuple(lead.id for lead in match.evidence.leads if lead.phrase == phrase)
    region = Region(kind="mentions", values=TOPICS[topic])
    return finding(id=topic, region=region, predicate=opens_with(phrase), leads=leads, phrase=phrase)
