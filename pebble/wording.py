"""Turns the templates of world.py into words, in one language and one register.

Owns choosing; knows no policy and no case.
"""

import re
from functools import lru_cache

import world as W
from speech import SPEECH


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
    marks = " .,!?:;。，！？：；“”\"'«»¿¡،؛؟"
    cue, n = m.group(1).strip(marks), SPEECH[lang].cue
    return cue[:n] if lang == "zh" else " ".join(cue.split()[:n]).strip(marks)


def plain(marked):
    return marked.replace("<", "").replace(">", "")


@lru_cache
def slot_words(lang):
    return {k: v.split("|") for k, v in W.SLOTS[lang].items()}


def forms(x):
    """An Arabic phrase without and with its articles, and the latter behind لـ and بـ."""
    the = x.replace("~", "ال")
    behind = the[3:] if the.startswith("الل") else the[2:]
    return {"x": x.replace("~", ""), "the": the, "lex": "لل" + behind if the.startswith("ال") else "ل" + the, "bex": "ب" + the}


def bare(x):
    """A topic's word as it stands alone."""
    return x.replace("~", "")


class Voice:
    """Chooses wordings in one language, from the training or the held-out lists."""

    def __init__(self, rng, lang, held, world=W.CORE):
        self.rng, self.lang, self.held, self.world = rng, lang, held, world

    def slots(self, **more):
        return {k: self.rng.choice(v) for k, v in slot_words(self.lang).items()} | more

    def say(self, template, **more):
        if self.lang == "ar" and "x" in more:
            more |= forms(more["x"])
        said = expand(template, self.rng, self.slots(**more))
        return re.sub(r"\b([Dd]e|[Aa]) el\b", lambda m: m.group(1)[:1] + ("el" if len(m.group(1)) > 1 else "l"), said) if self.lang == "es" else said

    def pick(self, entry, key="post", more=None):
        """One template of `entry`: a held-out one where this voice has them, else one of its list
        and, in training only, of `more`."""
        held = entry.get("held", {}).get(self.lang)
        if self.held and held:
            return self.rng.choice(held)
        return self.rng.choice(entry[key][self.lang] + ([] if self.held else (more or {}).get(self.lang, [])))
