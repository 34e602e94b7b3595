"""Edits of a policy: those that change what it says, and those that must change nothing.

Makes policies; judges nothing.
"""

from dataclasses import replace

import shapes
import world as W
from policy import about_goods, edit_over, first_topic, random_condition, render_policy, word_clause
from wording import Voice

# A clause taken away, given back or turned; an exception added; precedence reversed; an aim moved.
COUNTERFACTUAL = ["toggle", "toggle", "exception", "exception", "precedence", "precedence", "aim"]
TRAINED = COUNTERFACTUAL + ["precedence", "over", "over", "aim"]
NO_OP = ["reordered", "renumbered", "reworded"]


def finished(p, **changes):
    """The policy with these changes, rendered; None where it no longer has two sides or is too long."""
    q = copied(p, **changes)
    if len({c.violates for c in q.clauses}) < 2 or len(q.clauses) < 3:
        return None
    if p.world is W.CORE:
        q.text = render_policy(q, q.seed, q.grouped)
        return q if q.text != p.text else None
    q.text = shapes.render(q)
    return q if shapes.fits(q.text) and q.text != p.text else None


def copied(p, **changes):
    q = replace(p, **changes)
    if p.world is W.CORE:
        q.seed, q.grouped = p.seed, p.grouped
    return q


def of_part(p, rng, edit):
    """An edit of one of two policies in a prompt."""
    k = rng.randrange(2)
    q = edit(p.parts[k])
    if not q:
        return None
    parts = p.parts[:k] + (q,) + p.parts[k + 1:]
    ids = [c.id for part in parts for c in part.clauses]
    whole = finished(p, parts=parts, clauses=parts[0].clauses + parts[1].clauses)
    return whole if whole and len(set(ids)) == len(ids) else None


def counterfactual(p, rng, kinds=COUNTERFACTUAL):
    """(kind, policy) of one edit that changes what the policy says; None if it fails."""
    kind = rng.choice(kinds)
    if p.parts:
        q = of_part(p, rng, lambda part: changed(part, rng, kind))
    else:
        q = changed(p, rng, kind)
    return q and (kind, q)


def changed(p, rng, kind):
    v = Voice(rng, p.lang, False, p.world)
    cs, i = list(p.clauses), rng.randrange(len(p.clauses))
    c = cs[i]
    if kind == "precedence":
        if p.contract["output"] == "severity" and p.precedence == "safe" and not p.stated:
            return None
        return finished(p, precedence="safe" if p.precedence == "violates" else "violates", over=(), stated=True)
    if kind == "over":
        over = edit_over(p, rng)
        return finished(p, over=over) if over != p.over else None
    if kind == "toggle":
        del cs[i]
        return finished(p, clauses=cs, over=tuple(o for o in p.over if c.id not in o))
    if kind == "exception":
        if c.condition:
            return None
        new = replace(c, condition=("unless", random_condition(rng, about_goods(p), 1, p.world)[1]))
    elif rng.random() < 0.5:
        pool = [a for a in p.world.acts(first_topic(p)) if a not in c.acts and (a != "direct" or c.topics)]
        new = replace(c, acts=(rng.choice(pool),))
    else:
        others = [k.topics for k in cs if k.topics and k.topics != c.topics]
        if not c.topics or not others:
            return None
        new = replace(c, topics=rng.choice(others), word="")
    new = replace(new, text=word_clause(new, v))
    if p.style == shapes.UNNUMBERED:
        ids = shapes.first_words([k.text if k is not c else new.text for k in cs], p.lang)
        if not ids:
            return None
        over = dict(zip((k.id for k in cs), ids))
        cs[i] = new
        return finished(p, clauses=[replace(k, id=n) for k, n in zip(cs, ids)], over=tuple((over[a], over[b]) for a, b in p.over))
    cs[i] = new
    return finished(p, clauses=cs)


def no_op(p, rng, kind):
    """The same policy said otherwise: its clauses in another order, under other ids, or in other
    words. None if it fails."""
    if p.parts:
        return of_part(p, rng, lambda part: no_op(part, rng, kind))
    v, q = Voice(rng, p.lang, False, p.world), copied(p)
    if kind == "reordered":
        q.clauses = list(p.clauses)
        rng.shuffle(q.clauses)
        if p.grouped:
            levels = list(dict.fromkeys(c.level for c in p.clauses))
            q.clauses = [c for level in levels for c in q.clauses if c.level == level]
    elif kind == "renumbered":
        if p.style == shapes.UNNUMBERED:
            return None
        if not shapes.number(q, rng, rng.choice([0, 1, 2, 3, 4, 7, 8, 10])):
            return None
    elif kind == "reframed":  # other words around the clauses, and what a clause lists in another order
        if p.world is not W.CORE:
            return None
        q.seed = rng.getrandbits(32)
        mixed = lambda names: tuple(rng.sample(names, len(names)))
        q.clauses = [replace(c, acts=mixed(c.acts), topics=mixed(c.topics)) for c in p.clauses]
        q.clauses = [replace(c, text=word_clause(c, v)) if (c.acts, c.topics) != (was.acts, was.topics) else was for c, was in zip(q.clauses, p.clauses)]
        return finished(q, clauses=q.clauses)
    else:
        q.clauses = [replace(c, text=word_clause(c, v)) for c in p.clauses]
        if p.style == shapes.UNNUMBERED and not shapes.number(q, rng, p.style):
            return None
    return finished(q, clauses=q.clauses) if [c.text + c.id for c in q.clauses] != [c.text + c.id for c in p.clauses] else None
