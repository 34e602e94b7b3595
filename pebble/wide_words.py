"""What the wide world adds in all four languages: negation as an act, more flags, labels,
scales of severity, made-up words, and held-out frames around messages.

Owns vocabulary and nothing else; notation as in world.py.
"""

import arabic
import spanish

LANGS = ("en", "zh", "es", "ar")

# Somebody says that something is not done: words of a sale, and no sale.
DENIAL = {
    "en": "denial", "zh": "否认", "es": "negación", "ar": "النفي", "goods": True,
    "clause": {"en": ["Statements that reject any trade in {x}", "Denials [that concern|about] {x}", "Saying no to {x}", "Posts that reject {x}"],
               "zh": ["声明不[卖|提供]{x}", "否认[涉及|参与]{x}", "表示不要{x}的内容"],
               "es": ["Negar cualquier trato con {x}", "Mensajes que rechazan {x}", "Decir que no a {x}"],
               "ar": ["نفي أي صلة {bex}", "رسائل ترفض {x}", "نفي عرض {x}"]},
    "np": {"en": ["denials", "statements of refusal to trade"], "zh": ["否认", "否认声明"], "es": ["negaciones", "desmentidos"], "ar": ["النفي", "بيانات النفي"]},
    "post": {"en": ["<[We do not|I don't|We never] [sell|offer|advertise|promote]> {x}[, please stop asking|, and never did|]", "<Nobody here [sells|offers|makes]> {x}", "<[No, I never|I have never] [sold|offered|praised|used]> {x}[, that was someone else|]", "{x}? <[Not from us|Not here|We don't do that|No, thank you]>", "<It is not true that I [sell|offer|make]> {x}", "{x}: <not [in our shop|on this page|from me|for sale here]>"],
             "zh": ["<[我们不|我从不|本店不][卖|提供|推广]>{x}[，别再问了|]", "<[我没有|我从没][卖过|推荐过|用过]>{x}", "{x}？<[这里没有|不是我们|不做这个]>", "<说我[卖|做]>{x}<不是真的>"],
             "es": ["<[No|Nunca|Jamás] [vendemos|ofrecemos|anunciamos|recomendamos]> {x}[, no preguntéis más|]", "<[No he vendido nunca|Jamás he probado|Nunca he ofrecido]> {x}", "¿{x}? <[Aquí no|Con nosotros no|No, gracias]>", "<No es verdad que yo [venda|ofrezca]> {x}"],
             "ar": ["<[نحن لا|أنا لا] [نبيع|نعرض|نروّج] شيئًا> من {the}", "<لم [أبع|أعرض|أمدح] قط> {the}[، لا تسألوني|]", "{the}؟ <[ليس عندنا|ليس هنا|لا، شكرًا]>", "<ليس صحيحًا أنني [أبيع|أعرض]> {the}"]},
    "message": {"en": ["<[I never said|I did not write|Nobody wrote|I would never say]>: \"{m}\"[, that is not me|. Someone used my account|]", "\"{m}\"? <[I never said that|Not my words|That is not true of me]>"],
                "zh": ["<[我从没说过|我没写过|没人说过]>：“{m}”[，不是我|]", "“{m}”？<[不是我说的|我没说过]>"],
                "es": ["<[Nunca dije|Yo no escribí|Jamás diría]>: «{m}»[, no fui yo|]", "«{m}»: <[yo no dije eso|no son mis palabras]>"],
                "ar": ["<[لم أقل قط|لم أكتب|لن أقول أبدًا]>: «{m}»[، لست أنا|]", "«{m}»: <[هذا ليس كلامي|لم أقل ذلك]>"]},
    "held": {"en": ["<[You won't get|I refuse to trade]> {x} [from me|with anyone]"], "zh": ["<[不存在|绝不做]>{x}"], "es": ["<Ni vendo ni regalo> {x}"], "ar": ["<لا علاقة لي> {bex}"]},
    "held_message": {"en": ["<Whoever claims I said this is wrong>: \"{m}\""], "zh": ["<谁说我讲过这话就是错的>：“{m}”"], "es": ["<Quien diga que yo dije esto se equivoca>: «{m}»"], "ar": ["<من نسب إلي هذا فقد أخطأ>: «{m}»"]},
}

# Held-out frames around messages for acts that world.py frames in training only.
HELD_MESSAGE = {
    "instructions": {"en": ["<Lesson in writing this>: \"{m}\""], "zh": ["<写作步骤>：“{m}”"], "es": ["<Cómo redactar algo así>: «{m}»"], "ar": ["<طريقة صياغة ذلك>: «{m}»"]},
    "news": {"en": ["<The evening paper quotes>: \"{m}\""], "zh": ["<晚报刊登>：“{m}”"], "es": ["<El diario de la tarde recoge>: «{m}»"], "ar": ["<نقلت صحيفة المساء>: «{m}»"]},
    "warning": {"en": ["<A leaflet cautions against>: \"{m}\""], "zh": ["<宣传单劝大家当心>：“{m}”"], "es": ["<Un folleto previene contra>: «{m}»"], "ar": ["<منشور توعية ينبه إلى>: «{m}»"]},
    "fiction": {"en": ["<On stage the duke declares>: \"{m}\""], "zh": ["<舞台上公爵宣告>：“{m}”"], "es": ["<En el teatro, el duque declara>: «{m}»"], "ar": ["<على المسرح يعلن الأمير>: «{m}»"]},
    "story": {"en": ["<Back in school I was told>: \"{m}\", it stayed with me"], "zh": ["<上学时有人对我讲>：“{m}”，至今难忘"], "es": ["<De niña me soltaron>: «{m}», no lo olvido"], "ar": ["<في المدرسة قالوا لي>: «{m}»، ولم أنس"]},
    "question": {"en": ["<How should I read this?> \"{m}\""], "zh": ["<这话该怎么理解>？“{m}”"], "es": ["<¿Cómo debo leer esto?> «{m}»"], "ar": ["<كيف أفهم هذا؟> «{m}»"]},
    "joke": {"en": ["{m} <hihi, got you>"], "zh": ["{m}<嘿嘿，逗逗你>"], "es": ["{m}, <jijí, picaste>"], "ar": ["{m}، <هاها، خدعتك>"]},
    "debate": {"en": ["<From where I stand>, words like \"{m}\" deserve a vote"], "zh": ["<依我之见>，“{m}”这类话该表决"], "es": ["<A mi entender>, frases como «{m}» merecen un voto"], "ar": ["<بحسب فهمي> كلام مثل «{m}» يستحق التصويت"]},
    "refusal": {"en": ["<I'd rather not produce>: \"{m}\""], "zh": ["<恕我不写>：“{m}”"], "es": ["<Prefiero no redactar>: «{m}»"], "ar": ["<أفضّل ألا أصوغ>: «{m}»"]},
}

# Target, grade and size of what a text shows.
FLAGS = {
    "quantity": {
        "en": ("large amount", ["large amounts are named", "it is about large amounts", "the amount is commercial"]), "zh": ("大量", ["数量很大", "涉及大量", "达到批量"]),
        "es": ("gran cantidad", ["se habla de grandes cantidades", "la cantidad es comercial", "se trata de grandes cantidades"]), "ar": ("كمية كبيرة", ["ذُكرت كميات كبيرة", "كانت الكمية تجارية", "تعلق الأمر بكميات كبيرة"]),
        "post": {"en": ["<By the [crate|hundred|truckload]>.", "<[Whole|Full] pallets>[ at a time|].", "<[Hundreds|A container full] of it>[, not just one|]."], "zh": ["<[整箱|整车|成百上千]>[地来|]。", "<[几百件|一集装箱]>，不是一两个。"],
                 "es": ["<Por [cajas enteras|cientos|camiones]>.", "<Palés completos>[ cada vez|].", "<Un contenedor lleno>[, no solo una unidad|]."], "ar": ["<[بالصناديق|بالمئات|بحمولة شاحنة]>.", "<منصات كاملة>[ كل مرة|].", "<حاوية كاملة>[، لا قطعة واحدة|]."]},
        "held": {"en": ["<Enough to fill a warehouse>."], "zh": ["<够装满一仓库>。"], "es": ["<Hasta llenar un almacén>."], "ar": ["<ما يملأ مستودعًا>."]}},
    "official": {
        "en": ("public figure", ["a public figure is the target", "it is aimed at a politician or official", "public figures are addressed"]), "zh": ("公众人物", ["针对公众人物", "以官员或名人为对象", "对象是公众人物"]),
        "es": ("figura pública", ["se dirige a una figura pública", "apunta a políticos o cargos públicos", "el blanco es una figura pública"]), "ar": ("شخصية عامة", ["كان موجهًا إلى شخصية عامة", "استهدف سياسيًا أو مسؤولًا", "خاطب شخصيات عامة"]),
        "post": {"en": ["<[Mayor|Minister|Governor|Senator], this is for you>.", "<This goes to [our mayor|the minister|the senator]>.", "<I mean [the mayor|the minister] himself>[, yes|]."], "zh": ["<[市长|部长|议员]，这是给你的>。", "<我说的就是[市长|部长|那位明星]>。"],
                 "es": ["<[Alcalde|Ministra|Senador], esto va por usted>.", "<Va para [el señor alcalde|la ministra]>.", "<Me refiero [a la alcaldesa|al ministro] en persona>."], "ar": ["<[سيادة العمدة|معالي الوزير|حضرة النائب]، هذا لك>.", "<أعني [العمدة|الوزير] نفسه>."]},
        "held": {"en": ["<For the attention of the president>."], "zh": ["<请主席先生看看>。"], "es": ["<A la atención de la presidenta>."], "ar": ["<إلى عناية الرئيس>."]}},
    "staff": {
        "en": ("staff", ["staff or volunteers are the target", "it is aimed at employees", "workers are addressed"]), "zh": ("工作人员", ["针对工作人员", "以员工或志愿者为对象", "对象是工作人员"]),
        "es": ("personal", ["se dirige al personal o a voluntarios", "apunta a trabajadores", "el blanco es el personal"]), "ar": ("مخاطبة العاملين", ["كان موجهًا إلى العاملين", "استهدف الموظفين أو المتطوعين", "خاطب العمال"]),
        "post": {"en": ["<To the [nurses|cashiers|drivers] on shift>.", "<I say this to [the volunteers|the cleaners|the helpers at the desk]>.", "<This is for [your ushers|your waiters]>[, all of them|]."], "zh": ["<说给[护士|收银员|司机]听的>。", "<这话是对[志愿者|保洁员|服务员]说的>。"],
                 "es": ["<Para [las enfermeras|los cajeros|los conductores] de turno>.", "<Se lo digo a [los voluntarios|las limpiadoras|los camareros]>."], "ar": ["<إلى [الممرضات|المحاسبين|السائقين] في الدوام>.", "<أقول هذا إلى [المتطوعين|عمال النظافة|الندل]>."]},
        "held": {"en": ["<Dear reception team, this concerns you>."], "zh": ["<前台的各位，说的是你们>。"], "es": ["<Equipo de recepción, os concierne>."], "ar": ["<فريق الاستقبال، الأمر يعنيكم>."]}},
    "earnest": {
        "en": ("serious intent", ["the intent is serious", "it is meant seriously", "the writer is in earnest"]), "zh": ("当真", ["语气认真", "并非说笑", "态度当真"]),
        "es": ("intención seria", ["la intención es seria", "va en serio", "el autor habla en serio"]), "ar": ("نية جادة", ["كانت النية جادة", "كان الكاتب جادًا", "قيل بجدية"]),
        "post": {"en": ["<I mean every word>.", "<[This is no game|I am dead serious|No kidding at all]>."], "zh": ["<我是认真的>。", "<[句句当真|绝非说着玩]>。"], "es": ["<Hablo [muy |totalmente |]en serio>.", "<[No es ningún juego|Lo digo de verdad]>."], "ar": ["<أعني كل كلمة>.", "<[الأمر ليس لعبة|كلامي جاد تمامًا]>."]},
        "held": {"en": ["<Take my words at face value>."], "zh": ["<请把我的话当回事>。"], "es": ["<Tómese al pie de la letra>."], "ar": ["<خذوا كلامي على محمل الجد>."]}},
}

# Names of the levels SP0, SP2, SP3, SP4 in a policy.
SCALES = {
    "en": [("SP0", "SP2", "SP3", "SP4"), ("L0", "L1", "L2", "L3"), ("NONE", "LOW", "MEDIUM", "HIGH"), ("GREEN", "YELLOW", "ORANGE", "RED"), ("S0", "S1", "S2", "S3")],
    "zh": [("SP0", "SP2", "SP3", "SP4"), ("L0", "L1", "L2", "L3"), ("无", "轻", "中", "重"), ("绿", "黄", "橙", "红")],
    "es": [("SP0", "SP2", "SP3", "SP4"), ("N0", "N1", "N2", "N3"), ("NULO", "LEVE", "MEDIO", "GRAVE"), ("VERDE", "AMARILLO", "NARANJA", "ROJO")],
    "ar": [("SP0", "SP2", "SP3", "SP4"), ("L0", "L1", "L2", "L3"), ("معدوم", "خفيف", "متوسط", "شديد"), ("أخضر", "أصفر", "برتقالي", "أحمر")],
    "held": [("T0", "T1", "T2", "T3")],
}
LABELS = {"es": spanish.LABELS, "ar": arabic.LABELS, "held": {"es": spanish.HELD_LABELS, "ar": arabic.HELD_LABELS}}
SYLLABLES = {"es": spanish.SYLLABLES, "ar": arabic.SYLLABLES}

# Parts of words that only a policy's definitions explain.
WORDS = {
    "en": ("bra|vel|tin|mor|kes|dro|gal|pli|sor|fen", "sk|mo|del|vin|ter|lax|no|rup|dan|bel"),
    "zh": ("岚|霁|澄|砚|珩|沐|芷|翊|槐|榕", "类|项|目|品|组"),
    "es": ("bra|vel|tin|mor|ques|dro|gal|pli|sor|fen", "sco|mo|del|vina|tero|laz|no|rupo|dana|bel"),
    "ar": ("بر|فل|تن|مور|كس|درو|غل|بلي|سور|فن", "سك|مو|دل|فين|تر|لاز|نو|روب|دان|بل"),
}
