"""Makes policies, cases and the replies a careful reviewer would write.

Everything follows from a seed. A policy is a list of clauses over the topics,
acts and flags of world.py; a case is a text with the facts it was made from; the
verdict is computed from clauses and facts, never from the text. `twins` gives a
policy, an edit of it and cases for both, which teaches that the clause decides.

    python3 pebble/generate.py sample --seed 1          # look at one pack
    python3 pebble/generate.py eval --out fixtures/pebble-eval
    python3 pebble/generate.py sample --world wide --seed 1
"""

import argparse
import json
import random
from pathlib import Path

import world as W
from cases import clashing, near, render_case
from policy import EDITS, EDITS_TRAINED, edit_policy, make_policy, render_policy
from review import answer, clash, decide, trace, verdict

SYSTEM = (
    "You are ChatGPT, a large language model trained by OpenAI.\nKnowledge cutoff: 2024-06\n\n"
    "Reasoning: {effort}\n\n# Valid channels: analysis, commentary, final. Channel must be included for every message."
)
CASES_A_PACK = 4
EFFORTS = ("low", "medium", "high")
OFTEN = (90, 6, 4)  # how often training draws each effort; what is measured most is low
CONTRARY = 0.4  # share of the policies to train on that may forbid quitting or allow sale: a side is to be read, not guessed


def pick_cases(p, rng, n, held=False, other=None, clashes=0):
    """n rendered cases: both verdicts in balance, and with `other`, verdicts that differ. Up to
    `clashes` of them are claimed by clauses of both sides."""
    pool = [near(p, rng) for _ in range(n * 5)]
    pairs = p.over + (other.over if other else ())
    claimed = [clashing(p, rng, pairs if rng.random() < 0.6 else ()) for _ in range(clashes * 2)]
    chosen = [c for c in claimed if c and clash(p, c)][:clashes]
    if other:
        edited = [c for c in p.clauses if c not in other.clauses]
        pool += [near(p, rng, edited) for _ in range(n * 3)]
        pool += [near(other, rng, [c for c in other.clauses if c not in p.clauses]) for _ in range(n * 3)]
        rng.shuffle(pool)
        moved = [c for c in pool if verdict(p, c) != verdict(other, c)]
        touched = [c for c in pool if decide(p, c) != decide(other, c) and c not in moved]
        chosen += moved[: max(0, (n + 1) // 2 - len(chosen))] + touched[: n // 5]
    rest = [c for c in pool if not any(c is k for k in chosen)]
    for want in (True, False):
        side = [c for c in rest if (verdict(p, c) == "violates") == want]
        have = sum((verdict(p, c) == "violates") == want for c in chosen)
        chosen += side[: max(0, n // 2 - have)]
    rest = [c for c in rest if not any(c is k for k in chosen)]
    chosen = (chosen + rest)[:n]
    rng.shuffle(chosen)
    return [render_case(c, rng, held) for c in chosen]


def language(rng, world="core"):
    """Of a policy to train on. Of the core world's, Chinese more often than in the evaluation, as
    it is the harder half; of the wide world's, each alike."""
    if world == "wide":
        return rng.choice(W.WIDE.langs)
    return "zh" if rng.random() < 0.38 else "en"


def maker(world):
    """What makes the policies of a world: rng, language, held, easy, labels -> policy."""
    if world == "wide":
        import shapes

        return shapes.make
    return make_policy


def twins(rng, n=CASES_A_PACK, held=False, easy=False, lang=None, kinds=EDITS):
    """A policy, an edit of it, and cases judged under both."""
    while True:
        p = make_policy(rng, lang, held, easy, contrary=kinds is not EDITS and rng.random() < CONTRARY)
        p.seed = rng.getrandbits(32)
        p.text = render_policy(p, p.seed, p.grouped)
        for _ in range(8):
            q = edit_policy(p, rng, kinds)
            if q:
                # Where only precedence differs, only cases claimed by both sides can tell.
                turned = (p.precedence, p.over) != (q.precedence, q.over)
                clashes = 0 if kinds is EDITS else 2 if turned else rng.choice([0, 1])
                return p, q, pick_cases(p, rng, n, held, q, clashes)


def pack(p, cases, rng, effort=None, often=OFTEN):
    """One training item: a policy and its cases with their replies."""
    effort = effort or rng.choices(EFFORTS, often)[0]
    return {"policy": p.text, "effort": effort, "cases": [(c.text, trace(p, c, effort), answer(p, c)[0]) for c in cases]}


def training_packs(seed, easy=lambda: False, world="core", often=OFTEN):
    """An endless stream of packs; many of them come as twins. `easy` asks for easy policies,
    `often` says how often the core world's ask for each effort."""
    if world == "wide":
        import wide  # which builds upon this file

        yield from wide.training_packs(seed, easy)
    rng = random.Random(seed)
    while True:
        now = easy()
        if rng.random() < (0.1 if now else 0.45):
            p, q, cases = twins(rng, easy=now, lang=language(rng), kinds=EDITS_TRAINED)
            yield pack(p, cases, rng, often=often)
            yield pack(q, cases, rng, often=often)
        else:
            p = make_policy(rng, language(rng), easy=now, contrary=rng.random() < CONTRARY)
            yield pack(p, pick_cases(p, rng, CASES_A_PACK, clashes=rng.choice([0, 1])), rng, often=often)


def same_packs(seed, often=OFTEN):
    """An endless stream of packs of the core world that come in twos: a policy and the same said
    otherwise, with the same cases."""
    import edits  # which builds upon this file

    rng = random.Random(f"same {seed}")
    while True:
        p = make_policy(rng, language(rng), contrary=rng.random() < CONTRARY)
        p.seed = rng.getrandbits(32)
        p.text = render_policy(p, p.seed, p.grouped)
        q = edits.no_op(p, rng, rng.choice([*edits.NO_OP, "reframed"]))
        if q:
            cases = pick_cases(p, rng, CASES_A_PACK, clashes=rng.choice([0, 1]))
            effort = rng.choices(EFFORTS, often)[0]
            yield pack(p, cases, rng, effort)
            yield pack(q, cases, rng, effort)


def contract_json(p):
    k = p.contract
    if k["output"] == "severity":
        return "label", {p.scale.get(k, k): "safe" if k == "SP0" else "violates" for k in ("SP0", "SP2", "SP3", "SP4")}
    if k["output"] == "label":
        return "label", {k["violates"]: "violates", k["safe"]: "safe"}
    return k["output"], {"1": "violates", "0": "safe"}


def row(name, p, case, effort="low", **more):
    final, label, rules = answer(p, case)
    contract, labels = contract_json(p)
    return {"id": name, "policy": p.text, "contract": contract, "labels": labels, "effort": effort, "content": case.text,
            "expected": verdict(p, case), "label": label, "rules": rules, "final": final, "trace": trace(p, case, effort), **more}


def heldout(seed=90210, policies=50, n=10):
    rng, rows = random.Random(seed), []
    for i in range(policies):
        p = make_policy(rng, held=True)
        rows += [row(f"held-{i:02d}-{j}", p, c) for j, c in enumerate(pick_cases(p, rng, n, held=True))]
    return rows


def labels(seed=31337, policies=25, n=4):
    """Cases like those of training under policies whose labels training never sees."""
    rng, rows = random.Random(seed), []
    for i in range(policies):
        p = make_policy(rng, labels="held")
        rows += [row(f"label-{i:02d}-{j}", p, c) for j, c in enumerate(pick_cases(p, rng, n))]
    return rows


def differing(rng, pairs, draw):
    """`pairs` of a policy, its edit and a case, numbered; the verdict changes in about 60 % of
    them. `draw` gives two policies and cases for a number."""
    i = changed = 0
    while i < pairs:
        p, q, cases = draw(i)
        want = changed < 0.6 * (i + 1)
        found = [c for c in cases if (verdict(p, c) != verdict(q, c)) == want]
        if found:
            changed += want
            yield i, p, q, rng.choice(found)
            i += 1


def counterfactual(seed=4711, pairs=200):
    """Pairs (before, after)."""
    rng, rows = random.Random(seed), []
    for i, p, q, c in differing(rng, pairs, lambda i: twins(rng, held=True)):
        rows += [row(f"pair-{i:03d}-{s}", x, c, pair=i, side=s) for s, x in (("a", p), ("b", q))]
    return rows


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("what", choices=["sample", "eval"])
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--world", choices=["core", "wide"], default="core", help="the shipped weights know the core world alone")
    ap.add_argument("--out", type=Path, default=Path("fixtures/pebble-eval"))
    a = ap.parse_args()
    if a.what == "sample":
        item = next(training_packs(a.seed, world=a.world))
        print(item["policy"], "\n")
        for text, reason, final in item["cases"]:
            print(f"{text}\n  {reason}\n  {final}\n")
        return
    a.out.mkdir(parents=True, exist_ok=True)
    files = {"heldout": heldout, "counterfactual": counterfactual, "labels": labels}
    if a.world == "wide":
        import wide

        files = wide.FILES
    for name, make in files.items():
        rows = make()
        lines = [json.dumps(r, ensure_ascii=False) for r in rows]
        (a.out / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        print(name, len(rows), "rows,", sum(r["expected"] == "violates" for r in rows), "violate")


if __name__ == "__main__":
    main()
