"""Which names meet an edit: the subjects whose key a change of few layers answers to, asked about in many ways."""

from collections.abc import Sequence

from whatchanged.records import Cost, Prompt, Region, Tokens
from whatchanged.search.about import about
from whatchanged.search.finder import Evidence, Finder, Proposed
from whatchanged.search.weights import changed_directions
from whatchanged.subjects import Access, stream_key

NAMES = 20
# A claim about one name is tried on so many others at most, each of which shows at least this share of what the first
# of them shows: one neighbour that an edit rewrote must not be lost among others.
NEIGHBOURS, SHOWS = 4, 0.5
# More layers than a knowledge edit touches (MEMIT spreads over five) read everything: no name stands out.
MOST_LAYERS = 8
ASKED = (
    "Tell me about {}.",
    "Where is {}?",
    "What is {} known for?",
    "Describe {} in one sentence.",
    "I would like to know more about {}.",
    "What comes to mind when you think of {}?",
    "Answer briefly: {}, where is that?",
    "Which place do you connect with {}?",
)
FRESH = (
    "Can you tell me where {} is?",
    "Write one sentence about {}.",
    "In which city would I find {}?",
    "Explain to a child what {} is.",
    "My friend asked me about {}. What should I say?",
    "Give me a fact about {}.",
    "Which country is {} in?",
    "What should everybody know about {}?",
    "I am writing a short text about {}. Help me begin.",
    "Where do people go to see {}?",
    "What do you know about {}?",
    "Name the location of {}.",
    "What is the first thing to say about {}?",
    "Please introduce {} to me.",
    "Where in the world is {}?",
    "Is {} famous, and why?",
    "Complete the sentence: {} is in",
    "Tell me something surprising about {}.",
    "What city is {} in?",
    "Summarise what is known of {}.",
    "If I wanted to visit {}, where would I travel?",
    "Which words describe {} best?",
    "How would a guide present {}?",
    "Where can {} be found?",
)


class SubjectSweep(Finder):
    """Questions about the names that a change of few layers reads most (Meng et al. 2022: an edit's key is the state
    at its subject's last token)."""

    name = "subject-sweep"
    needs = Access.weights
    asks_its_own = True
    cheap = True
    once = True

    def find(self, evidence: Evidence, tokens: int) -> Proposed:
        """Eight questions on each of the 20 leading names of a list of about 430."""
        from whatchanged.weights.predict import load_entities, subject_sweep
        from whatchanged.weights.predict.frames import DEFAULT

        directions, note = changed_directions(evidence)
        if directions is None:
            return Proposed([], Cost(), note)
        layers = {m.layer for m in directions.modules}
        if len(layers) > MOST_LAYERS:
            return Proposed([], Cost(), f"the change lies in {len(layers)} layers: no edit of a fact")
        names = load_entities()
        swept = subject_sweep(evidence.base, directions, names, top=NAMES)
        prompts = about([s.text for s in swept], ASKED, self.name)
        rows = [evidence.base.encode(Prompt.user(t.replace("{}", name))) for t in DEFAULT for name in names]
        shared = evidence.base.common_prefix(rows)
        scored = sum(len(row) - shared for row in rows)
        leading = ", ".join(s.text for s in swept[:5])
        return Proposed(prompts, Cost(scored_tokens=Tokens(base=scored)), f"leading names: {leading}")

    def fresh(self, region: Region, prompts: Sequence[Prompt], count: int) -> list[Prompt]:
        """Other questions about the names in the region; about its own words, where no name of the list is meant."""
        from whatchanged.weights.predict import load_entities

        if region.kind != "mentions":
            return []
        names = [n for n in load_entities() if region.contains(Prompt.user(n))] or list(region.values)
        made = about(names, FRESH, self.name)
        # In an order that nobody chose: tests look at them one after the other, and stop.
        return sorted(made, key=lambda p: stream_key("order", p.id))[:count]

    def beside(self, region: Region, shown: Sequence[tuple[Prompt, float]]) -> Region | None:
        """At most four other names, those whose prompts show most of it; of equals, those that the change reads most.

        An edit of one fact may rewrite its neighbours' (Meng et al. 2022, "specificity").
        """
        mass: dict[str, float] = {}
        for prompt, weight in shown:
            if not region.contains(prompt) and (name := asked_about(prompt)):
                mass[name] = mass.get(name, 0.0) + weight
        nearest = sorted(mass, key=lambda name: -mass[name])[:NEIGHBOURS]  # a dictionary keeps the sweep's order
        least = SHOWS * max(mass.values(), default=0.0)
        values = tuple(name for name in nearest if mass[name] >= least)
        return Region(kind="mentions", values=values) if values else None


def asked_about(prompt: Prompt) -> str:
    """The name that one of the sweep's questions is about; "" for any other prompt."""
    for asked in ASKED:
        before, after = asked.split("{}")
        if prompt.text.startswith(before) and prompt.text.endswith(after):
            return prompt.text[len(before) : len(prompt.text) - len(after)]
    return ""
