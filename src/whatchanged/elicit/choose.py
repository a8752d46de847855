"""Which discovery prompts get a coupled pair: a random control, and where the leads are strongest."""

from collections.abc import Sequence

from whatchanged.records import Lead


def choose_prompts(order: Sequence[str], leads: Sequence[Lead], count: int) -> tuple[list[str], list[str]]:
    """(control, strongest): prompt ids, disjoint, `count` in all.

    `order` is the split's seeded order, so its first half-count is a random sample that knows no lead:
    what is measured on the control holds for the pool.
    """
    control = list(order[: count // 2])
    taken = set(control)
    strongest: list[str] = []
    queues = [[ref.prompt_id for ref in lead.contexts] for lead in leads]
    while any(queues) and len(strongest) < count - len(control):
        for queue in queues:
            while queue and queue[0] in taken:
                queue.pop(0)
            if queue and len(strongest) < count - len(control):
                taken.add(queue[0])
                strongest.append(queue.pop(0))
    return control, strongest
