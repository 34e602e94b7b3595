"""The tokenizer, and the one way a prompt becomes ids.

Byte-level BPE over the generator's own output; the harmony tokens stand at the
end of the vocabulary. Text between two control tokens is encoded by itself, so
neither a policy nor a case can become a control token or leak into a neighbour.
"""

import re
from itertools import islice

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from generate import SYSTEM, training_packs
from speech import SPEECH

SPECIAL = ["<|startoftext|>", "<|endoftext|>", "<|return|>", "<|constrain|>", "<|channel|>", "<|start|>", "<|end|>", "<|message|>", "<|call|>"]
# Words with their space, digits one by one, single marks; 的 and 或 stand alone so
# that a Chinese clause and the trace that copies it fall into the same tokens.
# The regular phrases of a trace are one token each: a third fewer tokens to decode.
GLUE = ["You are ChatGPT, a large language model trained by OpenAI\\.", "Knowledge cutoff: 2024-06", "# Valid channels: analysis, commentary, final\\.", "Channel must be included for every message\\.",
        ", (?:direct use|price or contact|personal story)", "，(?:直接使用|价格或联系方式|个人经历)", "（[^（）\\s]{2,5}）", "内容：", " \\([a-z]+\\)",
        ": no\\.", ": applies, (?:violates|safe)\\.", ": applies,", ", unless", ", only if", ": given, so", ": absent, so", ", so", " applies, (?:violates|safe)\\.", " decides: (?:violates|safe)\\.", " decides:",
        "\nNo clause applies: safe\\.", "\nPrecedence: (?:violations|safe) first\\.", "\nPrecedence:", " (?:price or contact|personal story|direct use|bulk promotion|private data|fee scams|fake engagement|pyramid schemes|unwanted contact|fake documents|wildlife products)",
        "：否。", "：符合，[违合]规。", "：符合，", "，除非", "，仅当", "：[有无]，(?:否。|符合，[违合]规。)", "决定：[违合]规。", "决定：", "\n优先级：(?:违规|例外)优先。", "\n优先级：", "\n没有条款符合：合规。", "价格或联系方式"]


def glue(lang):
    """The same for a language of the wide world, made from its sentences."""
    say, opening = SPEECH[lang], lambda sentence: sentence.split("{")[0]
    said = [say.colon + say.no + say.stop, *(say.colon + say.applies.format(level=level) + say.stop for level in (say.violates, say.safe)), say.colon + opening(say.applies), say.colon + say.both + say.stop,
            opening(say.unless), opening(say.only), *(say.state.format(head="", state=state, says="{").split("{")[0] for state in (say.given, say.absent)),
            "\n" + say.none, *("\n" + first for first in say.first.values()), "\n" + opening(say.over), opening(say.shows), opening(say.decides)]
    return [re.escape(s.rstrip()) for s in sorted(said, key=len, reverse=True)]


# A clause id and a label in capitals fall into the same tokens wherever they stand: the space
# before them is apart.
ID = r" (?=[A-Z]{1,2}-?\d|\d+\.\d|\d+[a-z]\b|§|[A-Z]{2,}\b)"
REST = r"|[的或由]| ?[^\s\p{N}\p{P}\p{S}的或由]+| ?\p{N}| ?[\p{P}\p{S}]|\s+"


def pieces(world="core"):
    """What a text is cut into before its bytes are merged."""
    more = glue("es") + glue("ar") if world == "wide" else []
    split = "|".join(GLUE + more + [ID]) + REST
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(split), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def train_tokenizer(vocab_size, packs=3500, seed=7, world="core"):
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pieces(world)
    tok.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=vocab_size - len(SPECIAL), initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), min_frequency=3, show_progress=False)

    def texts():
        for p in islice(training_packs(seed, world=world), packs):
            yield p["policy"]
            for text, reason, final in p["cases"]:
                yield text
                yield reason
                yield final
        yield from [SYSTEM.format(effort=e) for e in ("low", "medium", "high")] * 400
        yield from ["system", "user", "assistant", "developer", "analysis", "final", "# Instructions\n\n"] * 400

    tok.train_from_iterator(texts(), trainer)
    tok.add_special_tokens(SPECIAL)
    # Room the merges did not use becomes named, never produced tokens, so that sizes stay round.
    spare = vocab_size - tok.get_vocab_size()
    tok.add_special_tokens([f"<|reserved_{i}|>" for i in range(spare)])
    return tok


class Harmony:
    """Ids of prompts and replies."""

    def __init__(self, tok):
        self.tok = tok
        tok.encode_special_tokens = True  # a literal "<|end|>" in a text stays text
        self.id = {s: tok.token_to_id(s) for s in SPECIAL}
        word = {w: self.text(w) for w in ("system", "user", "assistant", "developer", "analysis", "final")}
        i = self.id
        self.open = {w: [i["<|start|>"], *word[w], i["<|message|>"]] for w in ("system", "developer", "user")}
        self.ask = [i["<|end|>"], i["<|start|>"], *word["assistant"]]
        self.analysis = [i["<|channel|>"], *word["analysis"], i["<|message|>"]]
        self.final = [i["<|end|>"], i["<|start|>"], *word["assistant"], i["<|channel|>"], *word["final"], i["<|message|>"]]
        self.stop = i["<|return|>"]

    def text(self, s):
        return self.tok.encode(s, add_special_tokens=False).ids

    def prefix(self, policy, effort):
        end = [self.id["<|end|>"]]
        return self.open["system"] + self.text(SYSTEM.format(effort=effort)) + end + self.open["developer"] + self.text("# Instructions\n\n" + policy) + end

    def case(self, content):
        return self.open["user"] + self.text(content) + self.ask

    def reply(self, trace, final):
        return self.analysis + self.text(trace) + self.final + self.text(final) + [self.stop]

    def parse(self, ids):
        """(trace, final) of a reply, or None where its form is broken."""
        try:
            cut = next(k for k in range(len(ids)) if ids[k:k + len(self.final)] == self.final)
        except StopIteration:
            return None
        if ids[: len(self.analysis)] != self.analysis or ids[-1] != self.stop:
            return None
        return self.tok.decode(ids[len(self.analysis): cut], skip_special_tokens=False), self.tok.decode(ids[cut + len(self.final): -1], skip_special_tokens=False)
