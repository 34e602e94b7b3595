"""Compares the published weights in our maths with transformers' GptOssForCausalLM in f32.

    python3 pebble/check_parity.py --model fixtures/pebble
"""

import argparse
import random
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import GptOssForCausalLM, Mxfp4Config

import generate as G
from export import load_published
from tokens import Harmony
from train import collate, encode


@torch.no_grad()
def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--model", type=Path, default=Path("fixtures/pebble"))
    a = ap.parse_args()
    torch.set_num_threads(1)
    ours = load_published(a.model)
    theirs = GptOssForCausalLM.from_pretrained(a.model, dtype=torch.float32, quantization_config=Mxfp4Config(dequantize=True), attn_implementation="eager").float().eval()
    harmony, rng, worst = Harmony(Tokenizer.from_file(str(a.model / "tokenizer.json"))), random.Random(3), 0.0
    for _ in range(4):
        p = G.make_policy(rng, held=True)
        head, cases = encode(G.pack(p, G.pick_cases(p, rng, 1, True), rng, "low"), harmony)
        h, _ = ours(collate([(head, cases)]))
        mine = ours.lm_head(h)
        other = theirs(torch.tensor([head + cases[0][0]])).logits[0].float()
        worst = max(worst, float((mine - other).abs().max()))
        print(f"{len(mine)} tokens: largest difference {float((mine - other).abs().max()):.2e}, argmax equal {float((mine.argmax(-1) == other.argmax(-1)).float().mean()):.3f}")
    assert worst < 1e-3, worst


if __name__ == "__main__":
    main()
