"""What the evaluation measures, on which cases, and the bars it is held against.

Owns the rows of either world, the figures and their table; runs no model. A figure is a share
of rows that were judged: each has `got` (trace, final), `read` (verdict, label, rules) and
`margin` (log-odds of violating).
"""

import json
import math
import re
from collections import defaultdict
from dataclasses import dataclass

import edits
import generate as G
import wide
from policy import make_policy
from sections import SECTIONS
from speech import SPEECH

EFFORTS = ("low", "medium", "high")
LANGUAGES = {"en": "English", "zh": "Chinese", "es": "Spanish", "ar": "Arabic"}
BINS = 15


@dataclass
class Figure:
    name: str
    value: float | None  # None where nothing could be counted
    n: int
    bar: float
    most: bool = False  # whether the bar is a ceiling
    plain: bool = False  # a number, not a share

    @property
    def met(self):
        return self.value is not None and (self.value <= self.bar if self.most else self.value >= self.bar)


# ---------------------------------------------------------------- the cases

def core_counterfactual(seed=4713, pairs=40):
    """As wide.counterfactual, in the core world."""
    rng, rows = wide.apart(seed), []
    for kind, of in (("toggle", ["remove", "flip"]), ("exception", ["condition"]), ("precedence", ["precedence"])):
        for i, p, q, c in G.differing(rng, pairs, lambda i: G.twins(rng, held=True, kinds=of)):
            rows += [G.row(f"{kind}-{i:03d}-{s}", x, c, kind=kind, pair=f"{kind}-{i}", side=s) for s, x in (("a", p), ("b", q))]
    return rows


def core_same(seed=5152, pairs=20, n=3):
    """As wide.no_ops, in the core world."""
    rng, rows = wide.apart(seed), []
    for kind in edits.NO_OP:
        i = 0
        while i < pairs:
            p = make_policy(rng, held=True)
            p.seed = rng.getrandbits(32)
            p.text = G.render_policy(p, p.seed, p.grouped)
            q = edits.no_op(p, rng, kind)
            if not q:
                continue
            for j, c in enumerate(G.pick_cases(p, rng, n, True)):
                rows += [G.row(f"{kind}-{i:03d}-{j}-{s}", x, c, kind=kind, pair=f"{kind}-{i}-{j}", side=s) for s, x in (("a", p), ("b", q))]
            i += 1
    return rows


def rows_of(world, share=1.0):
    """Name -> rows, on seeds and wordings that training never used."""
    n = lambda k: max(4, round(k * share))
    if world == "wide":
        sets = {"held-out": wide.heldout(policies=n(48)), "counterfactual": wide.counterfactual(pairs=n(48)), "same": wide.no_ops(pairs=n(20)), "conflicts": wide.conflict_rows(policies=n(160))}
    else:
        sets = {"held-out": G.heldout(seed=90210, policies=n(40), n=6), "counterfactual": core_counterfactual(pairs=n(40)), "same": core_same(pairs=n(20)), "conflicts": []}
    for rows in sets.values():
        for r in rows:
            r.setdefault("lang", "zh" if re.search(r"[\u4e00-\u9fff]", r["policy"]) else "en")
            r.setdefault("ids", sorted({lead(line) for line in r["trace"].split("\n")} - {None}))
    for effort in EFFORTS[1:]:
        sets[f"held-out, {effort}"] = wide.at_effort(sets["held-out"], effort)
    return sets


# ---------------------------------------------------------------- reading replies

def read_verdict(final, contract, labels):
    """(verdict, label, rules) or None: never guessed."""
    if contract == "conflicts":
        return (final, None, []) if conflict_pairs(final) is not None else None
    if contract == "json":
        try:
            d = json.loads(final)
        except ValueError:
            return None
        if not isinstance(d, dict) or d.get("violation") not in (0, 1):
            return None
        rule = d.get("policy_category")
        return ("violates" if d["violation"] == 1 else "safe"), str(d["violation"]), [rule] if rule else []
    label, *rules = final.split()
    return (labels[label], label, rules) if label in labels else None


def conflict_pairs(final):
    """The pairs of ids of an answer on conflicts, or None."""
    try:
        pairs = json.loads(final)["conflicts"]
        return {frozenset(pair) for pair in pairs} if all(len(pair) == 2 for pair in pairs) else None
    except (ValueError, TypeError, KeyError):
        return None


def answer_at(ids, final):
    """Where the answer begins among the ids of a reply, behind what opens it; None where it never does."""
    n = len(final)
    return next((k + n for k in range(len(ids) - n + 1) if ids[k:k + n] == final), None)


def openings(row):
    """(side, text) of the answers that a contract allows, as far as they decide."""
    if row["contract"] == "json":
        return [("violates", '{"violation": 1'), ("safe", '{"violation": 0')]
    return [(side, label) for label, side in row["labels"].items()]


def _opening(sentence):
    return sentence.split("{")[0].strip()


# How lines of a trace begin that walk no clause.
_SENTENCES = tuple(({_opening(s) for say in SPEECH.values() for s in (say.count, say.shows, *say.first.values(), say.over, say.highest, say.none, say.decides, say.together, say.together_safe)} | {_opening(title) for s in SECTIONS.values() for title in s["parts"]}) - {""})
_DECIDES = [re.escape(say.decides).replace(re.escape("{id}"), "(.+?)").replace(re.escape("{level}."), ".+") for say in SPEECH.values()]


def lead(line):
    """The id with which a line of a trace begins, if it walks a clause."""
    m = None if line.startswith(_SENTENCES) else re.match(r"(“[^”]*”|«[^»]*»|\S+)(?= .*[:：])", line)
    return m and m.group(1)


def cited(row):
    """The ids that a reply names: where its trace walks clauses, where it decides, and in its answer."""
    lines = (row["got"] or ("",))[0].split("\n")
    found = {lead(line) for line in lines} | {m.group(1) for line in lines for form in _DECIDES if (m := re.fullmatch(form, line))}
    return (found | {str(i) for i in (row["read"][2] if row["read"] else [])}) - {None}


def obeys(row):
    """Whether the answer has exactly the form that the policy asked for."""
    if not row["read"]:
        return False
    final, want = row["got"][1], row["final"] if "final" in row else None
    if row["contract"] == "conflicts":
        return True
    if row["contract"] == "json":
        return want is None or list(json.loads(final)) == list(json.loads(want))
    return len(final.split(" ")) <= 2 and (row["contract"] != "binary" or final in ("0", "1"))


# ---------------------------------------------------------------- figures

def share(name, rows, right, bar, **more):
    rows = list(rows)
    return Figure(name, sum(map(bool, map(right, rows))) / len(rows) if rows else None, len(rows), bar, **more)


def pairs_of(rows):
    pairs = defaultdict(list)
    for r in rows:
        pairs[r["pair"]].append(r)
    return list(pairs.values())


def calibration(rows):
    """Expected calibration error of the margin: in 15 bins of the probability that it gives to
    `violates`, how far the mean probability lies from the share that does violate."""
    bins = defaultdict(list)
    judged = [r for r in rows if r["margin"] is not None]
    for r in judged:
        p = 1 / (1 + math.exp(-max(-60.0, min(60.0, r["margin"]))))
        bins[min(int(p * BINS), BINS - 1)].append((p, r["expected"] == "violates"))
    off = sum(abs(sum(p for p, _ in b) - sum(bad for _, bad in b)) for b in bins.values())
    return Figure("margin calibration (ECE, 15 bins)", off / len(judged) if judged else None, len(judged), 0.05, most=True, plain=True)


def figures(sets):
    """The figures of judged rows, in the order of the table."""
    right = lambda r: r["right"]
    by_effort = {effort: sets["held-out" if effort == "low" else f"held-out, {effort}"] for effort in EFFORTS}
    judged = [r for rows in by_effort.values() for r in rows] + sets["counterfactual"] + sets["same"]
    out = [share(f"held-out verdicts, {effort} effort", rows, right, bar) for (effort, rows), bar in zip(by_effort.items(), (0.93, 0.95, 0.96))]
    out += [share(f"held-out verdicts, {name}", [r for rows in by_effort.values() for r in rows if r["lang"] == lang], right, 0.90) for lang, name in LANGUAGES.items() if any(r["lang"] == lang for r in sets["held-out"])]
    whole = lambda pair: all(r["right"] for r in pair)
    out.append(share("counterfactuals, all", pairs_of(sets["counterfactual"]), whole, 0.92))
    for kind, name in (("toggle", "a clause toggled"), ("exception", "an exception added"), ("precedence", "precedence reversed")):
        out.append(share(f"counterfactuals, {name}", pairs_of(r for r in sets["counterfactual"] if r["kind"] == kind), whole, 0.92))
    # A reply that cannot be read is a verdict that did not stay.
    moved = lambda pair: not all(r["read"] for r in pair) or len({r["read"][0] for r in pair}) > 1
    out.append(share("verdicts that change, no-op edits", pairs_of(sets["same"]), moved, 0.03, most=True))
    for kind in edits.NO_OP:
        out.append(share(f"verdicts that change, clauses {kind}", pairs_of(r for r in sets["same"] if r["kind"] == kind), moved, 0.03, most=True))
    cites = [(r, i) for r in judged for i in cited(r)]
    out.append(share("cited clauses that exist", cites, lambda c: c[1] in c[0]["ids"], 1.0))
    ruled = [r for r in judged if r["rules"] and r["read"] and " ".join(r["final"].split()) != r["label"] and r["contract"] != "binary"]
    out.append(share("cited clauses that decide", ruled, lambda r: r["read"][2] == r["rules"][:1], 0.90))
    out.append(share("replies that obey the contract", judged + sets["conflicts"], obeys, 0.995))
    planted = [r for r in sets["conflicts"] if conflict_pairs(r["final"])]
    found = lambda r: bool(r["read"]) and conflict_pairs(r["got"][1]) == conflict_pairs(r["final"])
    out.append(share("planted conflicts found", planted, found, 0.90))
    out.append(share("false alarms on conflicts", [r for r in sets["conflicts"] if not conflict_pairs(r["final"])], lambda r: bool(r["read"]) and bool(conflict_pairs(r["got"][1])), 0.05, most=True))
    out.append(share("the sample workspace's suites", sets["suites"], right, 0.95))
    return out + [calibration([r for rows in by_effort.values() for r in rows])]


def markdown(found, world, model):
    """The table; a bar missed is said."""
    lines = [f"World: {world}. Weights: {model.name if hasattr(model, 'name') else model}. Greedy, f32.", "", "| figure | measured | n | bar |  |", "| --- | --- | --- | --- | --- |"]
    for f in found:
        # All of it is said of no share that is less.
        say = (lambda x: f"{x:.3f}") if f.plain else lambda x: f"{x:.2%}" if 0.9995 <= x < 1 else f"{x:.1%}"
        bar = ("≤ " if f.most else "≥ ") + (f"{f.bar:.2f}" if f.plain else f"{f.bar * 100:g} %")
        lines.append(f"| {f.name} | {'not measured' if f.value is None else say(f.value).replace('%', ' %')} | {f.n} | {bar} | {'' if f.value is None else 'met' if f.met else '**missed**'} |")
    return "\n".join(lines)
