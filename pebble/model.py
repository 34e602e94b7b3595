"""gpt-oss in plain PyTorch, small enough to train on one core.

Owns the maths, exactly as the published model does it, and the MXFP4 fake
quantisation that training sees all along. Axes: T flat tokens of a batch, N
sequences, S padded length, H query heads, D head width, E experts.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass
class Config:
    vocab_size: int = 4096
    hidden_size: int = 128
    num_hidden_layers: int = 6
    num_attention_heads: int = 4
    num_key_value_heads: int = 2
    head_dim: int = 32
    intermediate_size: int = 96
    num_local_experts: int = 4
    num_experts_per_tok: int = 2
    sliding_window: int = 64
    rms_norm_eps: float = 1e-5
    rope_theta: float = 150000.0
    rope_factor: float = 32.0
    original_positions: int = 4096
    swiglu_limit: float = 7.0


# ---------------------------------------------------------------- MXFP4

FP4 = torch.tensor([0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0])
BLOCK = 32


def mxfp4(w):
    """(codes u8 0..15, exponents) of w in blocks of 32 along the last axis."""
    blocks = w.reshape(*w.shape[:-1], w.shape[-1] // BLOCK, BLOCK)
    amax = blocks.abs().amax(-1, keepdim=True).clamp_min(2.0 ** -100)
    exponent = torch.ceil(torch.log2(amax / 6.0))  # the smallest power of two that clips nothing
    scaled = blocks / torch.exp2(exponent)
    edges = (FP4[1:] + FP4[:-1]).to(w.device) / 2
    codes = torch.bucketize(scaled.abs(), edges)
    return codes + 8 * (scaled < 0), exponent


def dequantise(codes, exponent, shape):
    table = torch.cat([FP4, -FP4]).to(exponent.device)
    return (table[codes] * torch.exp2(exponent)).reshape(shape)


def fake_quantise(w):
    """The value an MXFP4 reader sees; gradients pass straight through."""
    with torch.no_grad():
        q = dequantise(*mxfp4(w), w.shape)
    return w + (q - w).detach()


# ---------------------------------------------------------------- attention

class _FlashSink(torch.autograd.Function):
    """Attention whose softmax has one more column, the sink, which is dropped after.

    The fused kernel knows no sink; scaling its output by p = 1 - p(sink) and
    correcting its log-sum gives the same result, and the kernel's own backward
    is exact when it is fed the corrected output and log-sum. Without a mask it is causal.
    """

    @staticmethod
    def forward(ctx, q, k, v, mask, sink):
        out, lse = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(q, k, v, is_causal=mask is None, attn_mask=mask)
        full = torch.logaddexp(lse, sink[None, :, None])
        out = out * torch.exp(lse - full)[..., None]
        ctx.save_for_backward(q, k, v, mask, sink, out, full)
        return out

    @staticmethod
    def backward(ctx, grad):
        q, k, v, mask, sink, out, full = ctx.saved_tensors
        dq, dk, dv = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward(
            grad.contiguous(), q, k, v, out, full, 0.0, mask is None, attn_mask=mask)
        delta = (grad * out).sum(-1)
        dsink = -(torch.exp(sink[None, :, None] - full) * delta).sum((0, 2))
        return dq, dk, dv, None, dsink


def attend_plain(q, k, v, mask, sink):
    """The same, written out: the reference, and the path on a GPU."""
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]) + mask
    column = sink[None, :, None, None].expand(*scores.shape[:-1], 1)
    p = torch.softmax(torch.cat([scores, column], -1), -1)[..., :-1]
    return p @ v


def attend(q, k, v, mask, sink):
    return (_FlashSink.apply if q.device.type == "cpu" else attend_plain)(q, k, v, mask, sink)


def rope_table(cfg, length):
    """cos and sin [length, D/2] with YaRN, not truncated, concentration included."""
    d = cfg.head_dim
    freq = cfg.rope_theta ** (torch.arange(0, d, 2, dtype=torch.float64) / d)
    bound = lambda turns: d * math.log(cfg.original_positions / (turns * 2 * math.pi)) / (2 * math.log(cfg.rope_theta))
    low, high = max(bound(32.0), 0.0), min(bound(1.0), d - 1.0)
    ramp = ((torch.arange(d // 2, dtype=torch.float64) - low) / (high - low)).clamp(0, 1)
    inv = ramp / (cfg.rope_factor * freq) + (1 - ramp) / freq
    angle = torch.arange(length, dtype=torch.float64)[:, None] * inv[None]
    concentration = 0.1 * math.log(cfg.rope_factor) + 1.0
    return (angle.cos() * concentration).float(), (angle.sin() * concentration).float()


def rotate(x, cos, sin):
    """x [T, heads, D], split halves."""
    a, b = x.chunk(2, -1)
    cos, sin = cos[:, None], sin[:, None]
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


class Norm(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(cfg.hidden_size)), cfg.rms_norm_eps

    def forward(self, x):
        return F.rms_norm(x, (x.shape[-1],), self.weight, self.eps)


class Layer(nn.Module):
    def __init__(self, cfg, sliding):
        super().__init__()
        self.cfg, self.sliding, self.mxfp4 = cfg, sliding, True
        h, d, i, e = cfg.hidden_size, cfg.head_dim, cfg.intermediate_size, cfg.num_local_experts
        self.input_layernorm, self.post_attention_layernorm = Norm(cfg), Norm(cfg)
        self.q_proj = nn.Linear(h, cfg.num_attention_heads * d)
        self.k_proj = nn.Linear(h, cfg.num_key_value_heads * d)
        self.v_proj = nn.Linear(h, cfg.num_key_value_heads * d)
        self.o_proj = nn.Linear(cfg.num_attention_heads * d, h)
        self.sinks = nn.Parameter(torch.zeros(cfg.num_attention_heads))
        self.router = nn.Linear(h, e)
        self.gate_up_proj = nn.Parameter(torch.randn(e, 2 * i, h) * 0.5 * h ** -0.5)
        self.gate_up_proj_bias = nn.Parameter(torch.zeros(e, 2 * i))
        self.down_proj = nn.Parameter(torch.randn(e, h, i) * (i * 2 * cfg.num_hidden_layers) ** -0.5)
        self.down_proj_bias = nn.Parameter(torch.zeros(e, h))
        with torch.no_grad():
            for m in (self.q_proj, self.k_proj, self.v_proj, self.o_proj, self.router):
                m.weight.normal_(0, 0.5 * h ** -0.5)
                m.bias.zero_()
            self.o_proj.weight.mul_((2 * cfg.num_hidden_layers) ** -0.5)

    def qkv(self, x, cos, sin):
        c = self.cfg
        y = self.input_layernorm(x)
        q = rotate(self.q_proj(y).view(-1, c.num_attention_heads, c.head_dim), cos, sin)
        k = rotate(self.k_proj(y).view(-1, c.num_key_value_heads, c.head_dim), cos, sin)
        return q, k, self.v_proj(y).view(-1, c.num_key_value_heads, c.head_dim)

    def experts(self, x, up, down):
        """Top-k experts of each token; softmax after the choice. Returns output and balance loss."""
        c = self.cfg
        y = self.post_attention_layernorm(x)
        logits = self.router(y)
        top, chosen = logits.topk(c.num_experts_per_tok, -1)
        gate = torch.softmax(top, -1)
        out = torch.zeros_like(y)
        for e in range(c.num_local_experts):
            token, slot = torch.where(chosen == e)
            h = F.linear(y[token], up[e], self.gate_up_proj_bias[e])
            g, u = h[:, 0::2].clamp(max=c.swiglu_limit), h[:, 1::2].clamp(-c.swiglu_limit, c.swiglu_limit)
            h = g * torch.sigmoid(1.702 * g) * (u + 1)
            out = out.index_add(0, token, F.linear(h, down[e], self.down_proj_bias[e]) * gate[token, slot, None])
        share = torch.zeros(c.num_local_experts, device=x.device).index_add(0, chosen.flatten(), torch.ones(chosen.numel(), device=x.device)) / chosen.numel()
        return out, c.num_local_experts * (share * torch.softmax(logits, -1).mean(0)).sum()

    def quantised(self):
        """The experts' weights as the forward pass sees them."""
        if not self.mxfp4:
            return self.gate_up_proj, self.down_proj
        return fake_quantise(self.gate_up_proj), fake_quantise(self.down_proj)


def gather(x, index):
    """x [T, heads, D] -> [N, heads, S, D]; index T means padding."""
    padded = torch.cat([x, x.new_zeros(1, *x.shape[1:])])
    return padded[index].transpose(1, 2)


@torch.no_grad()
def structured_init(model):
    """Starts with heads that already look back one and two tokens and find what followed
    the same token before. A small model trained from noise spends most of a CPU run on
    discovering just this; training keeps, sharpens or drops it.

    The stream's first half holds a token's own name, its third quarter the previous
    token's, its last the one before that.
    """
    c = model.cfg
    d, half, quarter = c.head_dim, c.head_dim // 2, c.hidden_size // 4
    repeat = c.num_attention_heads // c.num_key_value_heads
    turn = torch.atan2(model.sin[1], model.cos[1])  # what RoPE turns by within one position
    slow = torch.arange(d) % half >= int(0.45 * half)  # pairs that hardly turn within a policy carry names

    def look(rows, columns):  # [d, hidden] orthogonal, reads (or, transposed, writes) these columns
        w = torch.zeros(rows, c.hidden_size)
        w[:, columns] = nn.init.orthogonal_(torch.empty(rows, columns.stop - columns.start))
        return w

    names, before = slice(0, 2 * quarter), [slice(2 * quarter, 3 * quarter), slice(3 * quarter, c.hidden_size)]
    nn.init.normal_(model.embed_tokens.weight, std=0.3)
    model.embed_tokens.weight[:, 2 * quarter:] *= 0.1
    model.norm.weight.fill_(0.15)  # tied embeddings of that size would give logits far too large
    name, written = look(d, names), [look(d, b) for b in before]
    for i, layer in enumerate(model.layers):
        layer.down_proj.mul_(0.2)
        q, k, v = (p.weight.view(-1, d, c.hidden_size) for p in (layer.q_proj, layer.k_proj, layer.v_proj))
        o = layer.o_proj.weight.view(c.hidden_size, -1, d)
        for g in range(c.num_key_value_heads):  # the same token attends to the same token and copies it
            mine = slice(g * repeat, (g + 1) * repeat)
            k[g] = q[mine] = look(d, names) * slow[:, None]
            v[g] = look(d, names)
            o[:, mine] = 0.2 * v[g].T[:, None]
        if i == 0:  # the first heads look at fixed distances, by position alone
            k[0] *= 0.1
            v[0] = name
            strength = torch.zeros(half)
            strength[:3] = 6 * torch.tensor([1, 1, 0.7])
            layer.k_proj.bias[:half] = strength
            for h in range(repeat):
                q[h] *= 0.1
                bias = layer.q_proj.bias.view(-1, d)[h]
                bias[:half], bias[half:] = strength * torch.cos((h + 1) * turn), -strength * torch.sin((h + 1) * turn)
                o[:, h] = 0.5 * written[min(h, 1)].T
        elif not layer.sliding:  # who stood after this token before?
            q[:repeat] = 1.5 * name * slow[:, None]
            k[0] = 1.5 * written[0] * slow[:, None]
            v[0] = look(d, names)
            o[:, :repeat] = 0.5 * v[0].T[:, None]


class Pebble(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.cfg = cfg
        self.embed_tokens = nn.Embedding(cfg.vocab_size, cfg.hidden_size)
        self.layers = nn.ModuleList(Layer(cfg, i % 2 == 0) for i in range(cfg.num_hidden_layers))
        self.norm = Norm(cfg)
        self.lm_head = nn.Linear(cfg.hidden_size, cfg.vocab_size, bias=False)
        self.lm_head.weight = self.embed_tokens.weight  # one matrix in training, so that copying any token is one skill; exported twice
        cos, sin = rope_table(cfg, 4096)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        structured_init(self)

    def quantise(self, on):
        for layer in self.layers:
            layer.mxfp4 = on

    def mask(self, q_pos, k_pos, k_real, sliding):
        """Additive mask [N, 1, Sq, Sk]: causal, windowed, no padding."""
        gap = q_pos[:, :, None] - k_pos[:, None, :]
        ok = (gap >= 0) & k_real[:, None, :]
        if sliding:
            ok &= gap < self.cfg.sliding_window
        return torch.zeros(ok.shape, device=ok.device).masked_fill_(~ok, -1e30)[:, None]

    def forward(self, batch):
        """batch: flat `tokens` and `positions` [T]; `prefix` [B, P] and each `own` [n, L] say
        which flat tokens a sequence holds, its owner [n] which prefix it continues. Hidden states [T, hidden]."""
        c, t = self.cfg, batch["tokens"].shape[0]
        x = self.embed_tokens(batch["tokens"])
        cos, sin = self.cos[batch["positions"]], self.sin[batch["positions"]]
        pos = torch.cat([batch["positions"], batch["positions"].new_zeros(1)])
        prefix = batch["prefix"]
        # A sliding layer of a case sees only the end of the policy: take no more keys than that.
        tail = torch.arange(1 - c.sliding_window, 0, device=x.device) + (prefix < t).sum(1, keepdim=True)
        near = torch.where(tail >= 0, prefix.gather(1, tail.clamp_min(0)), t)
        groups = []  # sliding and full: (queries, keys, mask) of the policies, then of the cases
        for sliding, shared in ((True, near), (False, prefix)):
            pairs = [(prefix, prefix)] + [(own, torch.cat([shared[owner], own], 1)) for own, owner in batch["own"]]
            groups.append([(q, k, self.mask(pos[q], pos[k], k < t, sliding)) for q, k in pairs])
        back = torch.empty(t, dtype=torch.long, device=x.device)
        where = torch.cat([prefix.flatten()] + [own.flatten() for own, _ in batch["own"]])
        back[where[where < t]] = torch.nonzero(where < t).flatten()
        repeat = c.num_attention_heads // c.num_key_value_heads
        balance = 0.0
        for layer in self.layers:
            q, k, v = layer.qkv(x, cos, sin)
            k, v = k.repeat_interleave(repeat, 1), v.repeat_interleave(repeat, 1)
            outs = []
            for q_i, k_i, mask in groups[0 if layer.sliding else 1]:
                o = attend(gather(q, q_i), gather(k, k_i), gather(v, k_i), mask, layer.sinks)
                outs.append(o.transpose(1, 2).reshape(-1, c.num_attention_heads * c.head_dim))
            x = x + layer.o_proj(torch.cat(outs)[back])
            y, b = layer.experts(x, *layer.quantised())
            x, balance = x + y, balance + b
        return self.norm(x), balance

    @torch.no_grad()
    def greedy(self, prompts, stop, limit=260, states=False):
        """Greedy replies for a list of prompts, with a KV cache. Plain masks, no shared prefix. With
        `states`, also the hidden states [reply, hidden] that each reply's tokens were read from."""
        c, n = self.cfg, len(prompts)
        quantised = [layer.quantised() for layer in self.layers]
        lengths = torch.tensor([len(p) for p in prompts])
        room = int(lengths.max()) + limit
        cache = [(torch.zeros(n, c.num_key_value_heads, room, c.head_dim), torch.zeros(n, c.num_key_value_heads, room, c.head_dim)) for _ in self.layers]
        repeat = c.num_attention_heads // c.num_key_value_heads

        def run(tokens, positions):  # tokens [N, S], positions [N, S]; -1 is padding
            x = self.embed_tokens(tokens.flatten())
            flat = positions.clamp_min(0).flatten()
            cos, sin = self.cos[flat], self.sin[flat]
            hi = int(positions.max()) + 1
            k_pos = torch.arange(hi)[None].expand(n, -1)
            rows, cols = torch.where(positions >= 0)
            for layer, (k_all, v_all), w in zip(self.layers, cache, quantised):
                q, k, v = layer.qkv(x, cos, sin)
                q, k, v = (a.view(n, -1, a.shape[1], c.head_dim) for a in (q, k, v))
                k_all[rows, :, positions[rows, cols]] = k[rows, cols]
                v_all[rows, :, positions[rows, cols]] = v[rows, cols]
                mask = self.mask(positions, k_pos, torch.ones(n, hi, dtype=torch.bool), layer.sliding)
                kk, vv = (a[:, :, :hi].repeat_interleave(repeat, 1) for a in (k_all, v_all))
                o = attend_plain(q.transpose(1, 2), kk, vv, mask, layer.sinks)
                x = x + layer.o_proj(o.transpose(1, 2).reshape(-1, c.num_attention_heads * c.head_dim))
                x = x + layer.experts(x, *w)[0]
            return self.norm(x).view(n, -1, c.hidden_size)

        tokens = torch.zeros(n, int(lengths.max()), dtype=torch.long)
        positions = torch.full_like(tokens, -1)
        for i, p in enumerate(prompts):
            tokens[i, : len(p)] = torch.tensor(p)
            positions[i, : len(p)] = torch.arange(len(p))
        h = run(tokens, positions)[torch.arange(n), lengths - 1]
        replies, done, kept = [[] for _ in prompts], torch.zeros(n, dtype=torch.bool), []
        for step in range(limit):
            kept += [h] if states else []
            token = self.lm_head(h).argmax(-1)
            for i in range(n):
                if not done[i]:
                    replies[i].append(int(token[i]))
            done |= token == stop
            if done.all():
                break
            h = run(token[:, None], (lengths + step)[:, None])[:, 0]
        if states:
            return replies, [torch.stack([k[i] for k in kept[: len(r)]]) for i, r in enumerate(replies)]
        return replies
