"""The silent progress still counts every step."""

from whatchanged.ledger import Progress


class Heard(Progress):
    def __init__(self):
        self.said = []

    def stage(self, name, total):
        self.said.append((name, total))

    def advance(self, steps=1):
        self.said.append(steps)


def test_a_step_is_done_when_its_work_is():
    heard = Heard()
    for item in heard.track("stage", "ab"):
        heard.said.append(item)
    assert heard.said == [("stage", 2), "a", 1, "b", 1]


def test_the_default_says_nothing(capsys):
    progress = Progress()
    assert list(progress.track("stage", [1, 2])) == [1, 2]
    progress.message("hello")
    progress.close()
    assert capsys.readouterr() == ("", "")
