"""Judges suites and evaluation files with Pebble's published weights, greedily.

    python3 pebble/evaluate.py                      # everything; --only suites, heldout, pairs or labels
    python3 pebble/evaluate.py --table              # the figures and bars of bars.py, as Markdown
    python3 pebble/evaluate.py --table --world wide --json figures.json

The product's own engine is the one that counts (its test judges the same files);
this is the trainer's view, in f32 PyTorch. With `--engine PROGRAM` the table's cases are put to the engine,
which is also many times as fast:

    cargo build --workspace --example replies
    python3 pebble/evaluate.py --table --engine target/debug/examples/replies
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import torch
from tokenizers import Tokenizer

import bars
from bars import answer_at, openings, read_verdict
from export import load_published
from tokens import Harmony

BATCH = 30
ROOT = Path(__file__).resolve().parent.parent


def read_policy(path):
    """(body, contract, label -> verdict, effort) of a policy file of the sample workspace."""
    head, body = re.match(r"---\n(.*?)\n---\n(.*)", path.read_text(encoding="utf-8"), re.S).groups()
    labels = {k.strip('"'): v for k, v in re.findall(r"^  (\S+): (\w+)$", head, re.M)}
    return body.strip(), re.search(r"^output: (\w+)", head, re.M)[1], labels, re.search(r"^effort: (\w+)", head, re.M)[1]


def content_text(content):
    if isinstance(content, str):
        return content
    return "\n\n".join(("User: " if t["role"] == "user" else "Assistant: ") + t["text"] for t in content)


def judge(model, harmony, rows, limit=260):
    """Adds `got` (trace, final), `read` and `margin` to each row; prompts of like length share a batch."""
    prompts = {}
    for k, r in enumerate(rows):
        prompts[k] = harmony.prefix(r["policy"], r["effort"]) + harmony.case(content_text(r["content"]))
    order = sorted(prompts, key=lambda k: len(prompts[k]))
    for i in range(0, len(order), BATCH):
        part = order[i:i + BATCH]
        replies, states = model.greedy([prompts[k] for k in part], harmony.stop, limit, states=True)
        for r, ids, h in zip((rows[k] for k in part), replies, states):
            take(r, harmony.parse(ids))
            r["margin"] = margin(model, harmony, r, ids, h)


@torch.no_grad()
def margin(model, harmony, row, ids, states):
    """Log-odds of the violating against the safe answers at the token that decides, as the model
    wrote its reply so far; None where no answer was reached."""
    begin = answer_at(ids, harmony.final)
    if begin is None or not row["labels"]:
        return None
    k, alive = 0, [(side, harmony.text(said)) for side, said in openings(row)]
    while begin + k < len(ids):
        alive = [(side, said) for side, said in alive if len(said) > k]
        says = {want: {said[k] for side, said in alive if side == want} for want in ("violates", "safe")}
        if not says["violates"] or not says["safe"]:
            return None
        if not says["violates"] & says["safe"]:
            logits = model.lm_head(states[begin + k])
            bad, good = (torch.logsumexp(logits[sorted(says[side])], 0) for side in ("violates", "safe"))
            return float(bad - good)
        alive = [(side, said) for side, said in alive if said[k] == ids[begin + k]]
        k += 1
    return None


def ask(engine, folder, rows):
    """As `judge`, by the product's engine."""
    with tempfile.TemporaryDirectory() as work:
        questions, out = Path(work) / "questions.jsonl", Path(work) / "replies.jsonl"
        sides = lambda r, side: [said for of, said in openings(r) if of == side]
        lines = [json.dumps({"developer": "# Instructions\n\n" + r["policy"], "user": content_text(r["content"]), "effort": r["effort"],
                             "over": sides(r, "violates"), "under": sides(r, "safe")}) for r in rows]
        questions.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        subprocess.run([engine, folder, questions, out], check=True)
        for r, line in zip(rows, out.read_text(encoding="utf-8").splitlines(), strict=True):
            said = json.loads(line)
            take(r, said["answer"] is not None and (said["analysis"], said["answer"]))
            r["margin"] = said["margin"]


def take(row, got):
    """Notes a reply (trace, final), if there was one."""
    row["got"] = got or None
    row["read"] = read_verdict(got[1], row["contract"], row["labels"]) if got and got[1] else None
    row["right"] = bool(row["read"]) and row["read"][0] == row["expected"]


def summary(name, rows):
    n = len(rows)
    line = f"{name}: verdicts {sum(r['right'] for r in rows) / n:.1%} of {n}, unparsed {sum(r['read'] is None for r in rows)}"
    ruled = [r for r in rows if r["contract"] != "binary" and r["read"] and (r["contract"] == "json" or r["read"][2]) and r.get("rules")]
    if ruled:
        line += f", deciding rule {sum(r['read'][2] == r['rules'][:1] for r in ruled) / len(ruled):.1%} of {len(ruled)}"
    if "trace" in rows[0]:
        line += f", whole replies {sum(r['got'] == (r['trace'], r['final']) for r in rows) / n:.1%}"
    print(line, flush=True)


def suites(read):
    """(name, rows) of the sample workspace."""
    for p in sorted((ROOT / "policies").glob("*.md")):
        body, contract, labels, effort = read_policy(p)
        yield p.stem, [r | {"policy": body, "contract": contract, "labels": labels, "effort": effort} for r in read(ROOT / f"fixtures/{p.stem}.jsonl")]


def fill_table(model, harmony, a, read):
    sets = bars.rows_of(a.world, a.share) | {"suites": [r for _, rows in suites(read) for r in rows]}
    for name, rows in sets.items():
        began = time.time()
        ask(a.engine, a.model, rows) if a.engine else judge(model, harmony, rows, limit=640)
        said = f", {sum(r['right'] for r in rows) / len(rows):.1%} right" if rows else ""
        print(f"{name}: {len(rows)} cases{said}, {time.time() - began:.0f} s", file=sys.stderr, flush=True)
    figures = bars.figures(sets)
    print(bars.markdown(figures, a.world, a.model))
    if a.json:
        a.json.write_text(json.dumps([f.__dict__ for f in figures], ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--model", type=Path, default=ROOT / "fixtures/pebble")
    ap.add_argument("--only", choices=["suites", "heldout", "pairs", "labels"])
    ap.add_argument("--limit", type=int, default=10_000)
    ap.add_argument("--wrong", action="store_true", help="print what is judged wrongly")
    ap.add_argument("--table", action="store_true", help="fill the table of figures and bars")
    ap.add_argument("--world", choices=["core", "wide"], default="core", help="of the table; weights know the world they were trained on")
    ap.add_argument("--engine", type=Path, help="the program that answers the table's cases, in place of PyTorch")
    ap.add_argument("--share", type=float, default=1.0, help="of the table's cases, to look at it sooner")
    ap.add_argument("--json", type=Path, help="where to write the table's figures as well")
    a = ap.parse_args()
    torch.set_num_threads(1)
    model = load_published(a.model).eval()
    harmony = Harmony(Tokenizer.from_file(str(a.model / "tokenizer.json")))
    read = lambda p: [json.loads(line) for line in p.read_text(encoding="utf-8").splitlines()][: a.limit]
    if a.table:
        return fill_table(model, harmony, a, read)
    jobs = []
    if a.only in (None, "suites"):
        jobs += suites(read)
    if a.only in (None, "heldout"):
        jobs.append(("held-out", read(ROOT / "fixtures/pebble-eval/heldout.jsonl")))
    if a.only in (None, "pairs"):
        jobs.append(("counterfactual", read(ROOT / "fixtures/pebble-eval/counterfactual.jsonl")))
    if a.only in (None, "labels"):
        jobs.append(("unseen labels", read(ROOT / "fixtures/pebble-eval/labels.jsonl")))
    for name, rows in jobs:
        judge(model, harmony, rows)
        summary(name, rows)
        if "pair" in rows[0]:
            pairs = defaultdict(list)
            for r in rows:
                pairs[r["pair"]].append(r)
            both = [all(r["right"] for r in p) for p in pairs.values()]
            print(f"  pairs wholly right {sum(both) / len(both):.1%} of {len(both)}")
        if a.wrong:
            for r in rows:
                if not r["right"]:
                    print(f"  {r['id']} expected {r['expected']} {r.get('rules', '')}\n    {content_text(r['content'])!r}\n    {r['got']}")


if __name__ == "__main__":
    main()
