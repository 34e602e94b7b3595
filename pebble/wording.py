"""Turns the templates of world.py into words, in one language and one register.

Owns choosing; knows no policy and no case.
"""

import re

import world as W


def expand(template, rng, slots):
    """Chooses among [a|b] (nested) and fills {slots}; <cue> marks stay."""
    while True:
        m = re.search(r"\[([^\[\]]*)\]", template)
        if not m:
            break
        template = template[: m.start()] + rng.choice(m.group(1).split("|")) + template[m.end():]
    return re.sub(r"\{(\w+)\}", lambda m: slots[m.group(1)] if m.group(1) in slots else m.group(0), template)


def cue_of(marked, lang):
    """The first marked span, shortened to what a reviewer would quote."""
    m = re.search(r"<([^<>]*)>", marked)
    if not m:
        return None
    cue = m.group(1).strip(" .,!?:;。，！？：；“”\"'")
    return cue[:4] if lang == "zh" else " ".join(cue.split()[:2]).strip(" .,!?:;\"")


def plain(marked):
    return marked.replace("<", "").replace(">", "")


class Voice:
    """Chooses wordings in one language, from the training or the held-out lists."""

    def __init__(self, rng, lang, held):
        self.rng, self.lang, self.held = rng, lang, held

    def slots(self, **more):
        return {k: self.rng.choice(v.split("|")) for k, v in W.SLOTS[self.lang].items()} | more

    def say(self, template, **more):
        return expand(template, self.rng, self.slots(**more))

    def pick(self, entry, key="post", more=None):
        """One template of `entry`: a held-out one where this voice has them, else one of its list
        and, in training only, of `more`."""
        held = entry.get("held", {}).get(self.lang)
        if self.held and held:
            return self.rng.choice(held)
        return self.rng.choice(entry[key][self.lang] + ([] if self.held else (more or {}).get(self.lang, [])))
