"""The forward pass that training on a processor takes: model.py's maths, twice as fast.

Products are in bf16 where the processor multiplies tiles of it (AMX), the steps between them
are fused by torch.compile, every case attends without padding, and the loss makes its gradient
as it goes. What is trained this way is measured, exported and held against transformers by
model.py's own f32. `test_fast.py` holds the two against each other.
"""

import torch
import torch.nn.functional as F

from model import _FlashSink, rotate

LOW = torch.bfloat16 if getattr(torch.cpu, "_is_amx_tile_supported", bool)() else torch.float32
STEP = 512  # lines that products are padded to: their kernels are made anew for each shape
ROWS = 512  # of the loss, made at once


def _norm(x, w, eps):
    return F.rms_norm(x, (x.shape[-1],), w, eps)


def _norm_low(x, w, eps):
    return F.rms_norm(x, (x.shape[-1],), w, eps).to(LOW)


def _swiglu(h, limit):
    gate, value = h.float().chunk(2, -1)
    gate, value = gate.clamp(max=limit), value.clamp(-limit, limit)
    return (gate * torch.sigmoid(1.702 * gate) * (value + 1)).to(LOW)


def _turn(x, cos, sin):
    return rotate(x.float(), cos, sin)


def _mix(lines, gate):
    return (lines.float() * gate[..., None]).sum(1)


def _softmax(logits, weights):
    logits = logits.float()
    lse = logits.logsumexp(-1, keepdim=True)
    return lse, (torch.exp(logits - lse) * weights).to(LOW)


norm, norm_low, swiglu, turn, mix, softmax = (torch.compile(f, dynamic=True) for f in (_norm, _norm_low, _swiglu, _turn, _mix, _softmax))


class _Permute(torch.autograd.Function):
    """x[order]. With `back`, where each line of x stands in the result; other lines of the result
    are there to fill up, and have no gradient. Without, each line is taken once at most."""

    @staticmethod
    def forward(ctx, x, order, back=None):
        ctx.save_for_backward(order, back)
        ctx.lines = len(x)
        return x[order]

    @staticmethod
    def backward(ctx, grad):
        order, back = ctx.saved_tensors
        if back is not None:
            return grad[back], None, None
        return grad.new_zeros(ctx.lines, grad.shape[1]).index_copy_(0, order, grad), None, None


class ReplyLoss(torch.autograd.Function):
    """Weighted mean of the cross-entropy of rows [R, hidden] against targets [R], and each row's
    own. Logits are made a few rows at a time and their gradient at once."""

    @staticmethod
    def forward(ctx, rows, head, targets, weights):
        weights = weights / weights.sum()
        low, d_rows, d_head, each = head.to(LOW), torch.empty_like(rows), torch.zeros_like(head), []
        for a in range(0, len(rows), ROWS):
            part, want, w = rows[a:a + ROWS].to(LOW), targets[a:a + ROWS, None], weights[a:a + ROWS, None]
            logits = part @ low.T
            lse, grad = softmax(logits, w)
            each.append((lse - logits.gather(1, want)).squeeze(1))
            grad.scatter_add_(1, want, -w.to(LOW))
            d_rows[a:a + ROWS] = grad @ low
            d_head += grad.T @ part
        ctx.save_for_backward(d_rows, d_head)
        each = torch.cat(each)
        ctx.mark_non_differentiable(each)
        return (each * weights).sum(), each

    @staticmethod
    def backward(ctx, grad, _):
        d_rows, d_head = ctx.saved_tensors
        return d_rows * grad, d_head * grad, None, None


def padded(batch):
    """The batch with its tokens and rows filled up to whole steps; `spare` says by how many tokens."""
    tokens, rows = -len(batch["tokens"]) % STEP, -len(batch["rows"]) % STEP
    more = {k: F.pad(batch[k], (0, tokens)) for k in ("tokens", "positions")} | {k: F.pad(batch[k], (0, rows)) for k in ("rows", "targets", "weights")}
    return batch | more | {"spare": tokens}


def _bias(q, k, window):
    """Additive mask [1, 1, q, k] of the last q of k positions."""
    gap = torch.arange(k - q, k)[:, None] - torch.arange(k)[None]
    ok = (gap >= 0) & (gap < window) if window else gap >= 0
    return torch.zeros(q, k).masked_fill_(~ok, -1e30)[None, None]


def _qkv(layer, x, cos, sin):
    c = layer.cfg
    y = norm_low(x, layer.input_layernorm.weight, c.rms_norm_eps)
    w, b = (torch.cat([getattr(p, part) for p in (layer.q_proj, layer.k_proj, layer.v_proj)]) for part in ("weight", "bias"))
    made = F.linear(y, w.to(LOW), b.to(LOW)).view(-1, c.num_attention_heads + 2 * c.num_key_value_heads, c.head_dim)
    turned, v = made.split([c.num_attention_heads + c.num_key_value_heads, c.num_key_value_heads], 1)
    q, k = turn(turned, cos, sin).split([c.num_attention_heads, c.num_key_value_heads], 1)
    return q, k, v.float()


def _attend(layer, q, k, v, sizes, masks):
    """Each policy on itself, each of its cases on the policy and on itself."""
    c, outs = layer.cfg, []
    repeat = c.num_attention_heads // c.num_key_value_heads
    q, k, v = (iter(y.transpose(0, 1)[None].split(sizes, 2)) for y in (q, k.repeat_interleave(repeat, 1), v.repeat_interleave(repeat, 1)))
    for pack in masks:
        for i, (near, far) in enumerate(pack):
            q_i, k_i, v_i = next(q), next(k), next(v)
            if i == 0:
                last = c.sliding_window - 1 if layer.sliding else k_i.shape[2]
                shared = [y[:, :, max(0, y.shape[2] - last):] for y in (k_i, v_i)]
            else:
                k_i, v_i = (torch.cat([s, y], 2) for s, y in zip(shared, (k_i, v_i)))
            outs.append(_FlashSink.apply(q_i, k_i, v_i, near if layer.sliding else far, layer.sinks))
    outs.append(torch.zeros_like(next(q)))
    return torch.cat(outs, 2)[0].transpose(0, 1).reshape(-1, c.num_attention_heads * c.head_dim)


def _experts(layer, x, real):
    """As Layer.experts; lines behind the first `real` ones only fill up."""
    c, k = layer.cfg, layer.cfg.num_experts_per_tok
    up, down = layer.quantised()
    y = norm_low(x, layer.post_attention_layernorm.weight, c.rms_norm_eps)
    logits = F.linear(y, layer.router.weight.to(LOW)).float() + layer.router.bias
    top, chosen = logits.topk(k, -1)
    # One line for each token and rank, sorted by expert, each expert's lines filled up.
    flat = chosen.flatten()
    counts = torch.bincount(flat, minlength=c.num_local_experts)
    rooms = (counts + STEP - 1) // STEP * STEP
    order = flat.argsort(stable=True)
    begins = (rooms.cumsum(0) - rooms) - (counts.cumsum(0) - counts)
    place = torch.arange(len(flat)) + begins[flat[order]]
    back = torch.empty_like(order).scatter_(0, order, place)
    there = torch.zeros(int(rooms.sum()), dtype=torch.long).scatter_(0, place, order)
    lines = _Permute.apply(y[:, None].expand(-1, k, -1).reshape(-1, c.hidden_size), there, back)
    made = []
    for e, part in enumerate(lines.split(rooms.tolist())):
        w, b = (torch.cat([t[0::2], t[1::2]]).to(LOW) for t in (up[e], layer.gate_up_proj_bias[e]))
        made.append(F.linear(swiglu(F.linear(part, w, b), c.swiglu_limit), down[e].to(LOW), layer.down_proj_bias[e].to(LOW)))
    out = mix(_Permute.apply(torch.cat(made), back).view(-1, k, c.hidden_size), torch.softmax(top, -1))
    share = torch.bincount(chosen[:real].flatten(), minlength=c.num_local_experts) / (k * real)
    return out, c.num_local_experts * (share * torch.softmax(logits[:real], -1).mean(0)).sum()


def forward(model, batch):
    """As Pebble.forward, for a padded batch."""
    c, sizes = model.cfg, [n for pack in batch["sizes"] for n in pack]
    x = model.embed_tokens(batch["tokens"])
    cos, sin = model.cos[batch["positions"]], model.sin[batch["positions"]]
    masks = [[(_bias(head, head, c.sliding_window), None)] + [(_bias(n, n + min(head, c.sliding_window - 1), c.sliding_window), _bias(n, n + head, 0)) for n in cases] for head, *cases in batch["sizes"]]
    balance = 0.0
    for layer in model.layers:
        out = _attend(layer, *_qkv(layer, x, cos, sin), [*sizes, batch["spare"]], masks)
        x = x + F.linear(out.to(LOW), layer.o_proj.weight.to(LOW), layer.o_proj.bias.to(LOW))
        y, b = _experts(layer, x, len(x) - batch["spare"])
        x, balance = x + y, balance + b
    return norm(x, model.norm.weight, c.rms_norm_eps), balance
