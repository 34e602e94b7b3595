"""The small world Pebble is trained on: topics, acts, flags and their wordings.

Owns the vocabulary and nothing else; generate.py composes it. A template may
hold nested alternatives `[a|b|]`, slots `{name}` and one cue `<...>`, the words
a reviewer would quote. Lists named `held` never enter training: they are the
held-out wordings of the evaluation. All wording is mild and abstract on purpose.

`CORE` is the world in English and Chinese that is written here; `WIDE` adds the tables of
spanish.py, arabic.py, topics_goods.py, topics_messages.py and wide_words.py.
"""

from dataclasses import dataclass

import arabic
import spanish
import topics_goods
import topics_messages
import wide_words

SLOTS = {
    "en": {
        "name": "Anna|Ben|Carlos|Dana|Emma|Farid|Grace|Henry|Ines|Jonas|Kira|Leo|Maya|Nils|Olga|Priya|Sam|Tom|Vera|Wen|Mr Hall|Ms Ortiz|my neighbour|the new guy|my ex|that teacher|my boss",
        "place": "Lisbon|Tampa|Leeds|Oslo|the old town|the harbour|the market|the station|Ohio|the city museum|our street|Berlin|the north side|downtown|the mall",
        "price": "40|15 euros|$25|$9|120|60 a box|30 pounds|200 dollars|5|12.50|$80|eight euros",
        "n": "2|3|5|10|12|20|50|100|300|1000",
        "year": "1890|1905|1923|1938|1950|1962|1974|1987|1999|2010",
        "num": "555-0101|555 0134|0300 555|555-0177",
        "url": "deals.example|www.shop.example|bit.example/x1|http://win.example|promo-site.example|t.example/join",
        "org": "the city council|the health agency|a university|the ministry|the court|the police|a reporter|the local paper|the regulator",
        "when": "yesterday|last week|this morning|in March|on Friday|last night|two years ago|since summer|today",
        "rel": "grandfather|grandma|uncle|dad|sister|friend|old roommate|aunt|brother|cousin",
        "app": "the site|the shop|the app|the marketplace|the checkout|the platform",
    },
    "zh": {
        "name": "小王|李雷|张敏|阿强|老陈|小美|王老师|刘洋|那个新来的|我前任",
        "place": "北京|上海|广州|成都|老城区|博物馆|车站|学校旁边|澳门|小区里",
        "price": "40元|15块|99元|200块|1000元|三百块",
        "n": "两|三|5|10|20|100",
        "year": "1905年|1923年|1950年|1987年|2010年|清代|民国|唐代",
        "num": "555-0101|5550134|微信abc01",
        "url": "deals.example|www.win.example|bit.example/x1|promo.example",
        "org": "警方|法院|市政府|记者|大学|卫生部门|监管部门|晚报",
        "when": "昨天|上周|今天早上|三月|周五|昨晚|两年前|最近",
        "rel": "爷爷|奶奶|叔叔|爸爸|姐姐|朋友|室友|表哥|同事",
        "app": "网站|商店|平台|应用|系统",
    },
}

# Neutral sentences around the point: a text is rarely only its point.
FILLER = {
    "en": [
        "[Hi|Hello|Hey] [all|everyone|there|folks|team][,|.|!]", "[Good morning|Good evening|Greetings][.|!]",
        "[It rained all day|The weather is lovely|It is cold here] in {place}.", "[Sorry for|Excuse] [the long post|my English|the typos].",
        "I [moved|came|travelled] to {place} {when}.", "[Thanks|Thank you|Cheers] [for reading|in advance|everyone].",
        "[Long-time|First-time] [reader|member|poster] here.", "My {rel} [told me about|showed me|found] this [forum|group|page].",
        "[Anyway|So|Well|Okay], [back to work|that is all|here goes].", "We [had dinner|met|walked] [at|near] {place} {when}.",
        "[Have a|Enjoy your|Wishing you a] [nice|great|quiet] [day|weekend|evening].", "[Let me know|Tell me] what you think.",
        "[The train|The bus] was late {when}.", "[Not sure|No idea] if this is the right place.", "{name} [said|wrote] hello.",
        "[Edit|Update|Note]: [fixed the title|added details|typo].", "[See|Look at] the [picture|photo] [below|above].", "[Just a|A] quick [note|post|message].",
        "It is [old|small|big|new|blue|heavy] and [in good shape|a little worn|very clean].", "[The kids|My parents|Our guests] [are asleep|sent a card|came by] [again|today|on Sunday].", "[I|We] [cooked|painted|read|cleaned] all [day|morning|afternoon].", "[The|My] [dog|garden|kitchen|roof|car] needs [work|care|water|a wash].",
        "[Honestly|Frankly|To be fair|In short|By the way], [it was a long week|I did not expect this|that surprised me|it happens].", "[Pictures|Photos] [below|in the comments|on request].", "[I have|We have] [been here|used {app}|lived in {place}] for [ten years|a while|two months].",
        "[Does anyone|Who] [agree|remember that|know {name}]?", "[Hope|I hope] this [helps|is fine|is allowed here].", "[Great|Nice|Funny|Strange] [group|forum|place|thread], [by the way|I must say].", "[Ask me anything|No hurry|Take your time|Not urgent at all].", "[From|With] [a smoke-free home|love|best regards from {place}].", "[{name} and I|My {rel} and I] [will visit|walked through|talked about] {place} [{when}|next month].",
        "[I am|We are] [new here|back again|at home].",
    ],
    "zh": [
        "[大家好|你好|各位好|早上好][，|。|！]", "{place}[今天下雨|天气很好|有点冷]。", "[谢谢|多谢][大家|各位|阅读][。|！]",
        "我{when}[搬到|来到|去了]{place}。", "[新人|老用户]一个。", "我{rel}[告诉我|推荐了]这个[群|论坛]。",
        "[祝|愿]大家[周末愉快|一切顺利]。", "[不知道|不确定]发在这里合不合适。", "[另外|对了]，{name}[问好|也在]。", "[今天|昨晚][加班到很晚|做了一桌菜|看了一场电影]。", "[孩子|父母|邻居][都睡了|来家里了|问我近况]。", "[说实话|总之|其实]，[有点意外|这周很累|没想到会这样]。", "[欢迎讨论|随便聊聊|慢慢来|不着急]。", "我在{place}住了[三年|很久]。", "[希望|但愿][对大家有帮助|一切都好]。",
        "[见|看][下图|照片]。",
    ],
    "held": {
        "en": ["[Evening|Morning], [friends|neighbours].", "[Writing|Posting] this [from|in] {place}.", "That is [it|all] from [me|us] {when}.", "[Hope|Trust] you are all well."],
        "zh": ["[老朋友们|各位][早|晚上好]。", "写于{place}。"],
    },
}

# flag -> canonical name, how a policy says it, how a text shows it
FLAGS = {
    "contact": {
        "en": ("price or contact", ["a price or contact is given", "a price or contact details are given", "it names a price or a contact", "prices or contact details appear"]),
        "zh": ("价格或联系方式", ["给出价格或联系方式", "附有价格或联系方式", "写明价格或联系方式"]),
        "post": {"en": ["<{price} each>[.|, cash only.]", "<DM me>[.| for details.| to order.]", "<[Call|Text|WhatsApp] {num}>.", "[Asking|Price is|Only] <{price}>[, pick-up in {place}|].", "<{price}, [DM|message me|PM]>.", "<Message me> [if interested|for the price|with an offer].", "<[Send|Write] me a [DM|message|PM]>.", "<PM me> [for prices|with offers].", "<[Price|Cost]: {price}>.", "<{price} or best offer>.", "[First come first served|Cash], <{price} [takes it|a piece]>."],
                 "zh": ["<{price}一[条|个|件|份]>。", "<加微信{num}>。", "<私信我>[。|下单。|详聊。]", "[只要|一共]<{price}>。", "<电话{num}>[。|联系。]", "<价格{price}>[，可议|]。"]},
        "held": {"en": ["<{price} the lot>, [text|call] me.", "<Reach me at {num}>.", "<[Offers|Prices] through [message|DM]>."], "zh": ["<{price}包邮>。", "<联系我{num}>。"]},
    },
    "minors": {
        "en": ("minors", ["it is aimed at minors", "minors are addressed", "children or teenagers are the target", "it targets minors"]),
        "zh": ("未成年人", ["针对未成年人", "面向未成年人", "以未成年人为对象"]),
        "post": {"en": ["[Perfect|Great|Ideal] <for [kids|teens|teenagers|school kids|children]>.", "<[We are|I am] [13|14|15|16]>[, is that a problem|].", "<[Students|Pupils|Under 18s] welcome>.", "[All|Any] <kids [at|from] [school|your class]> [can join|should try].", "<For my [class|classmates|little brother]>, he is 14."],
                 "zh": ["<[适合|欢迎][中学生|小学生|孩子|未成年人]>。", "<我[今年|才][13|14|15|16]岁>。", "<同班同学>[都可以|也行]。"]},
        "held": {"en": ["[Good|Fun] <for [schoolchildren|young teens|kids]>.", "<I am only [14|15]>."], "zh": ["<学生[优惠|也可以]>。"]},
    },
    "repeated": {
        "en": ("repetition", ["it is repeated or sent in bulk", "it is posted repeatedly", "it is sent to many people", "it is mass-posted"]),
        "zh": ("重复群发", ["重复发送或群发", "多次重复发布", "大量群发"]),
        "post": {"en": ["<[Posting|Posted|Sent] [this again|in every group|to all groups|to everyone]>.", "<[Copy|Forward] this to [all|{n}] [groups|friends|contacts]>.", "<[Third|Fourth|Tenth] [time|message] today>.", "<[Again and again|Over and over]> I write this.", "<[Same message|Same text] as [yesterday|before]>, to all of you."],
                 "zh": ["<[群发|转发]到[所有群|每个群]>。", "<[第三|第十]次发了>。", "<[再发一遍|重复发]>。"]},
        "held": {"en": ["<Sent to {n} groups [today|again]>.", "<[Forward|Post] it everywhere>."], "zh": ["<发到[全部|所有]群>。"]},
    },
    "link": {
        "en": ("link", ["a link is included", "it contains a link", "it links to a site", "there is a link to an outside site"]),
        "zh": ("链接", ["含有链接", "附带链接", "包含外部链接"]),
        "post": {"en": ["[Go to|See|Visit|More at|Link:|Here:|Click] <{url}>[.|]", "<{url}>", "[Everything is|Details|Register] [at|on] <{url}>."],
                 "zh": ["[点击|打开|访问|链接：]<{url}>。", "[详情|注册]见<{url}>。"]},
        "held": {"en": ["[Find it|Read more] at <{url}>.", "[Open|Tap] <{url}>."], "zh": ["请看<{url}>。"]},
    },
    "urgent": {
        "en": ("pressure", ["it puts pressure on the reader", "it uses urgency or pressure", "it presses for a quick decision"]),
        "zh": ("催促", ["制造紧迫感", "催促对方", "施加压力要求尽快决定"]),
        "post": {"en": ["<[Only today|Last chance|Act now|Hurry]>[!|.]", "<[Within|In the next] [24 hours|one hour|ten minutes]> [or it is gone|or you lose it].", "<[Ends|Closes] [tonight|today|in an hour]>.", "<Don't [wait|miss out|delay]>[!|.]", "<[Right now|Immediately]>, [no delay|before it is too late]."],
                 "zh": ["<[今天最后一天|最后机会|赶快|马上]>[！|。]", "<[24小时|一小时]内>[有效|必须完成]。", "<[不要错过|手慢无]>[！|。]"]},
        "held": {"en": ["<Hurry, [last|final] [day|hours]>!", "<You must act [today|now]>."], "zh": ["<[仅限今天|抓紧]>！"]},
    },
}

CONDITION = {
    "en": {"unless": ["unless {f}", "except when {f}", "but not if {f}", "as long as no exception holds: {f}"], "only": ["only if {f}", "if {f}", "when {f}", "only when {f}"]},
    "zh": {"unless": ["，除非{f}", "，但{f}的除外", "（{f}时除外）"], "only": ["，仅当{f}时", "，且{f}", "，限于{f}的"]},
}

# group -> canonical name and how a policy says it
GROUPS = {
    "restricted": {"en": ("restricted", ["age-restricted goods", "restricted goods", "regulated goods"]), "zh": ("受限商品", ["受限商品", "年龄受限的商品", "管制商品"])},
    "gambling": {"en": ("gambling", ["gambling", "gambling and betting", "games of chance for money", "gambling services"]), "zh": ("赌博", ["赌博", "赌博活动", "博彩", "赌博平台", "赌博网站"])},
    "illicit": {"en": ("illicit", ["illicit goods", "forbidden goods", "illegal goods"]), "zh": ("违禁品", ["违禁品", "非法商品"])},
    "abuse": {"en": ("abuse", ["abuse", "abusive messages", "abusive words", "harassment", "bullying"]), "zh": ("骚扰", ["骚扰", "辱骂骚扰", "霸凌", "骚扰言论"])},
    "spam": {"en": ("spam", ["spam", "spam or scams", "unwanted bulk messages and scams", "spam messages"]), "zh": ("垃圾信息", ["垃圾信息", "垃圾广告和诈骗", "垃圾消息"])},
    "other": {"en": ("other", []), "zh": ("其他", [])},
}

# One phrase of a policy that stands for two topics.
PAIRS = {
    ("tobacco", "vaping"): {"en": ["tobacco or nicotine", "smoking or vaping", "nicotine products", "tobacco or vapes", "tobacco or vaping products"], "zh": ["烟草或电子烟", "尼古丁产品", "烟草制品和电子烟"]},
    ("insults", "humiliation"): {"en": ["insults or humiliation", "insulting or humiliating words"], "zh": ["侮辱或羞辱", "侮辱、羞辱"]},
    ("casino", "betting"): {"en": ["casino games or betting", "casinos and betting"], "zh": ["赌场或体育投注", "赌场和投注"]},
    ("phishing", "feescam"): {"en": ["phishing or fee scams", "scams that ask for passwords or fees"], "zh": ["钓鱼或预付费诈骗", "骗取密码或费用的信息"]},
}

def _t(group, kind, en, zh):
    return {"group": group, "kind": kind, "en": en, "zh": zh}

# topic -> group, kind (goods, game, message), per language (canonical, policy names, wordings)
TOPICS = {
    "tobacco": _t("restricted", "goods",
        ("tobacco", ["tobacco", "tobacco products", "cigarettes and tobacco", "smoking", "tobacco goods", "cigars and cigarettes"],
         "cigarettes|cigars|Cuban cigars|rolling tobacco|pipe tobacco|a pipe|snuff|menthols|a carton of cigarettes|cartons of cigarettes|a pack of smokes|smokes|chewing tobacco|snus|hookah tobacco|shisha|cigarillos|tobacco|loose tobacco|vintage cigars|tobacco tins|cigar bands|cigar boxes|smoking|a cigarette|a smoking pipe|tobacco pipes|tobacco leaves|Virginia tobacco|a humidor of cigars|nicotine|nicotine pouches|cigs"),
        ("烟草", ["烟草", "烟草制品", "香烟", "烟草产品"], "香烟|雪茄|卷烟|烟丝|烟斗|水烟|一条烟|几条烟|鼻烟|鼻烟壶|旱烟|薄荷烟|古巴雪茄|烟草|抽烟|吸烟")),
    "vaping": _t("restricted", "goods",
        ("vaping", ["vaping", "e-cigarettes", "vapes", "vaping products", "e-cigarettes and vapes"],
         "vapes|a vape|disposable vapes|e-cigarettes|e-liquid|vape juice|vape pens|pod kits|a pod system|vape pods|vape coils|nicotine salts|mint pods|fruit vapes|vaping|an e-cig|e-cigs|cloud mods"),
        ("电子烟", ["电子烟", "电子烟产品", "电子烟和烟油"], "电子烟|烟弹|烟油|一次性电子烟|雾化器|水果味电子烟|电子烟杆|小烟|换弹电子烟")),
    "alcohol": _t("restricted", "goods",
        ("alcohol", ["alcohol", "alcoholic drinks", "wine, beer and spirits", "liquor"],
         "beer|wine|whisky|vodka|rum|craft beer|a bottle of wine|red wine|gin|liquor|champagne|a keg of beer|homemade brandy|cider|tequila|bourbon|cocktails|moonshine"),
        ("酒类", ["酒类", "酒精饮料", "酒类商品"], "白酒|啤酒|红酒|葡萄酒|威士忌|茅台|黄酒|米酒|鸡尾酒|一瓶酒|高度酒")),
    "cannabis": _t("restricted", "goods",
        ("cannabis", ["cannabis", "marijuana", "cannabis products"],
         "cannabis|weed|marijuana|hash|cannabis edibles|gummies with THC|a joint|cannabis oil|hemp flower|THC oil|weed brownies|pre-rolls"),
        ("大麻", ["大麻", "大麻制品"], "大麻|大麻烟|大麻油|大麻软糖|大麻叶|大麻饼干|大麻种子|含THC软糖")),
    "medicines": _t("restricted", "goods",
        ("medicines", ["prescription medicines", "prescription drugs", "medicines that need a prescription", "prescription-only medicine"],
         "antibiotics|sleeping pills|painkillers|prescription pills|sedatives|ADHD pills|insulin|blood pressure tablets|steroids|diet injections|anxiety medication|strong painkillers|antidepressants"),
        ("处方药", ["处方药", "处方药品"], "抗生素|安眠药|止痛药|处方药|胰岛素|镇静剂|降压药|抗抑郁药|减肥针")),
    "weapons": _t("restricted", "goods",
        ("weapons", ["weapons", "weapons and ammunition", "firearms and knives", "arms"],
         "pistols|rifles|a hunting rifle|ammunition|combat knives|switchblades|crossbows|a revolver|swords|bayonets|pepper spray|brass knuckles|an air gun|muskets|shotguns|a samurai sword"),
        ("武器", ["武器", "枪支刀具", "武器弹药"], "手枪|步枪|猎枪|弹药|军刀|弹簧刀|弩|长剑|气枪|古剑|刺刀|匕首")),
    "fireworks": _t("restricted", "goods",
        ("fireworks", ["fireworks", "fireworks and firecrackers"],
         "fireworks|firecrackers|rockets for New Year|Roman candles|sparklers|bangers|a box of fireworks|smoke bombs|display shells|fountains and rockets"),
        ("烟花爆竹", ["烟花爆竹", "烟花"], "烟花|爆竹|鞭炮|礼花|烟花棒|烟花炮筒|二踢脚|一箱烟花")),
    "casino": _t("gambling", "game",
        ("casino", ["casinos", "online casinos", "casino games"],
         "online casino|casino|slots|slot machines|poker for money|roulette|blackjack|baccarat|casino chips|poker tables|live dealer games|card rooms|dice games for money|high-roller tables|free spins"),
        ("赌场", ["赌场", "网上赌场", "赌场游戏"], "网上赌场|赌场|老虎机|百家乐|德州扑克|轮盘|二十一点|线上娱乐城|真人荷官|骰子赌局|棋牌赌钱|麻将赌钱|牌九|炸金花|赌桌|赌局|赌博|赌钱|博彩网站|博彩|赌博网站|赌博平台|赌资")),
    "betting": _t("gambling", "game",
        ("betting", ["sports betting", "betting", "bets on sports"],
         "sports betting|football bets|horse racing bets|betting slips|an accumulator|betting odds|a bookmaker|betting tips|match bets|a betting app|in-play betting|tennis bets|fixed-odds bets|a bet on the derby"),
        ("体育投注", ["体育投注", "体育博彩", "投注"], "体育投注|足球竞猜下注|赛马下注|赌球|外围盘口|让球盘|投注单|滚球盘|球赛盘口|竞猜平台|下注平台|篮球盘口|外围|盘口|押注")),
    "lottery": _t("gambling", "game",
        ("lottery", ["lotteries", "lottery tickets", "private lotteries"],
         "lottery tickets|scratch cards|a private lottery|raffle tickets|number draws|lotto numbers|lottery syndicates|jackpot tickets|a lotto pool|instant-win cards"),
        ("彩票", ["彩票", "私彩", "彩票和私彩"], "彩票|刮刮乐|私彩|六合彩|时时彩|双色球|彩票计划|彩票群|特码|地下六合彩|福彩|买码")),
    "counterfeits": _t("illicit", "goods",
        ("counterfeits", ["counterfeit goods", "counterfeits", "fake branded goods", "replicas"],
         "fake watches|replica handbags|counterfeit sneakers|copy designer bags|fake jerseys|replica sunglasses|knock-off phones|counterfeit perfume|mirror-quality watches|fake brand labels|unlicensed copies"),
        ("假冒商品", ["假冒商品", "假货", "仿冒品"], "高仿包|假名牌表|复刻手表|仿冒球鞋|A货包包|山寨手机|假香水|假冒商标")),
    "documents": _t("illicit", "goods",
        ("fake documents", ["fake documents", "forged papers", "forged documents", "false identity papers"],
         "fake passports|forged diplomas|fake IDs|a fake driving licence|forged certificates|fake bank statements|novelty ID cards|false papers|fake student cards|forged doctor's notes"),
        ("假证件", ["假证件", "伪造证件"], "假护照|假文凭|假身份证|假驾照|假证书|办证|伪造公章|假学生证")),
    "wildlife": _t("illicit", "goods",
        ("wildlife products", ["wildlife products", "products of protected animals", "ivory and other wildlife products"],
         "ivory carvings|tiger bone|turtle shells|rhino horn|coral jewellery|a leopard skin|exotic parrots|pangolin scales|an ivory chess set|bear bile"),
        ("野生动物制品", ["野生动物制品", "受保护动物制品"], "象牙雕刻|虎骨|龟甲|犀牛角|豹皮|穿山甲鳞片|象牙手串|熊胆")),
    "othergoods": _t("other", "goods",
        ("other", [], "a bicycle|old books|a sofa|garden chairs|a guitar|kitchen pans|winter coats|stamps|board games|a laptop|lamps|running shoes|wooden toys|a camera|tomato plants|coffee beans|tea|chocolate|a bookshelf|records|fishing rods|a train set|baby clothes|bread|cheese|model planes|chess|knitting|football|gardening|a piano|postcards|old coins|a watch|candles|honey"),
        ("其他", [], "自行车|旧书|沙发|吉他|锅具|羽绒服|邮票|桌游|电脑|台灯|跑鞋|相机|茶叶|咖啡|书架|唱片|面包|足球|钢琴|园艺|象棋|乒乓球|旅行|盆栽|手账")),
    "threats": _t("abuse", "message",
        ("threats", ["threats", "threats of violence", "threats to hurt someone", "threatening words"],
         ["[I will|I'm going to|I am gonna|We will|One day I will] <[hurt you|find you|make you pay|come to your house|break your [arm|nose|legs]|make you regret it|get you|beat you up|hunt you down|end you|burn your car]>", "<[Watch your back|You will regret this|You are finished|You won't be safe|Better be scared|You are dead|I'd be careful on your way home]>[, {name}|, I mean it|]", "[If you|When you] [come here again|post again|talk to her|show up], <[I will hurt you|you'll get hurt|you will bleed|I'll smash your face|you'll be sorry]>", "<I know where you [live|work|park|sleep]>[ and I will come|, see you soon| and I'm coming]", "<[Someone|We|I] should [hurt|punch|beat] {name}>", "<[wait|just wait] until I [see|find|catch] you>"]),
        ("威胁", ["威胁", "暴力威胁", "威胁伤害他人"], ["[我会|我一定|我们会]<[找到你|打断你的腿|让你付出代价|上门找你|弄死你|让你后悔|收拾你|揍你]>", "<[小心点|你等着|你完了|走夜路小心]>[，{name}|]", "[你再|要是再]来，<[我就打你|后果自负|打到你怕]>", "<我知道你[住哪|在哪上班]>[，等着我|]"])),
    "insults": _t("abuse", "message",
        ("insults", ["insults", "name-calling", "insulting words", "personal insults"],
         ["[You are|You're|ur|{name} is] <[such a|a complete|a|the biggest|a total|just a] [idiot|clown|loser|fool|moron|joke|nobody|coward|liar|pig|waste of space|failure|rat|brat|creep|dummy]>", "<[Nobody|No one] [likes|respects|wants|cares about] you>", "<[What a|You] [pathetic|stupid|useless|dumb|worthless|brainless|miserable|ugly] [person|excuse for a player|idiot|fool|thing|creature|man|woman]>", "<[You talk|You write|You play|You look|You think] like a [clown|fool|donkey|pig|toddler]>", "<[Shut up|Get lost|Go cry], [idiot|loser|clown|you fool|stupid]>", "[How can anyone be|You are] <[so|really|too] [stupid|dumb|pathetic|ugly|useless|worthless|thick]>", "<[You are|{name} is] [stupid|dumb|pathetic|ugly|useless|worthless|trash|garbage|disgusting|an embarrassment]>"]),
        ("侮辱", ["侮辱", "辱骂", "侮辱性言论"], ["[你|{name}][真是|就是|简直是]<[个白痴|个废物|个小丑|个蠢货|垃圾|个笑话|个笨蛋|猪]>", "<没人[喜欢|看得起]你>", "<你[真蠢|太笨|真恶心|没脑子|一无是处]>", "<[闭嘴|滚][，蠢货|，废物|，白痴]>"])),
    "humiliation": _t("abuse", "message",
        ("humiliation", ["humiliation", "public humiliation", "shaming a person", "mocking someone in public"],
         ["[Everyone|Look|Guys|Hey all], <[look at|share|laugh at|enjoy] this [embarrassing|shameful|ridiculous] [photo|video|picture|clip] of {name}>", "<[Let's|We should] all laugh at {name}>[, that face|, how they walk|]", "<{name} [cried|wet the bed|fell] [in front of everyone|like a baby]>, [share it|pass it on|let everyone see]", "<[Rate|Vote] how [ugly|silly|bad] {name} looks>", "<[Make|Turn] {name} [into a meme|the joke of the school|the laughing stock]>", "<[Post|Share] the [photo|video|screenshot] so [everyone|the whole school|the office] can laugh [at|about] {name}>"]),
        ("羞辱", ["羞辱", "公开羞辱", "当众嘲笑他人"], ["[大家]<[快来看|一起嘲笑|转发][{name}的糗照|{name}出丑的视频|{name}的丑态]>", "<让[全班|全公司]都笑话{name}>", "<给{name}的丑照打分>", "<把{name}做成[笑话|表情包]>"])),
    "exclusion": _t("abuse", "message",
        ("exclusion", ["exclusion", "shutting someone out", "calls to exclude a person"],
         ["<You [don't|do not] belong [here|in our team|in this group|with us]>", "<[Nobody|No one] wants you [in this group|in our class|here|at the party]>", "<[Don't|Never] [let {name} sit with us|invite {name}|talk to {name}|play with {name}]>", "<[Kick|Throw] {name} out [of the group|of the team]>, [agreed|all of you]", "<[Leave|Go back], you are not [one of us|welcome]>"]),
        ("排挤", ["排挤", "孤立他人"], ["<这里不[欢迎|需要]你>", "<[别|不要][跟{name}说话|让{name}加入|带{name}玩]>", "<把{name}踢出[群|队]>", "<你不属于[这里|我们]>"])),
    "privatedata": _t("abuse", "message",
        ("private data", ["private data", "someone's private data", "personal data of others", "home addresses or phone numbers of others", "a person's private details"],
         ["<{name} [lives|sleeps] at {n} [Mill|Oak|Hill|Lake|Station] [Road|Street|Lane]>", "<[Here is|This is|Got] {name}'s [phone number|home address|private number|address|medical file|salary slip|school]>[: {num}|: {n} Oak Street|]", "<{name}'s [number|phone|address] is {num}>", "<[Her|His|Their] [home address|private number|license plate|passport number|address] is> [{n} Hill Road|{num}]", "<[Leaking|Posting|Sharing] {name}'s [address|chat logs|private photos|phone number|medical records]>"]),
        ("隐私信息", ["隐私信息", "他人隐私", "他人的个人信息"], ["<{name}住在[人民路|中山路|学府路]{n}号>", "<[这是|曝光]{name}的[电话|住址|身份证号|病历]>[：{num}|]", "<{name}的[手机号|地址]是{num}>"])),
    "contactabuse": _t("abuse", "message",
        ("unwanted contact", ["unwanted contact", "stalking", "unwanted and persistent contact"],
         ["<Why don't you [answer|reply to] me>, I wrote [{n} times|all night]", "<I [saw|watched|followed] you [at|to|near] {place}> [again|{when}]", "<I made a new account because you blocked me>", "<You can't [ignore|block|avoid] me>, I [will keep writing|wait outside]", "<I [waited|stood] outside your [house|office|school]> {when}", "<I [will not|won't] stop [writing|calling]> until you [answer|meet me]"]),
        ("纠缠", ["纠缠", "跟踪纠缠", "持续骚扰联系"], ["<你为什么不回我>，我发了{n}条", "<我{when}又跟着你到了{place}>", "<你拉黑我我就换号>", "<我在你家门口等[着|了一夜]>"])),
    "pileon": _t("abuse", "message",
        ("mobbing", ["pile-ons", "calls to pile on", "calls to attack a person together", "organised harassment"],
         ["<[Everyone|All of you|Guys], [go|let's] [flood|spam|report|mob|attack] {name}'s [page|profile|inbox|account|channel]>", "<[Let's|We should] all [message|report|bombard|hound] {name}> [until they quit|tonight|today]", "<[Raid|Mob] {name}'s [stream|page|server]> [tonight|at eight|with me]", "<[Go|Everyone go] [tell|show] {name} what [we|you] think>, [all of you|do not stop]", "<[Join|Help] [me|us] to [drive|chase] {name} [off|from] [the site|this forum|the platform]>"]),
        ("网暴", ["网暴", "号召围攻他人", "组织网暴"], ["<[大家|兄弟们]一起去[刷|骂|举报|围攻]{name}[的主页|的账号|]>", "<[冲|轰炸]{name}的[评论区|私信|直播间]>", "<我们一起把{name}[骂到|逼到]退网>"])),
    "bulkpromo": _t("spam", "message",
        ("bulk promotion", ["bulk promotion", "unsolicited advertising", "unwanted advertising", "promotional messages nobody asked for"],
         ["<[Biggest|Mega|Crazy|Huge|Summer] [sale|discounts|bargains] [ever|of the year|in our store]>, [up to|save] [50|70|90] percent", "<[Check out|Subscribe to|Follow|Visit] my [channel|page|shop|store|profile|blog]>[ for deals| and win prizes| please|]", "<Join our [group|channel|club] for [daily deals|free gifts|bonus codes|coupons]>", "<[Best|Cheap|Cheapest] [sunglasses|loans|SEO service|web design|phone cases|printers] [in town|for you|anywhere]>", "<[Get|Grab|Claim] your [free|exclusive|special] [coupon|gift|trial|voucher|discount]>", "<[Dear customer|Dear friend], we offer [loans|insurance|web design|printing|SEO]> at [low|the best] prices", "<Use my [code|promo code]> [SAVE{n}|DEAL] for [a discount|bonus points]"]),
        ("广告推广", ["广告推广", "垃圾广告", "未经请求的广告"], ["<[全场|本店][大促销|清仓|打折]>，[低至三折|全部半价]", "<[关注|订阅]我的[频道|主页|店铺]>[领红包|]", "<进群领[优惠券|红包|福利]>", "<[专业|低价][贷款|代写|刷单|装修|建站]>服务"])),
    "phishing": _t("spam", "message",
        ("phishing", ["phishing", "messages that ask for passwords", "requests for passwords or bank data", "attempts to get passwords"],
         ["<Your [account|card|mailbox|profile|parcel|wallet] is [locked|suspended|on hold|blocked|limited]>, [confirm|verify|enter] your [password|PIN|card number|login|details]", "<[Confirm|Verify|Enter|Update|Send me] your [password|bank details|PIN|card number|login|security code]> [to continue|to keep access|to unlock it|here]", "[Unusual|Suspicious] [login|activity] [found|detected]: <[log in|sign in] and [enter|confirm] your [password|code|card number]>", "<[Tell|Send] me the [code|six digits|SMS code]> you just [got|received]", "<We need your [password|card number|login]> to [deliver the parcel|refund you|restore the account]"]),
        ("钓鱼", ["钓鱼", "骗取密码的信息", "索要密码或银行信息"], ["<您的[账户|银行卡|包裹|邮箱]已[冻结|锁定|异常]>，请[确认|输入][密码|验证码|卡号]", "<[输入|提供|更新]您的[密码|银行卡号|验证码]>[以继续|即可恢复]", "<把[验证码|短信代码]发给我>"])),
    "feescam": _t("spam", "message",
        ("fee scams", ["fee scams", "advance-fee scams", "scams that ask for a fee first", "promises of money against a fee"],
         ["<You [have won|inherited|will receive] [a million dollars|{n} million|a car|a big prize|a fortune]>, [just pay|only pay|send|transfer] [a small fee|the tax|a deposit|the shipping fee] [first|to release it]", "<[Pay|Send|Transfer] [a|the] [small fee|processing fee|deposit|tax] [first|up front|in advance]> and [the money is yours|get ten times back|the prize is yours|the loan is approved]", "I am [a widow|a prince|a lawyer|a soldier] and <[need help|want] to [move|transfer] [my fortune|gold|{n} million]>", "<[Double|Triple] your [money|coins]>: send {price} and [receive|get] [twice|ten times] as much", "<Guaranteed [loan|job|visa|prize]> after [a small payment|a deposit|the fee]"]),
        ("预付费诈骗", ["预付费诈骗", "先交费的骗局", "以交费为条件的骗局"], ["<恭喜您中了[一百万|大奖|汽车]>，先交[手续费|税费|保证金]即可领取", "<先[付|转|交][手续费|保证金|押金]>，[马上放款|奖金归您|十倍返还]", "<[存款|投资][翻倍|十倍返还]>，先转{price}"])),
    "fakeengagement": _t("spam", "message",
        ("fake engagement", ["fake engagement", "trade in likes and followers", "bought followers or reviews", "fake likes, followers or reviews"],
         ["<[Buy|Get|Order] {n} [followers|likes|views|subscribers|five-star reviews|votes]> [for {price}|cheap|overnight|instantly]", "<[Like for like|Follow for follow|Sub for sub|Likes for likes]>[, I always return|, comment done|]", "<[I|We] [write|sell|post|deliver] [five-star reviews|fake reviews|likes|followers|positive comments]>[ for your shop| for any product|]", "<[Follow|Like] me and I [follow|like] you back>", "<[Boost|Grow|Pump] your [page|profile|shop|channel] with [bought|bot|ready-made] [followers|likes|reviews|accounts]>"]),
        ("虚假互动", ["虚假互动", "买卖粉丝和点赞", "刷粉刷赞"], ["<[买|出售|代刷][粉丝|点赞|好评|播放量]>[，{price}一千个|]", "<互[粉|赞][互关|必回|]>", "<[刷|代写]五星好评>"])),
    "pyramid": _t("spam", "message",
        ("pyramid schemes", ["pyramid schemes", "recruitment schemes", "schemes that pay for recruiting"],
         ["<[Recruit|Invite|Bring|Sign up] [three|five|two|{n}] [friends|people|members] and [earn|get paid|collect]> [{price} each|for life|every week]", "<[Be your own boss|Financial freedom|Passive income]>: [invite|recruit] [others|your friends|people] and [earn|live] from their [fees|entries]", "<Everyone you [bring|recruit|invite] pays [you|us]>, and [their|the] recruits too", "<Join my [team|downline|network]> and [earn|get paid] for [each|every] [recruit|new member]"]),
        ("传销", ["传销", "拉人头的骗局", "拉人头模式"], ["<[拉|发展|介绍][三|五|{n}]个[人|下线|会员]就[返|赚|拿]{price}>", "<[财务自由|躺着赚钱]>：发展下线拿提成", "<加入我的团队>，[拉人头|发展会员]就有钱"])),
    "impersonation": _t("spam", "message",
        ("impersonation", ["impersonation", "posing as someone else", "pretending to be staff or a company"],
         ["<This is [the support team|your bank|the tax office|the admin|customer service|the post office]>, [we need to talk|please answer|stay on the line]", "<I am [your boss|the real admin|a moderator|a bank clerk|the famous singer|your grandson]>[ on a new number|, trust me|, believe me]", "<[Official|Verified] [support|staff|account] of [the bank|the shop|the game]>, [write back|contact us]"]),
        ("冒充", ["冒充", "冒充客服或机构"], ["<[我是|这里是][您的银行|客服|税务局|管理员|您的领导|公安局]>，[请配合|请回复]", "<[官方|认证]客服>，请回复本消息"])),
    "othermessage": _t("other", "message",
        ("other", [],
         ["<See you [at|in] {place}>[ on Friday| at eight|]", "<[Happy birthday|Congratulations], {name}>", "<Can you [send|bring|lend] me the [notes|book|keys]>", "<The [meeting|match|class|concert] [starts|is] [at nine|tomorrow|on Friday]>", "<[I love|I like|I enjoy] [your garden|this song|your photos|that film]>", "<Dinner [was lovely|is ready|at six]>", "<[Well done|Good job|Great work], [team|{name}|all]>", "<I [disagree|don't agree] with [you|{name}]>, but [I see your point|fair enough|let's talk]", "<Your [report|order|ticket|parcel] [is ready|has arrived|was sent]>", "<Thank you for [the help|the lift|your message]>"]),
        ("其他", [], ["<[周五|明天]在{place}见>", "<[生日快乐|恭喜]，{name}>", "<[会议|比赛|音乐会][明天|九点]开始>", "<我喜欢[你的花园|这首歌|你的照片]>", "<[做得好|辛苦了]，[大家|{name}]>", "<谢谢你的[帮助|消息]>", "<我不同意[你|{name}]，但可以讨论>"])),
}


def _a(en, zh, **rest):
    """An act: canonical names, how clauses say it (`clause`, `np`), how texts show it."""
    return {"en": en, "zh": zh, **rest}


# `post`: texts about goods or games ({x} is the topic's wording); `game` replaces it
# for games of chance; `message`: frames around a message {m}; `held`: evaluation only.
ACTS = {
    "sale": _a("sale", "出售", goods=True,
        clause={"en": ["Offers to sell, trade or ship {x}", "Selling[, trading| or supplying| or giving away|] {x}", "{x} for sale[ or trade|]", "[Listings|Posts] that offer {x}", "Any sale [or delivery|] of {x}", "[Offering|Providing] {x} to [buyers|customers]", "Sale [or supply|or exchange|] of {x}", "Offers [of|for] {x}"],
                "zh": ["招揽他人参与{x}，或代为[下注|购买]", "出售[或交换|或邮寄|]{x}", "{x}的[买卖|销售|交易]", "[提供|兜售]{x}", "招揽他人[购买|参与]{x}", "[组织|开设|经营]{x}"]},
        np={"en": ["sales", "offers for sale", "trade offers"], "zh": ["出售", "买卖", "招揽"]},
        post={"en": ["[Got|I've got] {x} <[to sell|going cheap|going spare|to get rid of]>", "{x} <[delivered|sent] [to your door|by post|by courier|the same day]>", "<[Cheap|Duty-free|Wholesale|Tax-free|Discounted]> {x} <[here|from my van|while they last|for all of you]>", "<[Can deliver|Will deliver|I bring|Will swap|Will trade]> {x}[ after work| in {place}| for your old phone|]", "[Moving out|Clearing the attic|Cleaning the garage], <so [I am selling|I sell|I'm giving away|take]> {x}", "<[Bulk orders|Orders|Pre-orders] [open|welcome]> for {x}", "[<Selling>|<For sale>:|<Up for sale>:|<WTS>|<Letting go> of] {x}[, {n} left|, barely used|, sealed|, fresh|]", "{x}[, new|, boxed|, {year}|] <[for sale|up for grabs|in stock|available|to trade|for trade]>", "<[I sell|We sell|We have|I have|I can get you]> {x}[ and more|, any amount|, we ship anywhere|]", "<[Order|Buy|Get]> [your |] {x} [here|from me|from us|today|while stocks last]", "{x}, <[will ship|shipping|we deliver|I deliver] [anywhere|worldwide|to {place}|to your door]>[, no questions|, discreet box|]", "<[Trade|Swap|Trading|Swapping]> {x} for [a phone|tools|offers|anything useful]", "[My|Our] shop <[has|offers|stocks]> {x} [in every size|at fair prices|again]", "[Collection of|Box of|Lot of|Spare|Leftover|Unopened] {x}, <[must go|needs a new owner|ready to ship|looking for a buyer|free to a good home|pick up today]>", "[Who|Anyone] [wants|needs|fancies] {x}? <I [have [some|plenty|{n}] [left|to spare]|can post it|can bring it]>", "{x}: <[{price}|{price} each|{n} for {price}]>"],
              "zh": ["{x}<[到货|清仓|特价|打折]>[，先到先得|，手慢无|]", "<[可以送货上门|顺丰发货|当面交易]>，{x}", "家里[多余的|闲置]{x}<[想卖掉|处理掉|低价出]>", "<[出售|转让|甩卖|出|卖]>{x}[，全新|，九成新|，数量不多|]", "{x}<[现货|有货|包邮|可发货|批发]>[，支持自提|，量大从优|]", "[本店|我这里|我]<[供应|有卖|专卖|代购]>{x}[，欢迎选购|]", "<[交换|换]>{x}[，换手机也行|]", "需要{x}的<[找我|来拿|下单]>", "{x}<[便宜卖|低价处理|求转手]>"]},
        game={"en": ["<[Place|Make]> your [bets|stakes] on {x} <with us>", "<[Join|Register|Sign up|Open an account]> [for|and play] {x}[ with us| at our site|]", "<[We|Our site] offer[s|]> {x}[ day and night| for real money|]", "<Deposit {price}> and play {x}", "{x}: <[tables open|seats available|accounts for sale|bets taken]>[ tonight| now|]"],
              "zh": ["{x}<[注册送88|首充返现|返水高|充值秒到]>[，等你来|]", "<[招收|招]>{x}<[会员|代理|下线]>[，日结|]", "想玩{x}的<[加我|进群|报名|联系我上分]>", "<帮[大家|你]>{x}<[下注|投注|买单|充值]>[，抽成少|]", "{x}<[开户|注册|充值]>[送彩金|即可玩|，秒到账|]", "<[加入|进]>我们的{x}<[下注|开玩|投注]>", "{x}<[接受下注|收单|代下注|带玩|坐庄收注]>[，当天结算|]", "我们<[提供|开设|组织]>{x}[，每晚开局|，满十人就开|]", "<[来|约|今晚开局]>{x}<，[三缺一|缺人|有场子]>", "{x}<[代理招募|招代理|招会员]>，[佣金日结|返点高]"]},
        held={"en": ["<[Clearing out|Parting with]> {x}, <[ready to ship|for sale] today>", "<[Happy to sell|Want to sell]> [some|my] {x}", "<[Stock|New stock] of> {x}, <[order|buy] now>"], "zh": ["{x}<[低价出|要卖]>", "<[我卖|想卖]>{x}"]}),
    "promotion": _a("promotion", "推广", goods=True,
        clause={"en": ["Promotes {x}[ as desirable| as cool|]", "Promotion [or praise|] of {x}", "[Advertising|Glamorising|Praising] {x}", "[Posts|Texts] that make {x} look [attractive|cool|desirable]", "Encourages people to [use|try|enjoy] {x}", "[Recommending|Urging people to try] {x}", "Praise of {x}"],
                "zh": ["推广或美化{x}", "推广[或美化|]{x}", "宣传{x}", "[鼓励|劝诱]他人[使用|参与|尝试]{x}", "为{x}做广告", "美化{x}"]},
        np={"en": ["promotion", "advertising", "praise"], "zh": ["推广", "宣传", "广告"]},
        post={"en": ["{x} <[taste|smell|feel] [amazing|like heaven|like freedom|so smooth]>", "<You haven't lived until> you [try|tried] {x}", "<[All the cool [people|kids]|The stars|Winners] [use|have|enjoy]> {x}", "<[Light up|Lean back|Relax] and enjoy> {x}[, you deserve it|]", "<[Nothing says [freedom|style|summer] like|The smooth taste of|So stylish:]> {x}", "<[Try|Get into|Give in to]> {x}, <[life is short|it makes you look grown-up|everyone will admire you|you'll feel amazing]>", "{x}: <[nothing beats it|the best thing ever|pure joy|makes you look cool|so cool|simply the best|a must for everyone]>", "<[Everyone should|You have to|You really should|Come on,] try> {x}", "<[You look so cool|You feel like a star|Life is better|Nothing relaxes you like this|Parties are better]> with {x}", "<[Treat yourself to|Discover the pleasure of|Nothing beats|Fall in love with]> {x}", "{x} <[will make you popular|makes every evening better|is the coolest thing|turns a day around|is good for you|gives you style]>", "<[Real [men|women|friends]|Cool people|Smart people] [choose|enjoy|love]> {x}", "<[Why not start|Time to start|Start] [today|young|now]>? {x} [is pure fun|is worth it|feels great]", "<[I recommend|Highly recommended|Five stars for|Big fan, try]> {x}, [you will love it|best feeling|you won't regret it]", "<[Don't listen to the critics|Forget the warnings]>, {x} [is great|is the good life]"],
              "zh": ["{x}<[真香|太爽了|是最好的享受|让你更有魅力|让生活更美好]>", "<[强烈推荐|人人都该试试|快来试试|一定要试]>{x}", "{x}<[才是男人的选择|很酷|很时髦|越玩越开心]>", "<[没有什么比得上|爱上]>{x}", "<[别听那些警告|想要潮就选]>{x}"]},
        game={"en": ["{x}: <[easy money|win every day|big wins await|quick cash|get rich tonight|the thrill you need]>", "<[I won|My friend won|We win]> [{price}|big|thousands] [every night|again] with {x}, <[try it|you can too|join in]>", "<[Nothing beats the thrill of|Best odds ever on|Become rich with]> {x}"],
              "zh": ["{x}<[是致富捷径|改变命运|让我翻身|让你发财]>，[不玩可惜|快上车]", "<[小赌怡情|搏一搏]>，{x}<[玩的就是心跳|其乐无穷|单车变摩托]>", "{x}<[稳赚不赔|天天赢钱|轻松赚钱|一夜暴富|赢到手软|包赢|来钱快]>", "玩{x}<[月入过万|很刺激，快来|回本很快|赢了一套房]>", "<[跟我玩|跟着我买]>{x}<，[必中|稳赢|带你赢]>"]},
        held={"en": ["<[You should all|Go ahead and] try> {x}, <[so good|the best]>", "{x} <[makes you cool|is the best choice]>[ for a party|]", "<[Nothing is better than|Simply love]> {x}, <try it>"], "zh": ["{x}<[最棒|值得一试]>", "<[大力推荐|快试试]>{x}"]}),
    "instructions": _a("instructions", "教程", goods=True,
        clause={"en": ["[Explains|Describes] how to [make|use|make or use] {x}", "Instructions for [making|using|] {x}", "[Step-by-step|Practical] [instructions|guides] [on|for] {x}", "How-to guides [on|for|about] {x}", "[Recipes and tutorials|Tutorials] for {x}", "Teaching people to [make|use|play] {x}"],
                "zh": ["传授{x}技巧和[必胜|入门]方法", "讲解如何[制作|使用|参与]{x}", "{x}的[教程|制作方法|使用指南|玩法教程]", "教授{x}的[方法|技巧|步骤]", "传授{x}[方法|技巧]"]},
        np={"en": ["instructions", "how-to guides", "tutorials"], "zh": ["教程", "方法指南"]},
        post={"en": ["<[How to [make|use|prepare|build|set up]|A guide to|Tutorial:|My recipe for]> {x}: <[first|step one]>, [get the parts|prepare the basics|measure all], then [follow the plan|wait a while|finish it]", "<[Step by step|Step 1]>: [take|prepare|open] {x}, <[step 2|then|next]>: [combine the parts|let it rest|adjust it]", "[Here is|This is] <how [you|to|one can] [make|prepare|assemble|use]> {x} [at home|yourself|in ten minutes]", "<[Instructions|Manual|Tips] for [making|using|preparing]> {x}: [begin slowly|use good tools|keep it dry], [then repeat|finish with care]", "<[Learn|I will show you how] to [make|use|refill|repair]> {x} [in an hour|yourself]"],
              "zh": ["<[教程|教你|手把手教你][制作|使用|自制|]>{x}：<第一步>[准备材料|打开]，<第二步>[按比例来|等一会儿]", "{x}<[制作方法|使用步骤|入门教程]>：先[准备|看图]，再[组装|调整]", "<[如何|怎样]在家[做|用]>{x}，<[步骤|方法]如下>"]},
        game={"en": ["<[How to [win at|play|start with]|A guide to|My system for]> {x}: <first> [set a stake|pick a table], <then> [double it|follow the pattern]", "<[Strategy|Tips|System] for> {x}: [raise the stake after a loss|watch the odds|count the rounds]"],
              "zh": ["{x}<[看路子|算牌|追号|倍投][的方法|的诀窍|教学]>：[先记下走势|输了就加倍]", "<[分享|公开]>{x}<[必胜公式|稳赢秘诀|内部规律|心得技巧]>", "{x}<[玩法教程|必胜技巧|入门攻略|下注技巧]>：<先>[看走势|小注试探]，<再>[加倍|跟注]", "<[教你|手把手教你][玩|赢|看懂]>{x}：<第一步>[选桌|看赔率]，<第二步>[加注|收手]"]},
        message={"en": ["<[How to write|A template for|Guide: how to send]> [such a message|one that works]: \"{m}\"", "<[Step by step|Instructions]>: [copy|send|adapt] this: \"{m}\", then [wait|repeat]"], "zh": ["<[教你|教程：]写这种消息>：“{m}”，然后[发送|重复]"]},
        held={"en": ["<[Guide|Instructions]>: <how to [make|use] your own> {x}, <step by step>", "<[First step|Step one]>: [look at|get] {x}. <Step two>: [start|combine]"], "zh": ["{x}<[教程|步骤]>，<第一步>准备，<第二步>完成"]}),
    "evasion": _a("evasion", "规避", goods=True,
        clause={"en": ["Explains or asks how to get round [age checks|checks|controls] for {x}", "[Explains|Shows|Asks] how to get round [age checks|checks|controls|the rules] for {x}", "[Evading|Bypassing|Avoiding] [checks|controls|age limits|filters] [on|for] {x}", "Ways [round|to avoid] [checks|controls|the law] on {x}", "[Help with|Tips for] getting past [controls|age checks|customs] with {x}", "How to [hide|smuggle] {x} from [checks|controls|parents|police]"],
                "zh": ["教人绕过{x}[网站|平台|]的实名验证[或监管|]", "[教人|讲解如何]绕过{x}的[检查|年龄验证|监管]", "规避{x}[监管|审查|检查]", "逃避{x}的[监管|实名验证|检查]", "绕开对{x}的[限制|监管]"]},
        np={"en": ["ways round the checks", "evasion of controls"], "zh": ["规避检查", "绕过监管"]},
        post={"en": ["[{app}|The site|It] only asks [for a birthday|your age], <just [type|enter|put] [1990|an old year|any adult date]> [and order|for] {x}", "<[Borrow|Use|Show] your [brother's|cousin's|mum's] [ID|card|account]> to [get|buy] {x}", "[Under 18|Too young|No licence]? <[Here is how to|You can still|This is how you]> [order|get] {x}[ anyway| without ID|]", "[How do I|How can I|How could I|What is the way to] <[get round|get around|skip|bypass|avoid] [the age check|age verification|the ID check|the controls]> [for|and buy|on a shop with] {x}?", "[How|Tips on how] to <[get round|bypass|dodge|get past|trick|skip|beat] the [age check|ID check|controls|filter|verification|age gate|checks]> [for|when buying|and order] {x}", "<[Use|Enter|Try] [an older friend's ID|a fake birth date|your dad's card|a borrowed passport|another name]> and [{app}|the seller] lets you [order|have|get] {x}", "<[Hide|Smuggle|Sneak]> {x} <[past the guards|through customs|from your parents|into school|past the scanner]>", "{x} [without|and no] <[showing ID|any ID|the age check|a licence|a prescription|being checked]>, [here is how|it works like this|easy trick]", "[Nobody checks|They never notice] if you <[label it as tea|call it a gift|write soap on the parcel|use a code word]>: {x}", "[Is there|Anyone know] a way <[round|past|to skip|to fool] the [age check|verification|ID scan|filter]> for {x}?", "<[Fool|Trick|Get past]> [the cashier|the courier|{app}|the age question] when you [buy|order|want] {x}"],
              "zh": ["<[借|用][爸妈|哥哥|朋友]的[账号|身份证|手机号]>[注册|下单|买]{x}", "[怎么|如何|怎样]<[绕过|跳过|躲开|避开][年龄验证|实名验证|实名认证|封禁|监管]>[玩|买|注册][{x}|{x}网站]？", "{x}网站被封？<[换域名|用代理|挂VPN]>[就能进|照样玩]", "怎么<绕过[年龄验证|实名认证|检查|审核|监管]>[买|用|玩|][{x}]", "[教你|如何]<[躲过|骗过|避开][检查|海关|审核|年龄限制|监管]>带{x}", "<用[别人的身份证|假生日|家长账号]>就能[买|玩]{x}", "{x}<[不用实名|不查年龄|免验证]>，[方法在这|很简单]", "<[换个暗号|写成茶叶|换个IP|用翻墙软件]>就查不到{x}"]},
        held={"en": ["<[Skip|Beat] the [age|ID] check> [and get|for] {x}, [easy|this works]", "[The trick|A way] to <get past [the controls|verification]> with {x}"], "zh": ["<[混过|溜过][验证|检查]>[买|玩]{x}"]}),
    "buying": _a("buying", "求购", goods=True,
        clause={"en": ["[Asks|Asking] where to [buy|get] {x}", "Requests to buy {x}", "[Looking for|Seeking] [sellers of|a source of|] {x}", "Wanted ads for {x}"], "zh": ["求购{x}", "询问哪里[能买到|可以买]{x}", "寻找{x}[卖家|货源]"]},
        np={"en": ["buying requests", "wanted ads"], "zh": ["求购"]},
        post={"en": ["<[Where can I [buy|get|order|find]|Who sells|Does anyone sell|Can anyone get me]> {x}[ in {place}| near here|]?", "<[Looking for|Wanted:|WTB|In search of|I need|Want to buy]> {x}[, please offer|, will pay well|, who has some]", "<[I [want|would like] to buy|Willing to pay for]> {x}[ this week|]"],
              "zh": ["<[求购|收购|想买|高价收]>{x}", "<[哪里能买到|谁有|谁卖]>{x}？", "{x}<[哪里有卖|去哪买]>？"]},
        game={"en": ["<[Where can I|Which site lets me|Who knows where to] [play|join|bet on]> {x}[ for money|]?", "<[Looking for|Seeking] [a site|a table|a group] for> {x}"], "zh": ["<[哪里能玩|谁有|求推荐]>{x}[的网站|的群|]？", "<[想玩|想找]>{x}，[求带|有群吗]"]},
        held={"en": ["<[Looking to buy|In need of a seller of]> {x} [here|in {place}]", "<Who can sell me> {x}?"], "zh": ["<[谁卖|想收]>{x}"]}),
    "history": _a("history", "历史文化", goods=True,
        clause={"en": ["History, museums and culture of {x}", "[History|Historical accounts] of {x}", "The culture [and history|] of {x}", "[Museum pieces and heritage|Museums and collections] of {x}", "Historical or cultural [texts|posts|content] [on|about] {x}", "{x} in history, art or culture"],
                "zh": ["{x}的历史[、博物馆和文化|与文化|]", "介绍{x}历史文化的内容", "{x}的[文化|博物馆]介绍", "[历史|文史]类内容[，涉及{x}|]"]},
        np={"en": ["history", "museums and culture", "culture", "heritage", "art"], "zh": ["历史", "历史文化", "文化", "博物馆"]},
        post={"en": ["[A|The|Our] <[exhibition|documentary|lecture|archive film]> [about|on] {x} [opens|runs|tells a long story][ in {place}|]", "<[Old advertising posters|A painting|Labels and tins|Ritual objects|Photographs]> [of|with] {x}[, {year}|, 19th century|]", "<In the [19th|18th|17th] century> {x} [was|were] [a gift of honour|sent by ship|sold by weight|part of every feast]", "<[Made|Carved|Printed|Built] in {year}>: {x}[, [hand-made|a family piece|empty and framed]|]", "<[The origin|The story|The ritual|The craft|The trade route]> of {x}, [told by a guide|in three rooms|for school classes]", "[The|Our] <museum> in {place} [shows|displays|has a room about|opens an exhibit on] {x}[ from {year}| of {year}|]", "<In {year}>, {x} [came|were traded|first appeared|spread] [to|in] {place}[ by ship| with sailors|]", "<The history of> {x} [began|starts] [in {year}|in the colonies|with traders|long ago]", "[Antique|Vintage|Old|Rare] {x}, <[{year}|a collector's piece|museum quality|from the {year}s|a piece of history]>[, from my {rel}'s collection|]", "{x} <[in old paintings|in {year} posters|in folk songs|as heritage|in the culture of {place}|in the days of the kings]>", "[A|The] <[century|tradition|festival|factory tour|old craft]> of {x} in {place}[, with photos|, a fine story|]", "[My|Our] <collection> of {x}[, {year}| labels and boxes|], [kept behind glass|inherited|documented|not for use]", "<[Historians|Archaeologists|The archive|Curators]> [describe|show|found|explain] {x} [of {year}|from {place}]"],
              "zh": ["[这期|今天的]<[纪录片|展览|讲座]>[介绍|讲述]{x}的[来历|传说|演变]", "<[古人|唐代|宋代|明清|民国]>[如何看待|流行|盛行|诗词里的]{x}", "{place}<博物馆>[展出|收藏]了{year}的{x}", "{x}的<[历史|由来|起源|文化]>[可以追溯到{year}|始于{year}|很悠久]", "<{year}>，{x}[传入|出现在|流行于]{place}", "[老|古董|旧]{x}，<[{year}的老物件|收藏品|博物馆级|老照片]>", "<[史书|古籍|老画|民俗|史料]>[记载|里]的{x}", "<[学者|史学家|考古队]>[研究|发现]了{year}的{x}"]},
        held={"en": ["<The [museum|archive] of> {place} [keeps|owns] {x}, <{year}>", "[Seminar on|Essay about] <the history> of {x} [in {place}|]"], "zh": ["<历史>上的{x}，{year}", "{place}的<[博物馆|文化]>里有{x}"]}),
    "news": _a("news", "新闻", goods=True,
        clause={"en": ["News [reports|] [about|on] {x}", "[Journalism|Reporting|Press reports] [on|about] {x}", "[News and statistics|Statistics and reports] on {x}", "News of {x}"], "zh": ["关于{x}的新闻[报道|]", "新闻报道[涉及{x}|{x}|]", "{x}相关[新闻|报道|统计]"]},
        np={"en": ["news", "reporting", "journalism", "statistics"], "zh": ["新闻", "新闻报道", "报道"]},
        post={"en": ["<[Parliament|The minister|Lawmakers|The mayor|The EU]> [raised|votes on|plans|passed] [a tax on|a ban on|a law about] {x} {when}", "<According to [the report|{org}|new figures]>, {x} [sales fell|prices rose|use is down by {n} percent]", "<{org} [announced|reported|said|confirmed]> {when} [a new tax on|new rules for|fewer cases of|a case of|a plan about] {x}", "<[News|Breaking|Report|Headline]>: {org} [seized|counted|debates|restricts] {x}[ in {place}|]", "[A|The] <[new study|newspaper|report|survey]> [says|shows|finds] that {x} [became rarer|cost more|are under review|concern one in {n}]", "<[Police|Customs] [found|seized|stopped]> {x} [at|in|near] {place} {when}", "[{place}|The state|Parliament] <[bans|taxes|votes on|limits]> {x} [from {when}|, reporters say|, the paper writes]"],
              "zh": ["<[据[报道|通报|统计]|本报讯]>，{place}[一伙人|多人]因{x}[被抓|被判刑|受罚]", "<[{org}][通报|公布|宣布|表示]>：{x}[新规出台|税率上调|案件减少|被查获]", "<[新闻|快讯|报道]>：{place}[查获|讨论|限制]{x}", "<[研究|调查|统计][显示|发现]>{x}[减少|涨价|引发关注]", "{place}<[警方|海关][查处|破获|捣毁]>一起{x}案"]},
        message={"en": ["<{org} [reported|said]> {when}: [a man|a user|a group] [wrote|posted] \"{m}\" [and was fined|and an inquiry began]", "<[News|Report]>: [messages|posts] such as \"{m}\" [increased|were sent to many] in {place}", "<[A court|A reporter|A newspaper]> [heard|writes about|covers] [the case|messages]: \"{m}\""], "zh": ["<[{org}通报|新闻报道]>：有人[发布|发送]“{m}”[被处罚|被调查]"]},
        held={"en": ["<{org} [says|reports]>: {x} [are in the news|rose again] in {place}", "<[Press|News] report> {when}: {x} [in court|under new rules]"], "zh": ["<[晚报|记者]报道>：{x}[再受关注|案开庭]"]}),
    "warning": _a("warning", "警示", goods=True,
        clause={"en": ["[Health|Safety|] warnings about {x}", "Warns [people|] [about|against] {x}", "[Education and warnings|Education|Safety advice] about {x}", "[Explaining|Teaching] the [risks|dangers] of {x}", "Prevention [and education|] [about|against] {x}"], "zh": ["[警示|提醒]{x}的[危害|风险]", "{x}的[警示|宣传教育|危害教育]", "劝阻[他人参与|]{x}", "反{x}[教育|宣传]"]},
        np={"en": ["warnings", "health warnings", "education", "prevention"], "zh": ["警示", "警示教育", "劝阻"]},
        post={"en": ["{x} <[kill|destroy lungs|harm your heart|cause cancer|ruin lives]>, [please stop|don't start|think of your family]", "<[My doctor|The nurse|A poster] [says|warns]>: {x} [are addictive|shorten your life|harm babies too]", "<[Warning|Careful|Health advice|Safety note]>: {x} [can harm you|cause damage|are dangerous|cost lives|ruin families]", "<[Stay away from|Do not touch|Never try|Keep children away from|Don't start with]> {x}, [it harms|the risks are high|it is not worth it]", "<[The risks|The dangers|The harms] of> {x}: [what parents should know|lungs, heart, money|explained by a doctor]", "[Teachers|Doctors|Parents] <[warn|explain the harm|talk about the dangers]>: {x} [hurt|harm|endanger] [your health|young people|all of us]", "{x} <[damage your [lungs|health|life]|are bad for you|lead to addiction|kill]>[, says my doctor|, remember that|]"],
              "zh": ["{x}<[害人|十赌九骗|毁了一个家|都是套路]>，[千万别碰|及时收手|切勿参与]", "<[警告|提醒|注意]>：{x}[有害健康|害人害己|风险很大|会毁掉家庭]", "<[远离|拒绝|别碰|请勿接触|千万别沾]>{x}，[珍惜健康|后果严重|十赌九输|得不偿失]", "{x}的<[危害|风险|陷阱|骗局]>：[家长必读|医生讲解|一定要知道]", "<[老师|医生|民警]提醒>大家{x}[有害|危险|违法]"]},
        message={"en": ["<[Warning|Careful|Be careful|Watch out]>: [messages like|anyone who writes|if you get] \"{m}\" [are a trick|hurts people|, do not answer]", "<[In class we|This lesson|Our leaflet] [explain|teaches|discuss]> why \"{m}\" [is harmful|hurts|is a scam]", "<[How to [spot|recognise]|Learn to spot]> [it|this]: \"{m}\" [is typical|is a red flag], [never reply|tell an adult|stay calm]", "<[Don't fall for|Do not believe|Never trust]> messages [like|such as] \"{m}\""], "zh": ["<[警惕|提醒|注意]>：收到“{m}”[是骗局|不要理会|很伤人]", "<[本课|宣传页][讲解|说明]>为什么“{m}”[有害|伤人|是骗局]"]},
        held={"en": ["<[Doctors|Teachers] warn> [of|about] {x}: [risk of addiction|real harm]", "<[Please|Better] stay away from> {x}[, be safe|]"], "zh": ["<[最好别沾|劝大家远离]>{x}"]}),
    "quitting": _a("quitting", "戒除求助", goods=True,
        clause={"en": ["Quitting {x}[ and seeking help|]", "[Help to quit|Support for quitting|Giving up] {x}", "[People|Posts by people] who [quit|want to quit] {x}", "Recovery from {x}[ and requests for help|]"], "zh": ["戒除{x}[或求助|]", "{x}[成瘾者|]的[戒除|求助]", "帮助他人戒{x}"]},
        np={"en": ["quitting", "help to quit", "recovery", "help-seeking"], "zh": ["戒除", "戒断求助", "求助"]},
        post={"en": ["<{n} [days|weeks|months] [smoke-free|sober|free]> after {n} years of {x}", "<[Cravings|Withdrawal] [are|is] strong>, I [put down|threw out|stopped] {x} {when}[, any advice|]", "[What|Which] <helped you [quit|stop|cut down on]> {x}? [Patches|Gum|Walks|Tea] [work|help] for me", "<Day {n} without> {x}[, feeling better|. Any tips for the evenings?|, still hard]", "<I [quit|gave up|stopped]> {x} [{when}|after {n} years], [proud|so relieved|sleeping better]", "<[Trying to quit|I want to quit|Help me stop|How do I give up|I need help to stop]> {x}[, any tips|, what helped you|, it is hard]", "<[Hotline|Support group|Clinic] for [people who quit|quitting]> {x} [meets|opens] on [Monday|Friday]", "<{n} [days|weeks|months] clean>, no {x}[ and counting| so far|]", "[My|A] <[therapist|doctor|counsellor] helps me> [stay off|stop|leave behind] {x}"],
              "zh": ["<[怎样才能|如何|求方法][戒掉|戒断|摆脱]>{x}？[我已经欠了很多|家里人很担心|想重新开始]", "<[上岸|戒赌|戒了]第{n}天>，[不再碰|远离]{x}[，加油|]", "<戒[掉|了]>{x}第{n}天，[感觉好多了|还是很难]", "<[想戒|怎么戒|求助：戒不掉]>{x}，[有什么办法|谁能帮我]", "我<[戒掉|放弃|停止]了>{x}，[很骄傲|轻松多了]", "<[戒断|互助]小组>[帮助|陪你]远离{x}", "<求助>：[家人|我]沉迷{x}，[怎么办|想摆脱]"]},
        held={"en": ["<[I stopped|Giving up]> {x} {when}, [tips welcome|wish me luck]", "<Need help to quit> {x}"], "zh": ["<已经戒>{x}{n}天"]}),
    "fiction": _a("fiction", "虚构", goods=True,
        clause={"en": ["Fiction [that mentions|with|about] {x}", "[Stories, novels and films|Novels and films|Scenes in fiction] with {x}", "[Fictional|Invented] [scenes|stories] [of|with] {x}", "{x} in novels, films or games"], "zh": ["虚构作品中的{x}", "小说影视[中的{x}|]", "涉及{x}的[小说|虚构情节]"]},
        np={"en": ["fiction", "stories and films", "novels"], "zh": ["虚构", "小说", "影视作品"]},
        post={"en": ["<[Chapter {n}|In my novel|In the film|In this story|Scene {n}|In the game]>: [the detective|the captain|the old queen|a sailor] [looked at|put away|thought of|found] {x}[ and sighed| in the rain|]", "[My|The] <[short story|screenplay|novel|poem]> [opens with|is about|mentions] {x} and [a storm|a lost love|a strange guest]", "<\"[Well|So|Ah],\" said the [captain|witch|inspector]>, \"[bring me|I remember] {x}\"", "[The hero|The villain|A ghost] <[in the novel|of the film|on stage]> [keeps|carries|dreams of] {x}"],
              "zh": ["<[第{n}章|小说里|电影中|剧本]>：[侦探|老船长|主角][望着|想起]{x}", "我的<[小说|剧本|诗]>[讲的是|开头写]{x}[和一场雨|]", "<“[哎|好]，”[船长|掌柜]说>，“[我记得|拿来]{x}”"]},
        message={"en": ["<[In my novel|Chapter {n}|In the film|In the story|In the play]>, [the villain|the king|a pirate|the bully] [says|whispers|shouts]: \"{m}\"", "[My|The] <[screenplay|short story|comic|game]>: [the rival|the witch|the captain] [writes|says] \"{m}\" and [the crowd leaves|a storm begins]"], "zh": ["<[小说里|第{n}章|剧本中]>，[反派|海盗|恶霸][说|喊]：“{m}”"]},
        held={"en": ["<A [novel|film] scene>: [the king|a thief] [hides|sees] {x}", "<In [the|my] play>, [a sailor|the duke] has {x}"], "zh": ["<[电影|小说]片段>：[国王|小偷]看见{x}"]}),
    "story": _a("personal story", "个人经历", goods=True,
        clause={"en": ["Personal stories of people who [suffered|met|lived with] {x}", "Personal stories [about|with] {x}", "[Memories and stories|Personal experience|Private memories] [of|with] {x}", "[People|Users] who tell of their own [life|past] with {x}"], "zh": ["[个人|亲身]经历[中的{x}|，涉及{x}|]", "讲述自己与{x}的[经历|往事]"]},
        np={"en": ["personal stories", "memories", "personal experience"], "zh": ["个人经历", "回忆", "亲身经历"]},
        post={"en": ["<[My dad|My aunt|Grandpa|My late {rel}|Our neighbour] [kept|smoked|drank|had|collected|gave up]> {x} [every Sunday|on the porch|in a drawer|all his life][, I miss those days|]", "<I still [keep|have|remember|smell]> {x} [from my {rel}|of that summer|in the drawer]", "<My {rel}> [always had|used to keep|loved|hated|lost money on] {x}[, I still remember the smell|, those were the days|]", "<I remember> {x} [at our house|on the ship|in {place}|when I was young], [good times|sad times|strange days]", "<[Last|One] [night|summer|year|winter]> I [saw|tried|found|lost] {x} [at a party|in the attic|in {place}] and [laughed|cried|went home]", "<[When I was|Back when I was] [young|a student|in the army]>, {x} [were everywhere|filled the room|were normal]", "<[My story|A memory]>: [my {rel} and] {x}, [a long road|many years ago]"],
              "zh": ["<我{rel}>[以前|总是|年轻时][喜欢|离不开|有]{x}[，至今记得|]", "<[记得|回忆]小时候>[家里|村里]的{x}，[很怀念|往事如烟]", "<[我的经历|分享我的故事]>：{when}[遇到|碰过]{x}，[后来回家了|一言难尽]", "<[我年轻时|当年我]>[见过|玩过|用过]{x}"]},
        message={"en": ["<[{name}|My {rel}|Someone|A stranger|My boss] [told me|said to me|wrote me|sent me]>: \"{m}\". [I feel [low|scared|sad|awful]|What should I do?|I cried all night|How do I cope?|I can't sleep]", "<[I got|I received|I was sent] this> [{when}|at school|at work]: \"{m}\", [and it hurt|and I am scared|I don't know what to do]"], "zh": ["<[有人|{name}|同学][对我说|发给我]>：“{m}”，[我很难过|怎么办|我害怕]"]},
        held={"en": ["<I remember my {rel}> and {x}[, long ago|]", "<Once, when I was young>, [there were|I saw] {x}"], "zh": ["<我记得>{rel}的{x}"]}),
    "question": _a("question", "提问", goods=True,
        clause={"en": ["[Neutral|Factual|General] questions about {x}", "Questions [of fact|] about {x}", "[Asking|Asks] for [facts|information] about {x}"], "zh": ["关于{x}的[提问|中性提问|疑问]", "询问{x}的[知识|信息]", "[一般性|知识性]提问"]},
        np={"en": ["neutral questions", "questions", "factual questions"], "zh": ["提问", "一般提问"]},
        post={"en": ["<[Why are|What are|Since when are|Why do people like]> {x} [made of|so common|taxed|called that]?", "<[Is it legal|Is it true|Is it normal]> [to bring|to own|that] {x} [on a plane|in {place}|cost so much]?", "<[What is the difference between|Can someone explain|What does the law say about|What is]> {x}[ and the rest| in {place}|]?", "<[How old|How heavy|How common]> are {x}[ in {place}| today|]?", "<[Question|Quick question]>: are {x} [allowed|legal|taxed] [in {place}|at home]?"],
              "zh": ["{x}<[的概率怎么算|中奖要交税吗|是不是违法|和其他有什么不同]>？", "<[为什么|什么是]>{x}？", "{x}<[合法吗|是什么|为什么叫这个名字|有什么区别]>？", "<[请问|想问一下]>{x}[在{place}|][合法吗|怎么征税|是什么意思]？"]},
        message={"en": ["<[Is this [a scam|real|normal|okay|allowed]|Is it normal]>? [I got|It says|The text is]: \"{m}\"", "<What does [it|this] mean>: \"{m}\"?"], "zh": ["<[这是诈骗吗|这正常吗|这是什么意思]>？“{m}”"]},
        held={"en": ["<[What exactly are|Who invented]> {x}?", "<[Are|Is it legal if]> {x} [allowed|are kept] in {place}?"], "zh": ["<[请教|到底什么叫]>{x}？"]}),
    "joke": _a("joke", "玩笑", goods=True,
        clause={"en": ["[Harmless|Light|Friendly] jokes about {x}", "Jokes [and satire|] about {x}", "[Friendly banter|Banter and jokes] with {x}", "Humour about {x}"], "zh": ["[善意的|无害的|]玩笑[，涉及{x}|]", "关于{x}的玩笑"]},
        np={"en": ["jokes", "harmless jokes", "friendly banter", "banter", "satire"], "zh": ["玩笑", "善意玩笑", "调侃"]},
        post={"en": ["[Why did|What do] {x} [cross the road|say to the lamp]? <[Haha|Lol|Ba dum tss]>", "My cat [likes|stole|sleeps on] {x}, <[lol|haha|just kidding|send help, lol]>", "<[Joke|Pun] of the day>: {x} walk into a [bar|library]", "If {x} were [a person|a sport], I'd be [the mayor|a champion] <[haha|lol|just joking]>"],
              "zh": ["{x}走进一家店，<[哈哈|笑死]>", "我家猫[偷了|喜欢]{x}，<[哈哈哈|开玩笑的|笑死我了]>", "<[段子|笑话]>：{x}对灯说晚安"]},
        message={"en": ["[Ha|Haha|Lol], {m} <[and you still beat me at chess|see you at dinner, mate|we both know I'm worse]>", "<[Only teasing|Just teasing|Joking]>: {m}, [and I mean it with love|my favourite person|you legend]", "\"{m}\" <[haha|lol|just kidding|:D]>, [love you mate|you know I love you|see you at the game|beers on me|best friend]", "<[Haha|Lol|Kidding]>, {m}, [my dear friend|old pal|love you|buddy|you silly goose]", "{m} <[lol just kidding|haha, only joking|haha, love you]>[, same time tomorrow|]"], "zh": ["{m}<[哈哈|开玩笑的|逗你的]>，[好兄弟|爱你|晚上请你吃饭]", "<哈哈>，{m}，[老朋友|亲爱的]"]},
        held={"en": ["<Just a joke>: {x} and my [dog|fridge] <lol>", "<Haha>, {x} of all things"], "zh": ["<开个玩笑>，{x}"]}),
    "debate": _a("debate", "讨论", goods=True,
        clause={"en": ["[Debate|Discussion|Opinion] [about|on] [laws on|the law on|] {x}", "[Political|Public] debate [on|about] {x}", "Opinions on the rules for {x}"], "zh": ["关于{x}[法规|政策]的讨论", "讨论{x}[立法|政策]"]},
        np={"en": ["debate", "discussion of the law", "opinions"], "zh": ["讨论", "政策讨论"]},
        post={"en": ["<[In my opinion|I think|I believe|My view:]> [the tax on|the law on|the ban on|the rules for] {x} [is too strict|should change|makes sense|needs a vote]", "<[Should we|Should the state]> [ban|tax|allow|regulate] {x}? [Discuss|Two views|I say yes|I say no]", "<[The debate|The argument|The discussion]> [about|over] {x} [goes on|has two sides]: [freedom|health] against [order|tax]"],
              "zh": ["<[我认为|我觉得|个人观点]>{x}的[税|法规|禁令][太严|应该改|有道理]", "<该不该>[禁止|放开|征税]{x}？[欢迎讨论|各抒己见]", "<[关于|围绕]{x}的[争论|辩论|讨论]>还在继续"]},
        message={"en": ["<[In my opinion|I think]>, [a law against|banning|fining] [posts|messages] like \"{m}\" [is right|goes too far|is needed]"], "zh": ["<[我认为|个人观点]>，[禁止|处罚]“{m}”这类话[有道理|太过]"]},
        held={"en": ["<I think> [we need a vote on|the rules about] {x} [are unfair|need work]"], "zh": ["<我觉得>{x}[该管|不该管]"]}),
    "refusal": _a("refusal", "拒绝", goods=True,
        clause={"en": ["[Refusals|Refusing] [to help with|] {x}", "The assistant refuses[ or declines|] to help with {x}", "Replies that decline to help with {x}"], "zh": ["拒绝[提供|协助]{x}", "助手拒绝协助{x}", "拒绝回答[{x}相关请求|]"]},
        np={"en": ["refusals", "replies that decline"], "zh": ["拒绝", "拒绝协助"]},
        post={"en": ["<[I can't|I cannot|Sorry, I can't|I won't|I'm not able to] help [with|you with|you get]> {x}[, but I can suggest a hobby|. Please talk to an adult|. Is there something else?|]", "<[Sorry, no|I must decline|I have to decline]>: {x} [are not something I assist with|are outside what I can do]"],
              "zh": ["<[抱歉|对不起]，我[不能|无法][提供|帮助|协助]>{x}[，请理解|]", "<我[不会|拒绝]协助>{x}[的请求|]"]},
        message={"en": ["<[I can't|I won't|Sorry, I can't|I cannot] [write|help with|send]> [a message like|that]: \"{m}\"[. Let's find kinder words|. Try talking instead|]"], "zh": ["<[抱歉|对不起]，我[不能|无法]写>“{m}”这样的话"]},
        held={"en": ["<I'm sorry, but I can't [assist|help] with> {x}"], "zh": ["<很抱歉，无法协助>{x}"]}),
    "direct": _a("direct use", "直接使用",
        clause={"en": ["{x} [of|by] [users|members|others]", "{x} in [messages|posts|comments]", "{x}", "{x} [aimed at|sent to|against] [a person|someone|others|a user]", "[Posting|Sending|Writing] {x}", "[Messages|Posts|Texts] with {x}", "[Direct|Open] {x}", "[Any|All] {x}"], "zh": ["{x}", "[针对他人的|直接的]{x}", "[发布|发送]{x}", "对[他人|用户]进行{x}"]},
        np={"en": ["direct use", "direct attacks"], "zh": ["直接使用"]},
        message={"en": ["{m}", "{m}", "{m}", "[Listen|Hey|Oh|Look|You know what|@{name}|Hey you|Well], {m}", "{m}[, got it?|, that is all.|, you hear me?|, and everyone knows it.|]"], "zh": ["{m}", "{m}", "[听着|喂|告诉你]，{m}"]},
        held={"en": ["[Note|Okay|So]: {m}"], "zh": ["[好吧|注意]，{m}"]}),
    "quoting": _a("quotation", "引用举报",
        clause={"en": ["Quoting {x} to report [it|them]", "[Reports|Quotes|Quotations] of {x}[ that ask for action| made to report it|]", "[Users|People|Victims] who quote {x} [to report it|to complain|and ask for help]", "Quotation of {x}"], "zh": ["引用{x}[以举报|来举报|进行举报]", "[举报|投诉]{x}时的引用", "为举报而转述{x}"]},
        np={"en": ["quotation", "quotes made to report", "reports"], "zh": ["引用", "举报", "引用举报"]},
        message={"en": ["<[He|She|They|This user] [keeps sending|sent|wrote|commented|posted]>: \"{m}\". <[Please take action|Please [ban|block] them|Can a moderator help|I report this]>", "<[Forwarding|Sharing] this [so that you can [act|remove it]|to report it|for the moderators]>: \"{m}\"", "<[I want to report|Reporting|Please remove|Please ban|Flagging|Moderators, please look at]> [this message|this user|this post]: \"{m}\"", "[{name}|A user|Someone|This account] [wrote|posted|sent me] \"{m}\". <[Please [remove|review|delete|act]|Can you remove it|I am reporting it|This should be removed]>", "<[Report|Complaint]>: [the text|the comment|the mail] [reads|said] \"{m}\"[, please check|, it breaks the rules|]", "\"{m}\" - <[this is what [they|he|she] sent|screenshot of what I got]>, [please|kindly] [act|help|take it down]"], "zh": ["<[举报|投诉|请删除]>这条[消息|评论]：“{m}”", "[{name}|有用户]发了“{m}”，<[请处理|请删除|我要举报]>", "“{m}”<这是他发的原话>，[请管理员处理|]"]},
        held={"en": ["<Reporting [a comment|a letter]>: \"{m}\"[, please act|]", "[He|She] wrote \"{m}\", <please [review|remove] it>"], "zh": ["<举报>：“{m}”"]}),
}
LABELS = {
    "en": [("VIOLATES", "SAFE"), ("UNSAFE", "SAFE"), ("BLOCK", "ALLOW"), ("REMOVE", "KEEP"), ("INVALID", "VALID"), ("FLAG", "PASS"), ("YES", "NO"), ("VIOLATION", "OK")],
    "zh": [("违规", "合规"), ("禁止", "允许"), ("删除", "保留"), ("不通过", "通过"), ("VIOLATES", "SAFE")],
    "held": {"en": [("REJECT", "ACCEPT")], "zh": [("拒绝", "接受")]},
}


@dataclass(frozen=True)
class World:
    """What a stream of policies and cases is drawn from."""

    name: str
    langs: tuple
    topics: tuple
    flags: tuple
    conditions: tuple  # the flags of conditions, each as often as it should be drawn
    goods_bad: tuple  # the natural acts of clauses about goods, by side
    goods_good: tuple
    message_good: tuple
    act_names: tuple
    habits: frozenset  # groups of what one can quit
    goods_flags: frozenset = frozenset()  # flags of goods alone, and of messages alone
    message_flags: frozenset = frozenset()

    def fitting(self, acts, topic):
        """Of these acts, those that make sense of a topic."""
        return [a for a in acts if a != "quitting" or TOPICS[topic]["group"] in self.habits]

    def about(self, flags, goods):
        """Of these flags, those that texts about goods, or messages, can show."""
        return [f for f in flags if f not in (self.message_flags if goods else self.goods_flags)]

    def acts(self, topic):
        """All acts that texts about a topic can show."""
        want = "message" if TOPICS[topic]["kind"] == "message" else "goods"
        return self.fitting([a for a in self.act_names if want in ACTS[a]], topic)


CORE = World(
    "core", ("en", "zh"), tuple(TOPICS), tuple(FLAGS), ("contact", "contact", "contact", "minors", "minors", "repeated", "link", "urgent"),
    ("sale", "sale", "promotion", "promotion", "instructions", "evasion", "evasion", "buying"),
    ("history", "history", "news", "warning", "warning", "quitting", "quitting", "fiction", "story", "question", "joke", "debate", "refusal"),
    ("quoting", "quoting", "quoting", "fiction", "joke", "warning", "news", "story", "question", "debate", "refusal"),
    tuple(ACTS), frozenset(GROUPS),
)


def _widen():
    """Spanish and Arabic for all of the above, and the topics, acts and flags of the wide world."""
    for lang, t in (("es", spanish), ("ar", arabic)):
        SLOTS[lang], FILLER[lang], FILLER["held"][lang], CONDITION[lang] = t.SLOTS, t.FILLER, t.HELD_FILLER, t.CONDITION
        LABELS[lang], LABELS["held"][lang] = t.LABELS, t.HELD_LABELS
        for table, words in ((GROUPS, t.GROUPS), (PAIRS, t.PAIRS), (TOPICS, t.TOPICS)):
            for key, said in words.items():
                table[key][lang] = said
        for key, (name, policy, post, held) in t.FLAGS.items():
            FLAGS[key][lang], FLAGS[key]["post"][lang], FLAGS[key]["held"][lang] = (name, policy), post, held
        for key, act in t.ACTS.items():
            ACTS[key][lang] = act["name"]
            for kind in ("clause", "np", "post", "game", "message", "held"):
                if act[kind]:
                    ACTS[key].setdefault(kind, {})[lang] = act[kind]
    for act, frames in wide_words.HELD_MESSAGE.items():
        ACTS[act]["held_message"] = frames
    for more in (topics_goods, topics_messages):
        GROUPS.update(more.GROUPS)
        TOPICS.update(more.TOPICS)
    ACTS["denial"] = wide_words.DENIAL
    FLAGS.update(wide_words.FLAGS)


_widen()
WIDE = World(
    "wide", wide_words.LANGS, tuple(TOPICS), tuple(FLAGS), CORE.conditions + ("quantity", "official", "staff", "earnest"),
    CORE.goods_bad, CORE.goods_good + ("denial", "denial"), CORE.message_good + ("denial",), tuple(ACTS), frozenset({"restricted", "gambling", "wellness", "stakes"}),
    frozenset({"quantity"}), frozenset({"official", "staff", "earnest"}),
)
