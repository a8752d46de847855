"""What the checkpoints say, for the report: one reading of both, no model run."""

from whatchanged.errors import UsageError
from whatchanged.ledger import Ledger, json_codec
from whatchanged.records import Cost
from whatchanged.report.model import ModuleChange, WeightsView

VIEW = json_codec(WeightsView | None)


def weights_view(ledger: Ledger) -> WeightsView | None:
    """The kind of intervention and the modules it moved; None where there are no two checkpoints to read.

    Modifiers act at run time and a checkpoint of a kind that cannot be compared is no reason to stop an audit.
    """

    def work() -> tuple[WeightsView | None, Cost]:
        from whatchanged.weights import weight_diff

        config = ledger.config
        try:
            diff = weight_diff(config.base, config.candidate, seed=config.seed, progress=ledger.progress)
        except UsageError:
            return None, Cost()
        modules = [ModuleChange(layer=m.layer, module=m.module, relative=m.relative) for m in diff.modules]
        kind = diff.kind
        return WeightsView(
            kind=kind.name, confidence=kind.confidence, evidence=kind.evidence, relative=diff.relative,
            modules=tuple(modules),
        ), Cost()  # fmt: skip

    view: WeightsView | None = ledger.once("weights/diff", VIEW, work)
    return view
