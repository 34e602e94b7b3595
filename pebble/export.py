"""Writes a checkpoint in the published gpt-oss layout, and reads one back.

    python3 pebble/export.py --work target/pebble --out fixtures/pebble

Experts are packed MXFP4 (low nibble first, scales as 2^(s-127)), exactly the
values that training saw; everything else is bf16. The folder's README.md, the
model card, is kept as it is.
"""

import argparse
import json
import shutil
from dataclasses import fields
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders

from model import Config, Pebble, dequantise, mxfp4

ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]


def pack(w):
    """w [E, rows, cols] -> blocks u8 [E, rows, cols/32, 16] and scales u8 [E, rows, cols/32]."""
    codes, exponent = mxfp4(w)
    codes = codes.to(torch.uint8)
    return codes[..., 0::2] | (codes[..., 1::2] << 4), (exponent.squeeze(-1) + 127).to(torch.uint8)


def unpack(blocks, scales):
    codes = torch.stack([blocks & 15, blocks >> 4], -1).flatten(-2).long()
    exponent = scales.float()[..., None] - 127
    return dequantise(codes, exponent, (*blocks.shape[:2], blocks.shape[2] * 32))


def tensors(model):
    """Published name -> tensor."""
    bf16 = lambda t: t.detach().to(torch.bfloat16).contiguous()
    out = {"model.embed_tokens.weight": bf16(model.embed_tokens.weight), "model.norm.weight": bf16(model.norm.weight), "lm_head.weight": bf16(model.lm_head.weight)}
    for i, layer in enumerate(model.layers):
        at = f"model.layers.{i}."
        for n in ("input_layernorm", "post_attention_layernorm"):
            out[f"{at}{n}.weight"] = bf16(getattr(layer, n).weight)
        for n in ATTENTION:
            out[f"{at}self_attn.{n}.weight"] = bf16(getattr(layer, n).weight)
            out[f"{at}self_attn.{n}.bias"] = bf16(getattr(layer, n).bias)
        out[f"{at}self_attn.sinks"] = bf16(layer.sinks)
        out[f"{at}mlp.router.weight"], out[f"{at}mlp.router.bias"] = bf16(layer.router.weight), bf16(layer.router.bias)
        for n in ("gate_up_proj", "down_proj"):
            blocks, scales = pack(getattr(layer, n).detach())
            out[f"{at}mlp.experts.{n}_blocks"], out[f"{at}mlp.experts.{n}_scales"] = blocks.contiguous(), scales.contiguous()
            out[f"{at}mlp.experts.{n}_bias"] = bf16(getattr(layer, n + "_bias"))
    return out


def load_published(folder):
    """A Pebble with the weights of a published folder, in f32."""
    raw = load_file(Path(folder) / "model.safetensors")
    said = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
    model = Pebble(Config(**{f.name: said[f.name] for f in fields(Config) if f.name in said}))
    with torch.no_grad():
        model.embed_tokens.weight.copy_(raw["model.embed_tokens.weight"])
        model.norm.weight.copy_(raw["model.norm.weight"])
        model.lm_head.weight.copy_(raw["lm_head.weight"])
        for i, layer in enumerate(model.layers):
            at = f"model.layers.{i}."
            for n in ("input_layernorm", "post_attention_layernorm"):
                getattr(layer, n).weight.copy_(raw[f"{at}{n}.weight"])
            for n in ATTENTION:
                getattr(layer, n).weight.copy_(raw[f"{at}self_attn.{n}.weight"])
                getattr(layer, n).bias.copy_(raw[f"{at}self_attn.{n}.bias"])
            layer.sinks.copy_(raw[f"{at}self_attn.sinks"])
            layer.router.weight.copy_(raw[f"{at}mlp.router.weight"])
            layer.router.bias.copy_(raw[f"{at}mlp.router.bias"])
            for n in ("gate_up_proj", "down_proj"):
                getattr(layer, n).copy_(unpack(raw[f"{at}mlp.experts.{n}_blocks"], raw[f"{at}mlp.experts.{n}_scales"]))
                getattr(layer, n + "_bias").copy_(raw[f"{at}mlp.experts.{n}_bias"])
    return model


def config(cfg, tok):
    end, pad = tok.token_to_id("<|return|>"), tok.token_to_id("<|endoftext|>")
    return {
        "architectures": ["GptOssForCausalLM"], "model_type": "gpt_oss", "torch_dtype": "bfloat16",
        "attention_bias": True, "attention_dropout": 0.0, "bos_token_id": tok.token_to_id("<|startoftext|>"), "eos_token_id": end, "pad_token_id": pad,
        "experts_per_token": cfg.num_experts_per_tok, "num_experts_per_tok": cfg.num_experts_per_tok, "num_local_experts": cfg.num_local_experts,
        "head_dim": cfg.head_dim, "hidden_act": "silu", "hidden_size": cfg.hidden_size, "intermediate_size": cfg.intermediate_size,
        "initial_context_length": cfg.original_positions, "max_position_embeddings": 4096, "initializer_range": 0.02,
        "layer_types": ["sliding_attention" if i % 2 == 0 else "full_attention" for i in range(cfg.num_hidden_layers)],
        "num_attention_heads": cfg.num_attention_heads, "num_hidden_layers": cfg.num_hidden_layers, "num_key_value_heads": cfg.num_key_value_heads,
        "output_router_logits": False, "router_aux_loss_coef": 0.9,
        "quantization_config": {"quant_method": "mxfp4", "modules_to_not_convert": ["model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"]},
        "rms_norm_eps": cfg.rms_norm_eps, "rope_theta": int(cfg.rope_theta),
        "rope_scaling": {"beta_fast": 32.0, "beta_slow": 1.0, "factor": cfg.rope_factor, "original_max_position_embeddings": cfg.original_positions, "rope_type": "yarn", "truncate": False},
        "sliding_window": cfg.sliding_window, "swiglu_limit": cfg.swiglu_limit, "tie_word_embeddings": False, "use_cache": True, "vocab_size": cfg.vocab_size,
    }


@torch.no_grad()
def transplant(model, tok, old, old_tok):
    """Gives a model the weights of one of the same shape whose vocabulary may be another: a piece
    that the old one lacks begins as the mean of the pieces that it falls into there."""
    state = old.state_dict()
    table = state.pop("embed_tokens.weight")
    model.load_state_dict({k: v for k, v in state.items() if k != "lm_head.weight"}, strict=False)
    known, whole = old_tok.get_vocab(), decoders.ByteLevel()
    old_tok.encode_special_tokens = True
    for piece, i in tok.get_vocab().items():
        text = whole.decode([piece])
        if piece in known:
            model.embed_tokens.weight[i] = table[known[piece]]
        elif not piece.startswith("<|reserved") and "\ufffd" not in text:
            mean = table[old_tok.encode(text, add_special_tokens=False).ids].mean(0)
            model.embed_tokens.weight[i] = mean + 0.1 * table.std() * torch.randn(len(mean))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--work", type=Path, required=True)
    ap.add_argument("--out", type=Path, default=Path("fixtures/pebble"))
    a = ap.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    saved = torch.load(a.work / "checkpoint.pt", map_location="cpu", weights_only=False)
    model = Pebble(Config(**saved.get("config", {})))
    model.load_state_dict(saved["model"])
    save_file(tensors(model), a.out / "model.safetensors", metadata={"format": "pt"})
    shutil.copyfile(a.work / "tokenizer.json", a.out / "tokenizer.json")
    tok = Tokenizer.from_file(str(a.out / "tokenizer.json"))
    ends = [tok.token_to_id(t) for t in ("<|return|>", "<|endoftext|>", "<|call|>")]
    write = lambda name, data: (a.out / name).write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    write("config.json", config(model.cfg, tok))
    write("generation_config.json", {"bos_token_id": tok.token_to_id("<|startoftext|>"), "do_sample": True, "eos_token_id": ends, "pad_token_id": ends[1]})
    again = load_published(a.out)
    for layer, read in zip(model.layers, again.layers):
        for w, r in zip(layer.quantised(), (read.gate_up_proj, read.down_proj)):
            assert torch.equal(w, r), "the packed experts are not what training saw"
    print(f"{a.out}: step {saved['state']['step']}, {sum(f.stat().st_size for f in a.out.iterdir()) / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
