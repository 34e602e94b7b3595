#!/usr/bin/env python3
"""Makes fixtures/parity: tiny gpt-oss checkpoints with random weights, and the logits that
Hugging Face transformers computes from them in f32.

    pip install torch transformers safetensors
    python scripts/parity.py fixtures/parity

The last, `babbler`, has a tokenizer as well, and weights that chain tokens into harmony
replies of random length, mostly well formed: for the tests of generation.

Each checkpoint is written by hand in the published layout: bf16, experts packed as MXFP4
(`_blocks`, `_scales`). transformers reads that same folder, so both sides start from the same
bytes. Dimensions are unequal in pairs wherever the architecture lets them be, so that a
swapped axis shows. The engine's tests read the results; they need no Python.
"""

import json
import math
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import GptOssForCausalLM, Mxfp4Config

YARN = {"rope_type": "yarn", "beta_fast": 32.0, "beta_slow": 1.0, "truncate": False}

# `stored`: what is not packed is kept in this type. `shards`: into how many files.
# `legacy`: rope_scaling and rope_theta as in the published config.json.
CHECKPOINTS = {
    "alpha": dict(
        hidden_size=64, intermediate_size=96, num_hidden_layers=4, num_attention_heads=6,
        num_key_value_heads=2, head_dim=10, num_local_experts=5, num_experts_per_tok=4,
        vocab_size=211, sliding_window=8, theta=150000.0, factor=32.0, original=4096,
        limit=7.0, stored=torch.bfloat16, shards=1, legacy=True, lengths=[1, 5, 7, 8, 9, 40, 150],
    ),
    "beta": dict(
        hidden_size=96, intermediate_size=32, num_hidden_layers=2, num_attention_heads=10,
        num_key_value_heads=5, head_dim=12, num_local_experts=7, num_experts_per_tok=3,
        vocab_size=157, sliding_window=16, theta=10000.0, factor=8.0, original=64,
        limit=1.5, stored=torch.float32, shards=2, legacy=False, lengths=[1, 3, 15, 16, 17, 65, 200],
    ),
    "gamma": dict(
        hidden_size=96, intermediate_size=128, num_hidden_layers=3, num_attention_heads=12,
        num_key_value_heads=3, head_dim=20, num_local_experts=6, num_experts_per_tok=2,
        vocab_size=301, sliding_window=21, theta=150000.0, factor=4.0, original=256,
        limit=7.0, stored=torch.bfloat16, shards=3, legacy=False, lengths=[2, 20, 21, 22, 130, 300],
        # Two of three layers slide, so that the order is read and not assumed.
        layer_types=["full_attention", "sliding_attention", "sliding_attention"],
    ),
}


# Babbler's vocabulary: all bytes, then these words, then the control tokens.
WORDS = ["assistant", "user", "system", "developer", "analysis", "final", "commentary",
         "1", "0", " SP2", ".a", " yes", " no", ":", " because", "\n", " the", " case", " is",
         "!", "?", " fine", " not"]
CONTROL = ["<|startoftext|>", "<|endoftext|>", "<|return|>", "<|constrain|>", "<|channel|>",
           "<|start|>", "<|end|>", "<|message|>", "<|call|>"]
BABBLER = dict(
    hidden_size=64, intermediate_size=32, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, head_dim=16, num_local_experts=4, num_experts_per_tok=2,
    vocab_size=300, sliding_window=12, theta=150000.0, factor=32.0, original=32,
    limit=7.0, stored=torch.bfloat16, shards=1, legacy=True, lengths=[3, 30],
)


def byte_alphabet():
    """GPT-2's: the character that stands for each byte."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    shifted = (byte for byte in range(256) if byte not in plain)
    return {b: chr(b) for b in plain} | {b: chr(256 + i) for i, b in enumerate(shifted)}


def tokenizer():
    alphabet = byte_alphabet()
    pieces = [alphabet[b] for b in range(256)]
    # A word of one byte is that byte's piece.
    pieces += ["".join(alphabet[b] for b in word.encode()) for word in WORDS if len(word) > 1]
    vocab = {piece: i for i, piece in enumerate(pieces)}
    added = [{"id": len(pieces) + i, "content": name, "single_word": False, "lstrip": False,
              "rstrip": False, "normalized": False, "special": True}
             for i, name in enumerate(CONTROL)]
    split = {"type": "Split", "pattern": {"Regex": r" ?\p{L}+| ?\p{N}+|\s+|[^\s\p{L}\p{N}]+"},
             "behavior": "Isolated", "invert": False}
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, level]},
        "post_processor": level, "decoder": level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
                  "ignore_merges": True, "vocab": vocab, "merges": []},
    }


def chain(weights, random):
    """Makes each token's embedding call up its successors, and the layers only whisper."""
    spec = tokenizer()
    alphabet = byte_alphabet()
    ids = {entry["content"]: entry["id"] for entry in spec["added_tokens"]}
    for word in WORDS:
        ids[word] = spec["model"]["vocab"]["".join(alphabet[b] for b in word.encode())]
    talk = [w for w in WORDS[7:]]
    follow = {
        "assistant": {"<|channel|>": 12}, "<|start|>": {"assistant": 12}, "<|end|>": {"<|start|>": 12},
        "<|channel|>": {"analysis": 12, "final": 11.5, "commentary": 9},
        "analysis": {"<|message|>": 12}, "final": {"<|message|>": 12}, "commentary": {"<|message|>": 12},
        "<|message|>": {"1": 12, "0": 12, " yes": 11, 0xE5: 11, "<|end|>": 8},
        0xE5: {0x88: 12, " the": 10}, 0x88: {0xA4: 12}, 0xA4: {" is": 11, "<|end|>": 10},
    }
    for i, word in enumerate(talk):
        follow[word] = {talk[(i * 5 + k) % len(talk)]: 11 for k in (1, 3, 7)}
        follow[word] |= {"<|end|>": 10, "<|return|>": 8, 0xE5: 9}
    hidden = BABBLER["hidden_size"]
    embedding = torch.randn(BABBLER["vocab_size"], hidden, generator=random)
    number = lambda token: token if isinstance(token, int) else ids[token]  # noqa: E731
    # Tokens with successors are at right angles, so that none calls up another's.
    chained = [number(token) for token in follow]
    embedding[chained] = torch.linalg.qr(embedding[chained].T).Q.T
    embedding = embedding / embedding.norm(dim=1, keepdim=True) * math.sqrt(hidden)
    head = torch.zeros(BABBLER["vocab_size"], hidden)
    for token, nexts in follow.items():
        for other, logit in nexts.items():
            head[number(other)] += embedding[number(token)] * logit / hidden
    weights["model.embed_tokens.weight"] = embedding.to(torch.bfloat16)
    weights["lm_head.weight"] = head.to(torch.bfloat16)
    weights["model.norm.weight"] = torch.ones(hidden, dtype=torch.bfloat16)
    for name in weights:
        if "o_proj" in name or name.endswith("down_proj_bias"):
            weights[name] = weights[name] * 0.1
        if name.endswith("down_proj_scales"):
            weights[name] = weights[name] - 3


def pack(rows, cols, experts, random):
    """Random FP4 nibbles and scales: blocks [E, rows, cols / 32, 16], scales [E, rows, cols / 32]."""
    blocks = torch.randint(0, 256, (experts, rows, cols // 32, 16), generator=random, dtype=torch.uint8)
    # A weight's deviation should be near 1 / sqrt(cols); FP4's random values deviate by 2.9.
    centre = 127 + round(math.log2(1.5 / (2.9 * math.sqrt(cols))))
    scales = torch.randint(centre - 1, centre + 2, (experts, rows, cols // 32), generator=random)
    return blocks, scales.to(torch.uint8)


def tensors(c, random):
    def normal(*shape, std=None):
        std = std if std is not None else 1.5 / math.sqrt(shape[-1])
        return (torch.randn(*shape, generator=random) * std).to(c["stored"])

    hidden, inter, experts = c["hidden_size"], c["intermediate_size"], c["num_local_experts"]
    queries = c["num_attention_heads"] * c["head_dim"]
    keys = c["num_key_value_heads"] * c["head_dim"]
    out = {
        "model.embed_tokens.weight": normal(c["vocab_size"], hidden, std=1.0),
        "model.norm.weight": 1 + normal(hidden, std=0.2),
        "lm_head.weight": normal(c["vocab_size"], hidden),
    }
    for i in range(c["num_hidden_layers"]):
        at = f"model.layers.{i}."
        for name, rows, cols in [("q", queries, hidden), ("k", keys, hidden), ("v", keys, hidden),
                                 ("o", hidden, queries)]:
            out[f"{at}self_attn.{name}_proj.weight"] = normal(rows, cols)
            out[f"{at}self_attn.{name}_proj.bias"] = normal(rows, std=0.3)
        out[at + "self_attn.sinks"] = normal(c["num_attention_heads"], std=1.0)
        out[at + "input_layernorm.weight"] = 1 + normal(hidden, std=0.2)
        out[at + "post_attention_layernorm.weight"] = 1 + normal(hidden, std=0.2)
        out[at + "mlp.router.weight"] = normal(experts, hidden)
        out[at + "mlp.router.bias"] = normal(experts, std=0.3)
        for name, rows, cols in [("gate_up_proj", 2 * inter, hidden), ("down_proj", hidden, inter)]:
            blocks, scales = pack(rows, cols, experts, random)
            out[f"{at}mlp.experts.{name}_blocks"] = blocks
            out[f"{at}mlp.experts.{name}_scales"] = scales
            out[f"{at}mlp.experts.{name}_bias"] = normal(experts, rows, std=0.3)
    return out


def config(c):
    rope = dict(YARN, factor=c["factor"], original_max_position_embeddings=c["original"])
    names = ["hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
             "num_key_value_heads", "head_dim", "num_local_experts", "num_experts_per_tok",
             "vocab_size", "sliding_window"]
    out = {"architectures": ["GptOssForCausalLM"], "model_type": "gpt_oss"}
    out |= {name: c[name] for name in names}
    if "layer_types" in c:
        out["layer_types"] = c["layer_types"]
    out |= {"max_position_embeddings": int(c["factor"] * c["original"]), "rms_norm_eps": 1e-5,
            "swiglu_limit": c["limit"], "attention_bias": True, "hidden_act": "silu",
            "tie_word_embeddings": False, "eos_token_id": c["vocab_size"] - 1}
    if c["legacy"]:
        out |= {"rope_theta": c["theta"], "rope_scaling": rope}
    else:
        out["rope_parameters"] = dict(rope, rope_theta=c["theta"])
    out["quantization_config"] = {
        "quant_method": "mxfp4",
        "modules_to_not_convert": ["model.layers.*.self_attn", "model.layers.*.mlp.router",
                                   "model.embed_tokens", "lm_head"],
    }
    return out


def write(folder, c, random):
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: t.contiguous() for name, t in tensors(c, random).items()}
    if c is BABBLER:
        chain(weights, random)
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer(), ensure_ascii=False) + "\n")
        ends = [256 + len([w for w in WORDS if len(w) > 1]) + CONTROL.index(n) for n in ("<|return|>", "<|call|>")]
        (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": ends}) + "\n")
    (folder / "config.json").write_text(json.dumps(config(c), indent=1) + "\n")
    if c["shards"] == 1:
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        return
    names = sorted(weights)
    size = math.ceil(len(names) / c["shards"])
    index = {"metadata": {}, "weight_map": {}}
    for i in range(c["shards"]):
        file = f"model-{i:05}-of-{c['shards']:05}.safetensors"
        part = {name: weights[name] for name in names[i * size:(i + 1) * size]}
        save_file(part, folder / file, metadata={"format": "pt"})
        index["weight_map"] |= dict.fromkeys(part, file)
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=1) + "\n")


def reference(folder, c, random):
    model = GptOssForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager",
        quantization_config=Mxfp4Config(dequantize=True))
    model = model.float().eval()
    prompts = []
    for length in c["lengths"]:
        tokens = torch.randint(0, c["vocab_size"], (1, length), generator=random)
        with torch.no_grad():
            logits = model(tokens, use_cache=False).logits[0, -1]
        assert torch.isfinite(logits).all()
        prompts.append({"tokens": tokens[0].tolist(), "logits": [round(x, 6) for x in logits.tolist()]})
    lines = ",\n".join(json.dumps(p) for p in prompts)
    (folder / "reference.json").write_text(f"[\n{lines}\n]\n")
    spread = [max(p["logits"]) - min(p["logits"]) for p in prompts]
    print(folder.name, "spread of logits", [f"{s:.1f}" for s in spread])


def main():
    root = Path(sys.argv[1])
    for seed, (name, c) in enumerate([*CHECKPOINTS.items(), ("babbler", BABBLER)]):
        random = torch.Generator().manual_seed(1000 + seed)
        write(root / name, c, random)
        reference(root / name, c, random)


if __name__ == "__main__":
    main()
