"""How each language joins words, and the sentences of traces and of precedence.

Owns grammar; knows no topic, no policy and no case.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Language:
    # Joining
    gap: str  # between sentences
    comma: str
    semicolon: str
    colon: str
    stop: str
    listed: str  # between the first names of a list
    either: str  # before its last
    ends: tuple  # between the first noun phrases of a clause, and before its last
    about: tuple  # noun phrases {np} and their topic {x}
    before_condition: tuple
    of: str  # acts and topics, in the trace's words
    inside: str  # a topic and its group
    quoted: str  # a cue and what it shows
    cue: int  # words (Chinese: characters) of a cue
    it: tuple  # goods, named a second time
    # Traces
    count: str
    shows: str
    violates: str
    safe: str
    applies: str
    no: str
    other_act: str
    other_topic: str
    unless: str
    only: str
    given: str
    absent: str
    state: str
    first: dict  # which side comes first
    over: str
    both: str
    highest: str
    decides: str
    none: str
    part: str
    together: str
    together_safe: str

    def names(self, names, either=None):
        """A list in words: a, b or c."""
        return self.listed.join(names[:-1]) + ((either or self.either) if names[:-1] else "") + names[-1]


SPEECH = {
    "en": Language(
        gap=" ", comma=", ", semicolon="; ", colon=": ", stop=".", listed=", ", either=" or ", ends=(", ", (" and ", " or ", ", ")),
        about=("{np} about {x}", "{np} of {x}", "{np} on {x}"), before_condition=(", ", " "), of="{acts} of {topics}", inside="{name} ({group})",
        quoted="“{cue}” {name}", cue=2, it=("these", "them"),
        count="The policy has {n} clauses.", shows="Shows {facts}.", violates="violates", safe="safe", applies="applies, {level}", no="no",
        other_act=", another act", other_topic=", another topic", unless=", unless {name}", only=", only if {name}", given="given", absent="absent", state="{head}: {state}, so {says}.",
        first={"violates": "Precedence: violations first.", "safe": "Precedence: safe first."}, over="Precedence: {a} over {b}: {says}.", both="both apply",
        highest="Highest level: {level}.", decides="{id} decides: {level}.", none="No clause applies: safe.", part="{title}.", together="Together: {id}, {level}.", together_safe="Together: safe."),
    "zh": Language(
        gap="", comma="，", semicolon="；", colon="：", stop="。", listed="、", either="或", ends=("、", ("和", "、", "与")),
        about=("关于{x}的{np}", "涉及{x}的{np}"), before_condition=("",), of="{topics}的{acts}", inside="{name}（{group}）",
        quoted="“{cue}”{name}", cue=4, it=("这个", "它"),
        count="政策共{n}条。", shows="内容：{facts}。", violates="违规", safe="合规", applies="符合，{level}", no="否",
        other_act="，行为不同", other_topic="，主题不同", unless="，除非{name}", only="，仅当{name}", given="有", absent="无", state="{head}：{state}，{says}。",
        first={"violates": "优先级：违规优先。", "safe": "优先级：例外优先。"}, over="优先级：{a} 优先于{b}：{says}。", both="均符合",
        highest="最高级别：{level}。", decides="由{id}决定：{level}。", none="没有条款符合：合规。", part="{title}。", together="合并：{id}，{level}。", together_safe="合并：合规。"),
    "es": Language(
        gap=" ", comma=", ", semicolon="; ", colon=": ", stop=".", listed=", ", either=" o ", ends=(", ", (" y ", " o ")),
        about=("{np} sobre {x}", "{np} acerca de {x}", "{np} en torno a {x}"), before_condition=(", ", " "), of="{acts} de {topics}", inside="{name} ({group})",
        quoted="«{cue}» {name}", cue=2, it=("esto", "todo esto"),
        count="La política tiene {n} reglas.", shows="Muestra {facts}.", violates="infracción", safe="permitido", applies="se cumple, {level}", no="no",
        other_act=", otro acto", other_topic=", otro tema", unless=", salvo {name}", only=", solo con {name}", given="hay", absent="no hay", state="{head}: {state}, así que {says}.",
        first={"violates": "Precedencia: primero las infracciones.", "safe": "Precedencia: primero lo permitido."}, over="Precedencia: {a} sobre {b}: {says}.", both="se cumplen ambas",
        highest="Nivel más alto: {level}.", decides="Decide {id}: {level}.", none="Ninguna regla se cumple: permitido.", part="{title}.", together="En conjunto: {id}, {level}.", together_safe="En conjunto: permitido."),
    "ar": Language(
        gap=" ", comma="، ", semicolon="؛ ", colon=": ", stop=".", listed="، ", either=" أو ", ends=("، ", (" و", " أو ")),
        about=("{np} عن {x}", "{np} حول {x}", "{np} بشأن {x}"), before_condition=("، ", " "), of="{acts} بشأن {topics}", inside="{name} ({group})",
        quoted="«{cue}» {name}", cue=2, it=("هذه البضاعة", "هذه الأشياء"),
        count="عدد القواعد: {n}.", shows="يظهر: {facts}.", violates="مخالف", safe="مسموح", applies="تنطبق، {level}", no="لا",
        other_act="، فعل آخر", other_topic="، موضوع آخر", unless="، إلا مع {name}", only="، فقط مع {name}", given="يوجد", absent="لا يوجد", state="{head}: {state}، إذن {says}.",
        first={"violates": "الأولوية: المخالف أولًا.", "safe": "الأولوية: المسموح أولًا."}, over="الأولوية: {a} قبل {b}: {says}.", both="تنطبقان معًا",
        highest="أعلى درجة: {level}.", decides="القاعدة الحاسمة {id}: {level}.", none="لا قاعدة تنطبق: مسموح.", part="{title}.", together="معًا: {id}، {level}.", together_safe="معًا: مسموح."),
}

# How a policy says which side wins.
PRECEDENCE = {
    "en": {"violates": ["Violations take precedence.", "If a violating and a safe rule both apply, the violating one wins.", "Violating rules win over safe ones.", "When both sides apply, treat it as a violation.", "Violating rules come first."],
           "safe": ["Safe rules take precedence.", "If a violating and a safe rule both apply, the safe one wins.", "Exceptions win over violations.", "Safe rules are exceptions and win over violations.", "Safe exceptions win over violations.", "When both sides apply, treat it as safe.", "Safe exceptions win."],
           "over": ["{a} over {b}.", "{a} wins over {b}.", "But {a} beats {b}.", "{a} takes precedence over {b}."]},
    "zh": {"violates": ["违规条款优先。", "违规与允许的条款同时符合时，以违规为准。", "违规优先于例外。", "两者冲突时按违规处理。"],
           "safe": ["例外优先。", "违规与允许的条款同时符合时，以允许为准。", "允许条款优先于违规条款。", "两者冲突时按允许处理。"],
           "over": ["{a}优先于{b}。", "{a}高于{b}。", "但{a}优先于{b}。"]},
    "es": {"violates": ["Las infracciones tienen precedencia.", "Si se cumplen una regla que prohíbe y otra que permite, gana la que prohíbe.", "Lo prohibido prevalece sobre lo permitido.", "En caso de choque, cuenta como infracción."],
           "safe": ["Las excepciones tienen precedencia.", "Si se cumplen una regla que prohíbe y otra que permite, gana la que permite.", "Lo permitido prevalece sobre lo prohibido.", "En caso de choque, cuenta como permitido.", "Las reglas que permiten son excepciones y ganan."],
           "over": ["{a} prevalece sobre {b}.", "{a} gana a {b}.", "Pero {a} tiene precedencia sobre {b}.", "{a} sobre {b}."]},
    "ar": {"violates": ["الأولوية للمخالفات.", "إذا انطبقت قاعدة تمنع وأخرى تسمح، فالغلبة للتي تمنع.", "الممنوع مقدم على المسموح.", "عند التعارض يُعد المحتوى مخالفًا."],
           "safe": ["الأولوية للاستثناءات.", "إذا انطبقت قاعدة تمنع وأخرى تسمح، فالغلبة للتي تسمح.", "المسموح مقدم على الممنوع.", "عند التعارض يُعد المحتوى مسموحًا.", "القواعد التي تسمح استثناءات وتغلب غيرها."],
           "over": ["{a} مقدمة على {b}.", "{a} تغلب {b}.", "لكن {a} لها الأولوية على {b}.", "{a} قبل {b}."]},
}
