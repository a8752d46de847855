"""Bigram models that write questions: what they say as a user is a turn worth asking, and every step is counted."""

from collections.abc import Sequence

from words import UNKNOWN, WordStepper, WordSubject

from whatchanged.subjects import Ids, Stepper

OPENING = (UNKNOWN,)


class Asking(WordSubject):
    """Puts a space before every word and a question mark at the end; its template has an opening of one token."""

    def user_opening(self) -> Ids:
        return OPENING

    def detokenize(self, ids: Sequence[int]) -> str:
        text = super().detokenize(ids)
        return f" {text}?" if text else ""

    def stepper(self, prompts: Sequence[Ids]) -> Stepper:
        return Counted(self, prompts)


class Bare(Asking):
    """Without a template."""

    def user_opening(self) -> Ids:
        return ()


class Counted(WordStepper):
    """Adds a token scored for each row, as long as prompts have one token."""

    def log_probs(self):
        self.subject.scored += len(self.rows)
        return super().log_probs()
