"""The mean of checkpoints of one run, as a checkpoint that export.py reads:

    python3 pebble/average.py target/pebble/at266.pt target/pebble/at283.pt --out target/pebble-mean
    python3 pebble/average.py A.pt B.pt --shares 0.35 0.65 --out target/pebble-mean

Two ends of a schedule that differ in what they are good at often give a mean that is good at both.
"""

import argparse
import shutil
from pathlib import Path

import torch


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("checkpoints", type=Path, nargs="+")
    ap.add_argument("--shares", type=float, nargs="+", help="of each checkpoint; all alike where they are not given")
    ap.add_argument("--out", type=Path, required=True)
    a = ap.parse_args()
    saved = [torch.load(p, map_location="cpu", weights_only=False) for p in a.checkpoints]
    shares = a.shares or [1.0] * len(saved)
    if len(shares) != len(saved):
        ap.error(f"{len(saved)} checkpoints and {len(shares)} shares")
    mean = saved[-1]
    for name in mean["model"]:
        mean["model"][name] = sum(share * s["model"][name].float() for share, s in zip(shares, saved)) / sum(shares)
    a.out.mkdir(parents=True, exist_ok=True)
    shutil.copy(a.checkpoints[-1].parent / "tokenizer.json", a.out)
    torch.save(mean, a.out / "checkpoint.pt")


if __name__ == "__main__":
    main()
