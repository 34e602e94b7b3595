"""Writes Pebble as a GGUF of the architecture gpt-oss, so that llama.cpp can load it.

Usage: pebble_gguf.py FOLDER OUT.gguf    (needs numpy and gguf)

The experts are written dequantised. llama.cpp splits text by one of its own patterns, not by
Pebble's, so it reads other tokens than Touchstone does: good for trying the way there, not for
comparing replies word by word.
"""

import json
import struct
import sys

import gguf
import numpy as np

# The values of MXFP4, OCP Microscaling Formats 1.0, 5.3.3.
VALUES = np.array(
    [0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6], np.float32
)

TEMPLATE = """<|start|>system<|message|>You are ChatGPT, a large language model trained by OpenAI.
Knowledge cutoff: 2024-06

Reasoning: {{ reasoning_effort or "medium" }}

# Valid channels: analysis, commentary, final. Channel must be included for every message.<|end|>{% for message in messages %}{% if message.role in ["system", "developer"] %}<|start|>developer<|message|># Instructions

{{ message.content }}<|end|>{% elif message.role == "user" %}<|start|>user<|message|>{{ message.content }}<|end|>{% endif %}{% endfor %}{% if add_generation_prompt %}<|start|>assistant{% endif %}"""


class Checkpoint:
    """Tensors of one safetensors file, by name, as 32-bit floats or bytes."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.bytes = file.read()
        length = struct.unpack("<Q", self.bytes[:8])[0]
        self.entries = json.loads(self.bytes[8 : 8 + length])
        self.base = 8 + length

    def get(self, name):
        entry = self.entries[name]
        start, end = (self.base + offset for offset in entry["data_offsets"])
        data = self.bytes[start:end]
        if entry["dtype"] == "BF16":
            wide = np.frombuffer(data, np.uint16).astype(np.uint32) << 16
            return wide.view(np.float32).reshape(entry["shape"])
        kinds = {"F32": np.float32, "U8": np.uint8}
        return np.frombuffer(data, kinds[entry["dtype"]]).reshape(entry["shape"])

    def dequantised(self, name):
        blocks, scales = self.get(name + "_blocks"), self.get(name + "_scales")
        pairs = np.stack([VALUES[blocks & 15], VALUES[blocks >> 4]], -1)
        values = pairs.reshape(*blocks.shape[:-1], 32)
        values = np.ldexp(values, scales.astype(np.int32)[..., None] - 127)
        return values.reshape(*blocks.shape[:-2], -1)


def write_settings(out, config):
    out.add_name("pebble")
    out.add_context_length(config["max_position_embeddings"])
    out.add_embedding_length(config["hidden_size"])
    out.add_block_count(config["num_hidden_layers"])
    out.add_feed_forward_length(config["intermediate_size"])
    out.add_expert_feed_forward_length(config["intermediate_size"])
    out.add_head_count(config["num_attention_heads"])
    out.add_head_count_kv(config["num_key_value_heads"])
    out.add_key_length(config["head_dim"])
    out.add_value_length(config["head_dim"])
    out.add_layer_norm_rms_eps(config["rms_norm_eps"])
    out.add_rope_freq_base(config["rope_theta"])
    rope = config["rope_scaling"]
    out.add_rope_scaling_type(gguf.RopeScalingType.YARN)
    out.add_rope_scaling_factor(rope["factor"])
    out.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
    out.add_sliding_window(config["sliding_window"])
    out.add_expert_count(config["num_local_experts"])
    out.add_expert_used_count(config["num_experts_per_tok"])
    out.add_vocab_size(config["vocab_size"])


def write_vocabulary(out, config, tokenizer):
    tokens = [None] * config["vocab_size"]
    types = [gguf.TokenType.NORMAL] * config["vocab_size"]
    for token, index in tokenizer["model"]["vocab"].items():
        tokens[index] = token
    for added in tokenizer["added_tokens"]:
        tokens[added["id"]] = added["content"]
        types[added["id"]] = gguf.TokenType.CONTROL
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("gpt-4o")
    out.add_token_list(tokens)
    out.add_token_types(types)
    out.add_token_merges([" ".join(merge) for merge in tokenizer["model"]["merges"]])
    out.add_bos_token_id(config["bos_token_id"])
    out.add_eos_token_id(config["eos_token_id"])
    out.add_pad_token_id(config["pad_token_id"])
    out.add_add_bos_token(False)
    out.add_chat_template(TEMPLATE)


def write_tensors(out, config, model):
    def add(name, values):
        out.add_tensor(name, np.ascontiguousarray(values, np.float32))

    add("token_embd.weight", model.get("model.embed_tokens.weight"))
    add("output.weight", model.get("lm_head.weight"))
    add("output_norm.weight", model.get("model.norm.weight"))
    for layer in range(config["num_hidden_layers"]):
        ours, theirs = f"model.layers.{layer}.", f"blk.{layer}."
        add(theirs + "attn_norm.weight", model.get(ours + "input_layernorm.weight"))
        add(theirs + "post_attention_norm.weight", model.get(ours + "post_attention_layernorm.weight"))
        for letter, name in (("q", "attn_q"), ("k", "attn_k"), ("v", "attn_v"), ("o", "attn_output")):
            for part in ("weight", "bias"):
                add(f"{theirs}{name}.{part}", model.get(f"{ours}self_attn.{letter}_proj.{part}"))
        add(theirs + "attn_sinks.weight", model.get(ours + "self_attn.sinks"))
        add(theirs + "ffn_gate_inp.weight", model.get(ours + "mlp.router.weight"))
        add(theirs + "ffn_gate_inp.bias", model.get(ours + "mlp.router.bias"))
        # Gate and linear half are interleaved, row by row.
        both = model.dequantised(ours + "mlp.experts.gate_up_proj")
        bias = model.get(ours + "mlp.experts.gate_up_proj_bias")
        add(theirs + "ffn_gate_exps.weight", both[:, 0::2])
        add(theirs + "ffn_up_exps.weight", both[:, 1::2])
        add(theirs + "ffn_gate_exps.bias", bias[:, 0::2])
        add(theirs + "ffn_up_exps.bias", bias[:, 1::2])
        add(theirs + "ffn_down_exps.weight", model.dequantised(ours + "mlp.experts.down_proj"))
        add(theirs + "ffn_down_exps.bias", model.get(ours + "mlp.experts.down_proj_bias"))


def main(folder, path):
    with open(f"{folder}/config.json", encoding="utf-8") as file:
        config = json.load(file)
    with open(f"{folder}/tokenizer.json", encoding="utf-8") as file:
        tokenizer = json.load(file)
    out = gguf.GGUFWriter(path, "gpt-oss")
    write_settings(out, config)
    write_vocabulary(out, config, tokenizer)
    write_tensors(out, config, Checkpoint(f"{folder}/model.safetensors"))
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
