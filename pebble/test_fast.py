"""The fast forward pass and its gradients against model.py's. Needs torch, and is left out without."""

import importlib.util
import unittest


@unittest.skipUnless(importlib.util.find_spec("torch"), "torch is not installed")
class Fast(unittest.TestCase):
    def test_loss_and_gradients_are_the_reference_s(self):
        import torch
        import torch.nn.functional as F

        import fast
        from model import Config, Pebble
        from train import collate

        torch.manual_seed(3)
        model = Pebble(Config(vocab_size=300, num_hidden_layers=2))
        rng = torch.Generator().manual_seed(4)
        ids = lambda n: torch.randint(300, (n,), generator=rng).tolist()
        # Policies longer and shorter than the window, cases and replies of several lengths.
        pack = lambda head, cases: (ids(head), [(ids(ask + reply), ask, ids(reply)) for ask, reply in cases])
        batch = collate([pack(90, [(30, 20), (7, 5)]), pack(20, [(80, 9), (3, 40), (1, 1)])])

        h, balance = model(batch)
        each = F.cross_entropy(model.lm_head(h[batch["rows"]]), batch["targets"], reduction="none")
        loss = (each * batch["weights"]).sum() / batch["weights"].sum() + 0.003 * balance
        loss.backward()
        wanted = {n: p.grad.clone() for n, p in model.named_parameters()}
        model.zero_grad()
        more = fast.padded(batch)
        h, balance = fast.forward(model, more)
        got, _ = fast.ReplyLoss.apply(h[more["rows"]], model.lm_head.weight, more["targets"], more["weights"])
        got = got + 0.003 * balance
        got.backward()
        # bf16 has eight bits; f32 agrees to the last ones.
        rough = fast.LOW is torch.bfloat16
        self.assertLess(abs(float(got.detach() - loss.detach())), 0.02 if rough else 1e-4)
        for name, p in model.named_parameters():
            angle = F.cosine_similarity(p.grad.flatten(), wanted[name].flatten(), 0)
            self.assertGreater(float(angle), 0.95 if rough else 0.9999, name)


if __name__ == "__main__":
    unittest.main()
