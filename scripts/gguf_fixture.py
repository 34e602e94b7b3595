#!/usr/bin/env python3
"""Makes fixtures/gguf: a tiny gpt-oss model with random weights as GGUF, written with the
`gguf` package, and its twin in the published layout, from the same numbers.

    pip install gguf numpy
    python scripts/gguf_fixture.py fixtures/gguf

`bf16.gguf` keeps what is not packed in bf16, as the twin does: the two must say the same, bit
for bit. `q8_0.gguf` keeps it in Q8_0, but for the router and the norms. Experts are MXFP4 in
all three: GGUF has the scale in front, the first half of a block in the low nibbles, and gate
and up projection apart. The engine's tests read the results; they need no Python.
"""

import json
import sys
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type

LAYERS, HIDDEN, INNER, HEADS, KV, DIM, EXPERTS, TOP = 2, 64, 96, 4, 2, 16, 3, 2
WINDOW, CONTEXT = 8, 1024
MERGES = ["Ġ t", "h e", "Ġt he", "Ġ a", "i n", "a n", "o r", "s e", "c a", "ca se", "Ġ case", "Ġa n"]
CONTROL = ["<|startoftext|>", "<|endoftext|>", "<|return|>", "<|constrain|>", "<|channel|>",
           "<|start|>", "<|end|>", "<|message|>", "<|call|>"]


def alphabet():
    """GPT-2's characters for bytes."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    out, extra = [], 256
    for byte in range(256):
        if byte in printable:
            out.append(chr(byte))
        else:
            out.append(chr(extra))
            extra += 1
    return out


def pattern():
    """o200k's, which GGUF names `gpt-4o`; read from the engine's own dependency."""
    letters = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
    small = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
    tail = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    return "|".join([
        rf"[^\r\n\p{{L}}\p{{N}}]?{letters}*{small}+{tail}",
        rf"[^\r\n\p{{L}}\p{{N}}]?{letters}+{small}*{tail}",
        r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+",
    ])


def bf16(values):
    """Rounded to bf16, as its 16 bits."""
    bits = values.astype(np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def widened(bits):
    return (bits.astype(np.uint32) << 16).view(np.float32)


class Experts:
    """Random MXFP4, published order: even places in low nibbles."""

    def __init__(self, rng, outs, ins):
        self.blocks = rng.integers(0, 256, (EXPERTS, outs, ins // 32, 16), dtype=np.uint8)
        self.scales = rng.integers(119, 123, (EXPERTS, outs, ins // 32), dtype=np.uint8)

    def gguf(self, rows=slice(None)):
        blocks, scales = self.blocks[:, rows], self.scales[:, rows]
        places = np.stack([blocks & 15, blocks >> 4], axis=-1).reshape(*blocks.shape[:3], 32)
        packed = places[..., :16] | (places[..., 16:] << 4)
        whole = np.concatenate([scales[..., None], packed], axis=-1)
        out = whole.reshape(*whole.shape[:2], -1)
        check(out, places, scales)
        return out


def check(packed, places, scales):
    """The package reads the same numbers."""
    fp4 = np.array([0, .5, 1, 1.5, 2, 3, 4, 6], dtype=np.float32)
    fp4 = np.concatenate([fp4, -fp4])
    ours = fp4[places] * np.exp2(scales[..., None].astype(np.float32) - 127)
    theirs = gguf.quants.dequantize(packed, Type.MXFP4)
    assert np.array_equal(theirs.reshape(ours.shape), ours)


def main(out: Path):
    rng = np.random.default_rng(5)
    vocab = alphabet() + [m.replace(" ", "") for m in MERGES]
    size = len(vocab) + len(CONTROL)
    size_padded = -(-size // 32) * 32

    def dense(*shape):
        return bf16(rng.standard_normal(shape) / np.sqrt(shape[-1]))

    def vector(*shape, around=0.0):
        return bf16(around + 0.1 * rng.standard_normal(shape))

    twin, tensors = {}, []

    def both(ours, theirs, bits):
        twin[ours] = bits
        tensors.append((theirs, bits))

    both("model.embed_tokens.weight", "token_embd.weight", bf16(rng.standard_normal((size_padded, HIDDEN))))
    for i in range(LAYERS):
        hf, gg = f"model.layers.{i}", f"blk.{i}"
        both(f"{hf}.input_layernorm.weight", f"{gg}.attn_norm.weight", vector(HIDDEN, around=1))
        for part, outs, ins in [("q", HEADS * DIM, HIDDEN), ("k", KV * DIM, HIDDEN), ("v", KV * DIM, HIDDEN)]:
            both(f"{hf}.self_attn.{part}_proj.weight", f"{gg}.attn_{part}.weight", dense(outs, ins))
            both(f"{hf}.self_attn.{part}_proj.bias", f"{gg}.attn_{part}.bias", vector(outs))
        both(f"{hf}.self_attn.o_proj.weight", f"{gg}.attn_output.weight", dense(HIDDEN, HEADS * DIM))
        both(f"{hf}.self_attn.o_proj.bias", f"{gg}.attn_output.bias", vector(HIDDEN))
        both(f"{hf}.self_attn.sinks", f"{gg}.attn_sinks.weight", vector(HEADS))
        both(f"{hf}.post_attention_layernorm.weight", f"{gg}.post_attention_norm.weight", vector(HIDDEN, around=1))
        both(f"{hf}.mlp.router.weight", f"{gg}.ffn_gate_inp.weight", dense(EXPERTS, HIDDEN))
        both(f"{hf}.mlp.router.bias", f"{gg}.ffn_gate_inp.bias", vector(EXPERTS))
        up, down = Experts(rng, 2 * INNER, HIDDEN), Experts(rng, HIDDEN, INNER)
        for name, experts in [("gate_up", up), ("down", down)]:
            twin[f"{hf}.mlp.experts.{name}_proj_blocks"] = experts.blocks
            twin[f"{hf}.mlp.experts.{name}_proj_scales"] = experts.scales
        up_bias, down_bias = vector(EXPERTS, 2 * INNER), vector(EXPERTS, HIDDEN)
        twin[f"{hf}.mlp.experts.gate_up_proj_bias"] = up_bias
        twin[f"{hf}.mlp.experts.down_proj_bias"] = down_bias
        for name, experts, rows, bias in [
            ("gate", up, slice(0, None, 2), up_bias[:, 0::2]),
            ("up", up, slice(1, None, 2), up_bias[:, 1::2]),
            ("down", down, slice(None), down_bias),
        ]:
            tensors.append((f"{gg}.ffn_{name}_exps.weight", experts.gguf(rows)))
            tensors.append((f"{gg}.ffn_{name}_exps.bias", bias))
    both("model.norm.weight", "output_norm.weight", vector(HIDDEN, around=1))
    both("lm_head.weight", "output.weight", dense(size_padded, HIDDEN))

    for kind in ["bf16", "q8_0"]:
        write(out / f"{kind}.gguf", kind, tensors, vocab, size_padded)
    write_twin(out / "twin", twin, vocab, size_padded)


def write(path, kind, tensors, vocab, size):
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(path, "gpt-oss")
    writer.add_context_length(CONTEXT)
    writer.add_block_count(LAYERS)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(INNER)
    writer.add_expert_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV)
    writer.add_key_length(DIM)
    writer.add_value_length(DIM)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_sliding_window(WINDOW)
    writer.add_expert_count(EXPERTS)
    writer.add_expert_used_count(TOP)
    writer.add_rope_freq_base(150000.0)
    writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
    writer.add_rope_scaling_factor(32.0)
    writer.add_rope_scaling_orig_ctx_len(32)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-4o")
    filler = [f"<|reserved_{i}|>" for i in range(size - len(vocab) - len(CONTROL))]
    kinds = [1] * len(vocab) + [3] * len(CONTROL) + [5] * len(filler)
    writer.add_token_list(vocab + CONTROL + filler)
    writer.add_token_types(kinds)
    writer.add_token_merges(MERGES)
    writer.add_eos_token_id(len(vocab) + CONTROL.index("<|return|>"))
    for name, values in tensors:
        matrix = name.endswith("weight") and values.ndim == 2 and "gate_inp" not in name
        if values.dtype == np.uint8:
            writer.add_tensor(name, values, raw_dtype=Type.MXFP4)
        elif not matrix:
            writer.add_tensor(name, widened(values))
        elif kind == "q8_0":
            writer.add_tensor(name, gguf.quants.quantize(widened(values), Type.Q8_0), raw_dtype=Type.Q8_0)
        else:
            writer.add_tensor(name, values.view(np.uint8), raw_dtype=Type.BF16)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_twin(path, twin, vocab, size):
    path.mkdir(parents=True, exist_ok=True)
    config = dict(
        model_type="gpt_oss", architectures=["GptOssForCausalLM"], num_hidden_layers=LAYERS,
        hidden_size=HIDDEN, intermediate_size=INNER, num_attention_heads=HEADS,
        num_key_value_heads=KV, head_dim=DIM, num_local_experts=EXPERTS, num_experts_per_tok=TOP,
        vocab_size=size, sliding_window=WINDOW, max_position_embeddings=CONTEXT,
        rms_norm_eps=1e-5, attention_bias=True, tie_word_embeddings=False, rope_theta=150000.0,
        rope_scaling=dict(rope_type="yarn", factor=32.0, beta_fast=32.0, beta_slow=1.0,
                          original_max_position_embeddings=32, truncate=False),
        eos_token_id=len(vocab) + CONTROL.index("<|return|>"),
    )
    (path / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    level = dict(type="ByteLevel", add_prefix_space=False, trim_offsets=True, use_regex=False)
    split = dict(type="Split", pattern=dict(Regex=pattern()), behavior="Isolated", invert=False)
    tokenizer = dict(
        version="1.0",
        added_tokens=[dict(id=len(vocab) + i, content=name, single_word=False, lstrip=False,
                           rstrip=False, normalized=False, special=True) for i, name in enumerate(CONTROL)],
        normalizer=None, pre_tokenizer=dict(type="Sequence", pretokenizers=[split, level]),
        post_processor=level, decoder=level,
        model=dict(type="BPE", ignore_merges=True, vocab={t: i for i, t in enumerate(vocab)},
                   merges=[m.split(" ") for m in MERGES]),
    )
    (path / "tokenizer.json").write_text(json.dumps(tokenizer, indent=1, ensure_ascii=False) + "\n")
    save_bf16(twin, path / "model.safetensors")


def save_bf16(tensors, path):
    """safetensors' numpy has no bf16: the header is written by hand."""
    header, data = {}, b""
    for name, values in tensors.items():
        kind = "U8" if values.dtype == np.uint8 else "BF16"
        raw = values.tobytes()
        header[name] = dict(dtype=kind, shape=list(values.shape), data_offsets=[len(data), len(data) + len(raw)])
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
