"""Judges suites and evaluation files with Pebble's published weights, greedily.

    python3 pebble/evaluate.py                      # everything; --only suites, heldout, pairs or labels

The product's own engine is the one that counts (its test judges the same files);
this is the trainer's view, in f32 PyTorch.
"""

import argparse
import json
import re
from collections import defaultdict
from pathlib import Path

import torch
from tokenizers import Tokenizer

from export import load_published
from tokens import Harmony

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


def read_verdict(final, contract, labels):
    """(verdict, label, rules) or None: never guessed."""
    if contract == "json":
        try:
            d = json.loads(final)
        except ValueError:
            return None
        rule = d.get("policy_category")
        return ("violates" if d.get("violation") == 1 else "safe"), str(d.get("violation")), [rule] if rule else []
    label, *rules = final.split()
    return (labels[label], label, rules) if label in labels else None


def judge(model, harmony, rows):
    """Adds `got` (trace, final) and `read` to each row; rows of one policy share a batch."""
    by_prefix = defaultdict(list)
    for r in rows:
        by_prefix[r["policy"], r["effort"]].append(r)
    for (policy, effort), group in by_prefix.items():
        prefix = harmony.prefix(policy, effort)
        for i in range(0, len(group), 30):
            part = group[i:i + 30]
            replies = model.greedy([prefix + harmony.case(content_text(r["content"])) for r in part], harmony.stop)
            for r, ids in zip(part, replies):
                r["got"] = harmony.parse(ids)
                r["read"] = read_verdict(r["got"][1], r["contract"], r["labels"]) if r["got"] and r["got"][1] else None
                r["right"] = bool(r["read"]) and r["read"][0] == r["expected"]


def summary(name, rows):
    n = len(rows)
    line = f"{name}: verdicts {sum(r['right'] for r in rows) / n:.1%} of {n}, unparsed {sum(r['read'] is None for r in rows)}"
    ruled = [r for r in rows if r["contract"] != "binary" and r["read"] and (r["contract"] == "json" or r["read"][2]) and r.get("rules")]
    if ruled:
        line += f", deciding rule {sum(r['read'][2] == r['rules'][:1] for r in ruled) / len(ruled):.1%} of {len(ruled)}"
    if "trace" in rows[0]:
        line += f", whole replies {sum(r['got'] == (r['trace'], r['final']) for r in rows) / n:.1%}"
    print(line, flush=True)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--model", type=Path, default=ROOT / "fixtures/pebble")
    ap.add_argument("--only", choices=["suites", "heldout", "pairs", "labels"])
    ap.add_argument("--limit", type=int, default=10_000)
    ap.add_argument("--wrong", action="store_true", help="print what is judged wrongly")
    a = ap.parse_args()
    torch.set_num_threads(1)
    model = load_published(a.model).eval()
    harmony = Harmony(Tokenizer.from_file(str(a.model / "tokenizer.json")))
    read = lambda p: [json.loads(line) for line in p.read_text(encoding="utf-8").splitlines()][: a.limit]
    jobs = []
    if a.only in (None, "suites"):
        for p in sorted((ROOT / "policies").glob("*.md")):
            body, contract, labels, effort = read_policy(p)
            jobs.append((p.stem, [r | {"policy": body, "contract": contract, "labels": labels, "effort": effort} for r in read(ROOT / f"fixtures/{p.stem}.jsonl")]))
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
