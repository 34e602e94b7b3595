"""Whether the old trace, read under the edited policy, says which verdicts will flip.

    python3 pebble/preview.py [--model fixtures/pebble] [--limit 400]

Judges pairs (before and after an edit, fixtures/pebble-eval), then puts each case's old reply
behind the new policy and reads what the model thinks of it: the margin where the old answer
stands, and how likely the old reply is as a whole and at its worst token. Prints how often the
verdict read there differs from the old one, beside the flips that came, and for each signal the
chance that it ranks a case that flips above one that does not (0.5 is a coin).
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

import torch
from tokenizers import Tokenizer

from evaluate import ROOT, content_text, judge, margin
from export import load_published
from tokens import Harmony


@torch.no_grad()
def reread(model, harmony, row, policy):
    """Of a judged row's reply under another policy: margin, log-likelihood, that of its worst token."""
    ask = harmony.prefix(policy, row["effort"]) + harmony.case(content_text(row["content"]))
    reply = harmony.reply(*row["got"])
    tokens = torch.tensor(ask + reply[:-1])
    places = torch.arange(len(tokens))
    states = model({"tokens": tokens, "positions": places, "prefix": places[None], "own": []})[0][len(ask) - 1:]
    said = torch.log_softmax(model.lm_head(states), -1)[torch.arange(len(reply)), torch.tensor(reply)]
    return margin(model, harmony, row, reply, states), float(said.sum()), float(said.min())


def ranks(cases):
    """Area under the ROC curve of (flipped, signal)."""
    flipped, others = [s for f, s in cases if f], [s for f, s in cases if not f]
    return sum((a > b) + 0.5 * (a == b) for a in flipped for b in others) / (len(flipped) * len(others))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--model", type=Path, default=ROOT / "fixtures/pebble")
    ap.add_argument("--limit", type=int, default=400, help="rows; a pair has two")
    a = ap.parse_args()
    torch.set_num_threads(1)
    model, harmony = load_published(a.model).eval(), Harmony(Tokenizer.from_file(str(a.model / "tokenizer.json")))
    lines = (ROOT / "fixtures/pebble-eval/counterfactual.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines[: a.limit]]
    judge(model, harmony, rows)
    pairs, seen = defaultdict(list), []
    for r in rows:
        pairs[r["pair"]].append(r)
    for before, after in (p for p in pairs.values() if len(p) == 2):
        if before["read"] and after["read"]:
            old, new = (reread(model, harmony, before, r["policy"]) for r in (before, after))
            if old[0] is not None and new[0] is not None:
                seen.append((before["read"][0] != after["read"][0], old, new))
    flips = sum(f for f, _, _ in seen)
    print(f"{flips} of {len(seen)} verdicts flip; the preview differs from the old verdict in {sum((old[0] > 0) != (new[0] > 0) for _, old, new in seen)}")
    print(f"shift of the margin {ranks([(f, abs(new[0] - old[0])) for f, old, new in seen]):.2f}, "
          f"unlikely reply {ranks([(f, -new[1]) for f, _, new in seen]):.2f}, unlikely token {ranks([(f, -new[2]) for f, _, new in seen]):.2f}")


if __name__ == "__main__":
    main()
