"""Packs for training and rows for the evaluation, of the wide world.

Owns how often each kind of exercise is drawn; what it looks like is shapes.py's, edits.py's
and conflicts.py's.
"""

import random

import conflicts
import edits
import generate as G
import shapes
from review import verdict

CONFLICTS = 0.07  # share of draws that ask about a policy itself
TWINS = 0.42  # share of them that are a policy and an edit of it
SAME = 0.12  # share of these whose edit changes nothing but the words
EFFORTS = (("low", "medium", "high"), (70, 15, 15))


def twins(rng, kinds=edits.TRAINED, n=G.CASES_A_PACK, lang=None, held=False, easy=False):
    """(kind of edit, policy, edited policy, cases judged under both)."""
    while True:
        p = shapes.make(rng, lang, held, easy)
        for _ in range(6):
            made = edits.counterfactual(p, rng, kinds)
            if not made:
                continue
            kind, q = made
            ordered = kind in ("precedence", "over")
            cases = G.pick_cases(p, rng, n, held, q, 2 if ordered else rng.choice([0, 1]))
            # An edit that moves no verdict teaches little; where only precedence differs, nothing.
            if any(verdict(p, c) != verdict(q, c) for c in cases) or not ordered and rng.random() < 0.3:
                return kind, p, q, cases


def same(rng, n=G.CASES_A_PACK, lang=None, held=False, kinds=edits.NO_OP):
    """(kind of edit, policy, the same said otherwise, cases)."""
    while True:
        p = shapes.make(rng, lang, held)
        kind = rng.choice(kinds)
        q = edits.no_op(p, rng, kind)
        if q:
            return kind, p, q, G.pick_cases(p, rng, n, held)


def training_packs(seed, easy=lambda: False):
    """An endless stream of packs."""
    rng = random.Random(seed)
    while True:
        now, r = easy(), rng.random()
        effort = rng.choices(*EFFORTS)[0]
        if r < CONFLICTS and not now:
            yield conflicts.pack(rng, effort)
        elif r < CONFLICTS + (0.1 if now else TWINS):
            _, p, q, cases = same(rng) if rng.random() < SAME and not now else twins(rng, easy=now)
            yield G.pack(p, cases, rng, effort)
            yield G.pack(q, cases, rng, effort)
        else:
            p = shapes.make(rng, easy=now)
            yield G.pack(p, G.pick_cases(p, rng, G.CASES_A_PACK, clashes=rng.choice([0, 1])), rng, effort)


def apart(seed):
    """A source of chance that no training stream has: theirs are seeded by numbers alone."""
    return random.Random(f"evaluation {seed}")


def heldout(seed=90211, policies=48, n=6):
    """Cases in held-out wordings under policies with held-out ids, labels and scales, in each language."""
    rng, rows = apart(seed), []
    for i in range(policies):
        p = shapes.make(rng, shapes.W.WIDE.langs[i % 4], held=True, labels="held" if i % 8 >= 6 else None)
        rows += [G.row(f"wide-{i:02d}-{j}", p, c, lang=p.lang, ids=[k.id for k in p.clauses]) for j, c in enumerate(G.pick_cases(p, rng, n, held=True, clashes=1))]
    return rows


def at_effort(rows, effort):
    """The same cases at another effort; their traces are not those that are expected then."""
    return [{k: v for k, v in r.items() if k != "trace"} | {"effort": effort, "id": f"{r['id']}-{effort}"} for r in rows]


def counterfactual(seed=4712, pairs=60):
    """Pairs (before, after) of each kind."""
    rng, rows = apart(seed), []
    for kind in ("toggle", "exception", "precedence"):
        for i, p, q, c in G.differing(rng, pairs, lambda i: twins(rng, [kind], held=True, lang=shapes.W.WIDE.langs[i % 4])[1:]):
            rows += [G.row(f"{kind}-{i:03d}-{s}", x, c, lang=p.lang, ids=[k.id for k in x.clauses], kind=kind, pair=f"{kind}-{i}", side=s) for s, x in (("a", p), ("b", q))]
    return rows


def no_ops(seed=5151, pairs=24, n=4):
    """Pairs whose policies say the same."""
    rng, rows = apart(seed), []
    for kind in edits.NO_OP:
        for i in range(pairs):
            _, p, q, cases = same(rng, n, shapes.W.WIDE.langs[i % 4], True, [kind])
            for j, c in enumerate(cases):
                rows += [G.row(f"{kind}-{i:03d}-{j}-{s}", x, c, lang=p.lang, ids=[k.id for k in x.clauses], kind=kind, pair=f"{kind}-{i}-{j}", side=s) for s, x in (("a", p), ("b", q))]
    return rows


def conflict_rows(seed=6161, policies=160, n=2):
    """Questions about pairs of rules: those planted, near misses and others."""
    rng, rows = apart(seed), []
    for i in range(policies):
        while True:
            p, planted = conflicts.subject(rng, shapes.W.WIDE.langs[i % 4], held=True)
            if conflicts.contradict(p, *(c for c in p.clauses if c.id in planted)) == (i % 8 < 4):
                break
        for j, (content, trace, final) in enumerate(conflicts.questions(p, planted, rng, n, whole_share=0)):
            rows.append({"id": f"conflict-{i:03d}-{j}", "policy": conflicts.developer(p), "contract": "conflicts", "labels": {}, "effort": "low", "content": content,
                         "expected": final, "final": final, "trace": trace, "lang": p.lang, "rules": [], "ids": [c.id for c in p.clauses]})
    return rows


FILES = {"wide-heldout": heldout, "wide-counterfactual": counterfactual, "wide-same": no_ops, "wide-conflicts": conflict_rows}
