"""Cases: the facts come first, the text is written from them.

A case is made near a policy, so that its clauses are met or narrowly missed, and
rendered with a note of the words that show each fact.
"""

from dataclasses import dataclass, field

import arabic
import paraphrases
import spanish
import world as W
from policy import about_goods, first_topic, members
from speech import SPEECH
from wording import Voice, cue_of, forms, plain


@dataclass
class Case:
    lang: str
    statements: list  # [(topic, (acts…))]
    flags: tuple = ()
    kind: str = "user_input"
    text: str = ""
    cues: dict = field(default_factory=dict)  # statement, (statement, act) or flag -> quoted words
    world: object = W.CORE


ASK = {
    "en": ["[Tell me|Write|Give me] [something|a few lines|a post|a short text] about {x}[, please|].", "[Write|Draft] [me |][a text|a message|a scene|some lines] [about|on] {x}.", "[Go on|And then|More, please|Continue].", "[Write|Draft|Send] a [short |][message|reply|post] [to|for|about] {name}.", "[I need|Can you write] [something|a text|a line] [short|for my page|for a friend|about {x}][, please|]."],
    "zh": ["[写|讲][一段|几句|一条]关于{x}的[内容|文字]。", "[继续|然后呢|再来一条]。", "[给{name}写|帮我写][一条|一段][消息|文案|回复]。"],
}
NEUTRAL = {"en": ["[I see|Okay|Understood|Noted|Thank you for telling me]. [Is there anything else?|Take care.|Have a nice day.|What would you like to do next?|]"], "zh": ["[好的|明白了|收到]。[还有别的吗？|祝你愉快。|]"]}
PREFACE = {"en": ["[Sure|Certainly|Of course|Okay][!|,|.] [here you go|here it is|here is a text]: ", "", "", "As [asked|requested]: "], "zh": ["[好的|当然|没问题]，[内容如下|给你]：", "", ""]}
VENUE = {"en": ["[Entry|Admission|A ticket] <{price}>.", "[Tours|Visits|Questions|Booking]: <call {num}>.", "[More information|Helpline|Office]: <{num}>.", "<Write to us at {num}>."], "zh": ["[门票|入场]<{price}>。", "[咨询|热线|预约]<电话{num}>。"]}
OFFER = {"en": ["<{price} [each|apiece|], [DM|PM|message me|call {num}]>.", "<[Asking|Yours for|Price] {price}>, <[DM|text|call] [me|{num}]>.", "<{price} or best offer>, [DM me|pick-up in {place}].", "<Make [me |]an offer>, [DM|{num}]."], "zh": ["<{price}一[件|个|条]，[加微信{num}|私信]>。", "<{price}带走>，[私信|电话{num}]。"]}


for _lang, _t in (("es", spanish), ("ar", arabic)):
    ASK[_lang], NEUTRAL[_lang], PREFACE[_lang], VENUE[_lang], OFFER[_lang] = _t.ASK, [_t.NEUTRAL], _t.PREFACE, _t.VENUE, _t.OFFER


def wording(topic, v):
    """A topic's words and the cue to quote; messages are whole sentences."""
    data = W.TOPICS[topic][v.lang][2]
    if W.TOPICS[topic]["kind"] == "message":
        marked = v.say(v.rng.choice(data))
        return plain(marked), cue_of(marked, v.lang)
    x = v.rng.choice(data.split("|"))
    return x, cue_of(f"<{x}>", v.lang)


def seen(x, said):
    """The words to quote of an Arabic topic, with the article or without, as the text has it."""
    f = forms(x)
    return next((c for c in (cue_of(f"<{f[k]}>", "ar") for k in ("x", "the")) if c in said), f["x"].split()[0])


def act_text(topic, act, x, v):
    entry = W.ACTS[act]
    if W.TOPICS[topic]["kind"] == "message":
        key = "held" if v.held and v.lang in entry.get("held", {}) and "{m}" in entry["held"][v.lang][0] else "message"
        m = x[0].upper() + x[1:]
        if v.held and v.world is not W.CORE and v.lang in entry.get("held_message", {}):
            key = "held_message"
        more = [] if v.held else paraphrases.ACTS.get(act, {}).get("message", {}).get(v.lang, [])
        template = v.rng.choice(entry[key][v.lang] + more)
        return v.say(template, m=m if v.world is W.CORE else inside(template, m, v.lang))
    if W.TOPICS[topic]["kind"] == "game" and "game" in entry and v.rng.random() < 0.65 and not v.held:
        return v.say(v.rng.choice(entry["game"][v.lang]), x=x)
    return v.say(v.pick(entry, more=paraphrases.ACTS.get(act, {}).get("post")), x=x)


def inside(template, m, lang):
    """A message as it stands in a frame: within a sentence, it begins without a capital."""
    begins = template.startswith("{m}") or any(q + "{m}" in template for q in "\"«“")
    keeps = lang not in ("en", "es") or m.split()[0].split("'")[0] in ["I", *W.SLOTS[lang]["name"].split("|")]
    return m if begins or keeps else m[0].lower() + m[1:]


def sentence(text, lang):
    text = text.strip()
    i = 1 if text[0] in "<\"" else 0
    if lang == "en" and not text[i:].startswith(("http", "bit", "t.e", "www")):
        text = text[:i] + text[i:i + 1].upper() + text[i + 1:]
    if lang == "es":
        i = next((k for k, c in enumerate(text[:4]) if c.isalpha()), 0)
        text = text[:i] + text[i:i + 1].upper() + text[i + 1:]
    bare = plain(text)
    return text if bare[-1] in ".!?。！？\"”)؟" else text + SPEECH[lang].stop


def render_case(case, rng, held=False):
    """Writes the text of a case and notes the words that show each fact."""
    lang = case.lang
    v, gap = Voice(rng, lang, held, case.world), SPEECH[lang].gap
    parts, cues = [], {}
    refused = any("refusal" in acts for _, acts in case.statements)
    offered = False
    for s, (topic, acts) in enumerate(case.statements):
        x, cue = wording(topic, v)
        cues[s] = cue
        for i, act in enumerate(acts):
            if act == "sale" and "contact" in case.flags and len(acts) > 1 and i > 0 and rng.random() < 0.6 and W.TOPICS[topic]["kind"] == "goods":
                marked = v.say(rng.choice(OFFER[lang]))
                cues[s, act] = cues["contact"] = cue_of(marked, lang)
                parts.append(plain(sentence(marked, lang)))
                offered = True
                continue
            word = x if i == 0 or rng.random() < 0.4 else None
            if word is None:
                word = rng.choice(SPEECH[lang].it) if W.TOPICS[topic]["kind"] == "goods" else x
            marked = act_text(topic, act, word, v)
            cues[s, act] = cue_of(marked, lang)
            parts.append(plain(sentence(marked, lang)))
            if i == 0 and lang == "ar" and W.TOPICS[topic]["kind"] != "message":
                cues[s] = seen(x, parts[-1])
    commercial = any(a in ("sale", "buying", "promotion") for _, acts in case.statements for a in acts)
    for flag in case.flags:
        if flag == "contact" and offered:
            continue
        goods = W.TOPICS[case.statements[0][0]]["kind"] != "message"
        template = rng.choice(VENUE[lang]) if flag == "contact" and goods and not commercial else v.pick(W.FLAGS[flag], more=paraphrases.FLAGS.get(flag))
        marked = v.say(template)
        cues[flag] = cue_of(marked, lang)
        parts.insert(rng.choice([len(parts), len(parts), 0]) if flag != "contact" else len(parts), plain(sentence(marked, lang)))
    fill = W.FILLER["held"][lang] if held else W.FILLER[lang] + paraphrases.FILLER.get(lang, [])
    if rng.random() < 0.2:
        parts.insert(0, v.say(rng.choice(fill)))
    if rng.random() < 0.18:
        parts.append(v.say(rng.choice(fill)))
    body = gap.join(parts)
    if rng.random() < 0.06 and lang == "en":
        body = body.lower() if rng.random() < 0.8 else body.upper()
        f = str.lower if body == body.lower() else str.upper
        cues = {k: c and f(c) for k, c in cues.items()}
    case.cues = cues
    if case.kind == "conversation":
        topic = case.statements[0][0]
        what = W.TOPICS[topic][lang][1] or W.TOPICS[topic][lang][2]
        x = rng.choice(what.split("|") if isinstance(what, str) else what)
        x = plain(v.say(x)) if W.TOPICS[topic]["kind"] == "message" else x
        if refused and W.TOPICS[topic]["kind"] != "message" and rng.random() < 0.7:
            ask = plain(sentence(act_text(topic, rng.choice(["buying", "evasion", "instructions", "question"]), wording(topic, v)[0], v), lang))
        else:
            plainly = case.world is not W.CORE and W.TOPICS[topic]["group"] == "other" and W.TOPICS[topic]["kind"] == "message"
            ask = v.say(rng.choice([t for t in ASK[lang] if "{x}" not in t] if plainly else ASK[lang]), x=x)
        if refused or rng.random() < 0.6:
            turns = [ask, body]
        else:
            turns = [body, v.say(rng.choice(NEUTRAL[lang]))]
        talk = lambda: [v.say(rng.choice(fill)), v.say(rng.choice(NEUTRAL[lang]))]
        if rng.random() < (0.08 if case.world is W.CORE else 0.3):
            turns = talk() + turns
        if case.world is not W.CORE and rng.random() < 0.2:
            turns = turns + talk()
        case.text = "\n\n".join(("User: " if i % 2 == 0 else "Assistant: ") + t.strip() for i, t in enumerate(turns))
    else:
        case.text = (v.say(rng.choice(PREFACE[lang])) + body) if case.kind == "model_output" else body
    return case


def make_case(p, rng, focus=()):
    """A case near the policy: a clause met, narrowly missed, two at once, or neither.
    With `focus`, near those clauses."""
    topics = [t for c in p.clauses for t in c.topics]
    topics = [rng.choice(members(t)) for t in topics]
    goods = about_goods(p)
    all_acts = p.world.acts(first_topic(p))
    r, main = rng.random(), rng.choice(focus or p.clauses)

    def topic_for(c):
        return rng.choice(members(rng.choice(c.topics or topics)))

    topic = topic_for(main)
    if r < 0.5:
        acts = (rng.choice(main.acts),)
    elif r < 0.68:
        acts = (rng.choice(all_acts),)
    elif r < 0.88 and goods:
        other = rng.choice(p.clauses)
        acts = tuple(dict.fromkeys((rng.choice(main.acts), rng.choice(other.acts))))
    else:
        acts = (rng.choice(rng.choice(p.clauses).acts),)
        same = [k for k in p.world.topics if (W.TOPICS[k]["kind"] == "message") == (not goods)]
        topic = rng.choice(same) if rng.random() < 0.6 else ("othergoods" if goods else "othermessage")
    if "refusal" in acts:
        acts = ("refusal",)
    statements = [(topic, acts)]
    if not goods and rng.random() < 0.16 and acts != ("refusal",):
        second = rng.choice(topics)
        act2 = "direct" if acts != ("direct",) else rng.choice(rng.choice(p.clauses).acts)
        if act2 != "refusal" and (second, (act2,)) not in statements:
            statements.append((second, (act2,)))
    if goods and rng.random() < 0.06 and acts != ("refusal",):
        second = rng.choice([t for t in topics + ["othergoods", "alcohol", "counterfeits"]])
        act2 = rng.choice([a for a in rng.choice(p.clauses).acts])
        if second != topic and act2 != "refusal":
            statements.append((second, (act2,)))
    flags = []
    named = [c.condition[1] for c in p.clauses if c.condition]
    for f in p.world.about(p.world.flags, about_goods(p)):
        if rng.random() < (0.45 if main.condition and main.condition[1] == f else 0.25 if f in named else 0.05):
            flags.append(f)
    rng.shuffle(flags)
    if p.world is not W.CORE and statements[0][0] in ("othergoods", "othermessage") and rng.random() < 0.4:
        statements[0] = ("lookalikes" if goods else "lookalikemessages", acts)
    lang = p.lang if rng.random() < 0.93 else other_language(p, rng)
    kind = "conversation" if acts == ("refusal",) and rng.random() < 0.7 else rng.choices(["user_input", "model_output", "conversation"], [70, 13, 17])[0]
    if any("joke" in acts for _, acts in statements):
        flags = [f for f in flags if f != "earnest"]
    return Case(lang, statements, tuple(flags[:2]), kind, world=p.world)


def other_language(p, rng):
    """A text is not always in its policy's language."""
    others = [lang for lang in p.world.langs if lang != p.lang]
    return others[0] if len(others) == 1 else rng.choice(others)


def clashing(p, rng, pairs=()):
    """A case in which a violating and a safe clause both apply, one of the `pairs` of ids where
    given; None where these two can't meet."""
    if p.parts:
        return clashing(rng.choice(p.parts), rng)
    ids = {c.id: c for c in p.clauses}
    named = [tuple(ids[i] for i in pair) for pair in pairs if set(pair) <= set(ids)]
    a, b = rng.choice(named) if named else (rng.choice([c for c in p.clauses if c.violates]), rng.choice([c for c in p.clauses if not c.violates]))
    if "refusal" in a.acts + b.acts:
        return None
    wanted, flags = [c.condition for c in (a, b) if c.condition], set()
    if {f for kind, f in wanted if kind == "only"} & {f for kind, f in wanted if kind == "unless"}:
        return None
    flags = {f for kind, f in wanted if kind == "only"}
    topics = [members(rng.choice(c.topics)) if c.topics else None for c in (a, b)]
    shared = [t for t in topics[0] or topics[1] or [] if topics[1] is None or topics[0] is None or t in topics[1]]
    one, two = rng.choice(a.acts), rng.choice(b.acts)
    if about_goods(p) and shared:
        statements = [(rng.choice(shared), tuple(dict.fromkeys((one, two) if rng.random() < 0.5 else (two, one))))]
    else:
        everything = [m for c in p.clauses for t in c.topics for m in members(t)]
        statements = list(dict.fromkeys((rng.choice(t or everything), (act,)) for t, act in zip(topics, (one, two))))
        rng.shuffle(statements)
    free = [f for f in p.world.about(p.world.flags, about_goods(p)) if f not in flags and ("unless", f) not in wanted and rng.random() < 0.08]
    lang = p.lang if rng.random() < 0.95 else other_language(p, rng)
    kind = rng.choices(["user_input", "model_output", "conversation"], [74, 13, 13])[0]
    return Case(lang, statements, tuple((sorted(flags) + free)[:2]), kind, world=p.world)


def near(p, rng, focus=()):
    """A case near one of the policies of a prompt; where it holds two, sometimes near both."""
    if not p.parts:
        return make_case(p, rng, focus)
    k = next((k for k, q in enumerate(p.parts) if focus and focus[0] in q.clauses), rng.randrange(2))
    case = make_case(p.parts[k], rng, [c for c in focus if c in p.parts[k].clauses])
    if rng.random() < 0.3:
        more = make_case(p.parts[1 - k], rng).statements[0]
        if "refusal" not in more[1] and not any("refusal" in acts for _, acts in case.statements) and more not in case.statements:
            case.statements.append(more)
    return case
