"""More training wordings: what world.py's lists hold, said in other ways.

Owns them and nothing else. They are apart because the held-out evaluation writes what has no
held-out wording from world.py's lists alone, and must stay the same files when wordings are
added here. Same notation as there.
"""

FILLER = {
    "en": [
        "[Greetings|Cheers|Hiya], [neighbours|friends|people|fellow members].", "[Afternoon|Evening all|Morning all][.|!]", "[Sent|Typed|Written|Greetings] [from|in] {place}.", "[I write|I type|Sitting here] [this |][in|at] {place}.",
        "That's [all|everything|it] [for now|for today|folks].", "[That is|This is] [my news|the whole story|everything] [from {place}|so far|{when}].", "[Hoping|I trust] [everyone is|you are] [fine|healthy|doing well].", "[Wishing|Hope] you [all |][the best|a calm week|a good start].",
        "[See you|Talk] [later|soon|tomorrow].", "[Posted|Written] [while waiting|on my phone|on the train] [in|at] {place}.", "[All|Everyone] [fine|well|good] [here|with us] {when}.", "[First|One] thing: [I like it here|thanks for having me].",
    ],
    "zh": ["[朋友|大伙|伙伴][们|][好|早上好|晚上好|下午好][。|！]", "[发自|来自|人在]{place}。", "[写完了|就这些|说完了]。", "[各位|诸位][好|下午好|辛苦了]。", "[先这样|就到这里|回头见]。", "[早安|晚安|午安]，[大家|朋友们]。", "在{place}[写的|随手发的|路过]。"],
}

FLAGS = {
    "contact": {"en": ["<[Write|Mail|Ring] us [at|on] {num}>[.| any time.]", "<{price} for [all|everything|the whole box]>.", "<[Best|Highest] offer> [wins|takes it], <ring {num}>.", "<[My number|Our line|The number] is {num}>.", "[You can reach us|Get hold of me|I can be reached] <on {num}>.", "<[Prices|Price list|Offers|Details] [in|via|by] [DM|PM|mail|text]>.", "<[A|Each|One] costs {price}>.", "[Contact|Find] me <under {num}>.", "<[Leave|Drop] [me |]a [message|DM|line]>[ and I reply|]."],
                "zh": ["<[一共|全部|打包]{price}>。", "<{price}[含邮|不议价|起]>。", "<[联系|找]{num}>[即可|]。", "<[我的电话|号码][是|：]{num}>。", "<[有意|想要][私聊|加我|留言]>。", "<[售价|标价]{price}>。"]},
    "minors": {"en": ["<[School|Primary] [kids|children|students]> [will love|enjoy] it.", "<[We are|She is|He is] [only|just] [12|13|14|15|16]>.", "[Made|Meant|Just right] <for [young people|a 14-year-old|teens|pupils]>.", "<[Teens|Kids|Young ones|Pupils]>, [this is yours|come along|look here].", "[Fun|Nice|A treat] <for [your kids|the little ones|school classes|a child]>.", "<I'm [13|14|15], [turning 16|still at school|in class 8]>.", "<Not yet [16|18]>[, but who cares|]."],
               "zh": ["<[学生|小孩|青少年][价|专场|免费|最爱]>。", "<[给|送][孩子|小朋友|中学生]>[正好|的礼物]。", "<[还没|未][满|到]18岁>。", "<[小学生|初中生|高中生][都爱|看过来|有优惠]>。", "<我[上|读][初一|初二|高一|小学]>。"]},
    "repeated": {"en": ["<[Shared|Dropped|Put] [this|it] in {n} [chats|groups|channels|forums]>.", "<[Spread|Share|Pass] [this|it] [to everybody|everywhere you can|in all your chats]>.", "<I [put|post|say|send] this [everywhere|on every page|to each of you]>.", "<[Sent|Mailed] to [everyone|all members|{n} people|my whole list]>[ today|].", "<[Bulk|Mass|Chain] [message|mail|post]>[, for all|, pass it on].", "<[Yet|Once] again [the same|this post]>[, for everyone|].", "<[Reposting|Resending|Repeating] [this|it] [in all threads|every hour|daily]>."],
                 "zh": ["<[全部|所有|各个]群都[发|转]>。", "<[到处|多群|处处][转发|发]>。", "<[发遍|转遍][各群|{n}个群|朋友圈]>。", "<[每天|每小时]发[一遍|{n}遍]>。", "<[又|再]发一[次|条]>。", "<[转给|发给][所有人|每个人|{n}个好友]>。"]},
    "link": {"en": ["[Look|Sign up|Check it out] [here|at]: <{url}>", "[Follow|Use|Press] [the link|this] <{url}>.", "[The page|Our site|The form] is <{url}>.", "<{url}> [has it all|tells you more|explains it]."],
             "zh": ["[请|去]<{url}>[看看|查看]。", "[网址|地址][是|：]<{url}>。", "[看这里|更多][：|见]<{url}>。"]},
    "urgent": {"en": ["<[You|You all] [need to|have to] [decide|act|reply] [now|today|at once|fast]>[!|.]", "<[Be quick|Quick|Rush]>, [only hours left|almost over|the clock runs].", "<[Final|Last] [call|hours|minutes|days]>[!|.]", "<[This must happen|Do it|Decide|Answer] [today|now|at once|tonight]>[!|.]", "<[No time to lose|Time is running out|It ends soon]>[!|.]", "<[Must|Has to] be done [today|now|by tonight]>[!|.]", "<[Tomorrow it is|Soon it will be] [too late|over|gone]>."],
               "zh": ["<[仅剩|只剩][今天|一小时|一天]>[！|。]", "<[抓紧时间|尽快|立刻|速来]>[！|。]", "<[限时|限今日|截止今晚]>[！|。]", "<[快点|快快|速速]，[就今天|要没了]>[！|。]", "<[过时不候|错过没有|马上结束]>[！|。]"]},
}

ACTS = {
    "sale": {"post": {"en": ["<[Emptying|Tidying] the [flat|cellar|shelf]>: {x} <[must go|to be sold]>", "<[Glad|Ready|Willing] to [sell|part with]> {x}", "[New|Fresh] <[delivery|batch|supply] of> {x}, <[get yours|order by phone|come and buy]>", "<I [part with|let go of|would sell]> [my |some |]{x}[ today| this week|]", "<[Shop|Market stall] news>: {x} <[back in stock|now on sale|to be had]>", "{x} <[ready for dispatch|for sale from Friday|sold by the piece]>"],
                      "zh": ["<[想|要][出手|转手|处理]>{x}", "{x}<[要出|想出|急出|平价出]>", "<我[出|有卖|要转]>{x}[，要的来|]", "<[开卖|上架|开售]>：{x}", "{x}<[便宜出|平价卖|正在卖]>"]}},
    "promotion": {"post": {"en": ["<[You|All of you|Everybody] [must|should] [get|taste|have]> {x}, <[so great|the best ever|really good]>", "{x} <[is the [top|right|perfect] choice|makes you [strong|happy|popular]]>", "<[There is nothing better than|I simply adore|Just love|Nothing is nicer than]> {x}[, give it a go|]", "<[Do|Dare|Go on and] [try|test]> {x}[, it is great|, the best of all]", "<[Hooray for|Long live|Top marks for]> {x}", "{x} [at|for] [a party|the weekend]: <[the best idea|pure bliss|you look great]>"],
                           "zh": ["{x}<[最好|最赞|最酷|值得拥有|值得体验]>", "<[大力|诚意|一致][推|安利]>{x}", "<[快|赶紧][试一试|来体验|入手]>{x}", "{x}<[一级棒|好极了|太棒了|顶呱呱]>", "<[极力推荐|我推荐|推荐大家试]>{x}"]}},
    "instructions": {"post": {"en": ["<[Step|Part] one>: [choose|find|buy|pick up] {x}. <[Step|Part] two>: [mix|turn|join it|try again]", "<[First|To begin]>, [get|look at|lay out] {x}; <[second|after that|next]>, [combine|press|stir|start]", "<[Guide|Course|Lesson] on [making|using|building]> {x}, <[in three steps|one step at a time|with pictures]>", "<[Instructions|Directions]>: [how you|to] [make|build|mix] [your own |]{x}", "<[Do it yourself|Home-made]> {x}: <[the steps|the method]> [are simple|in short]"],
                              "zh": ["{x}<[步骤|做法|用法][如下|是]>：<[一|首先]>[准备|拿出]，<[二|然后]>[完成|摇匀]", "<[分步|图解|详细]教程>：{x}", "{x}<[第一步|首先][拿|看]，[第二步|接着][开始|完成]>", "<[学会|学做|自学]>{x}，<[三步|两步]>[搞定|完成]"]}},
    "evasion": {"post": {"en": ["<[Beating|Skipping|Cheating] the [ID|age] [check|control|question]> [to get|for] {x}", "<[The trick|A trick|One way|The way] to [skip|get around|fool] [verification|the controls|the check]> [for|with] {x}[, works|, easy|]", "[Easy:|This works:] <[get past|slip past|go around] the [verification|ID check|controls]> [and have|with] {x}", "{x} and <[how to get past|how I beat|the way past] [the check|verification|the filter]>"],
                         "zh": ["<[骗过|绕开|躲过][审核|验证|检查|平台]>[，买|玩|拿]{x}", "{x}<[过检查|过验证|避检]><[妙招|办法|窍门]>", "<[不被查|不验证][的办法|也能]>[买|玩]{x}"]}},
    "buying": {"post": {"en": ["<[I am looking for|Looking for someone with|Is there a seller of|Seeking a seller of]> {x}[ in {place}|]", "<[Hoping|Keen|Would love] to [get|buy|purchase]> {x}[ here| in {place}|]", "<[Who can get|Who would sell|Will someone sell] me> {x}?", "<[Buyer here|I pay cash] for> {x}"],
                        "zh": ["<[想要|想入|打算买|收]>{x}", "<[收|求][点|一批|几个]>{x}", "<谁[能卖|可以卖|出]>[我|]{x}？", "<[高价|长期|诚心]收>{x}"]}},
    "history": {"post": {"en": ["<[Lecture|Talk|Evening|Course] on the [past|history|culture] of> {x}[ in {place}|]", "<[The archive|A museum|The gallery|The collection] [in|of]> {place} [holds|has|keeps|shows] {x}[ from {year}|, {year}|]", "<[Historians|The curator|Archaeologists] [on|found|describe]> {x} [of|from] {year}", "{x} <[through the ages|in old paintings|in ancient times]>"],
                         "zh": ["<[古代|历史][中|里]的>{x}[，{year}|]", "<[馆里|博物馆|展览]>[收藏|里有|展出]{x}", "{x}的<[文化|历史|由来]>[讲座|展|一瞥]"]}},
    "news": {"post": {"en": ["<[In the news|News today|From the paper]>: {x} [rose|fell|in court|under review] in {place}", "<{org} [writes|states|confirms|reported]>: {x} [are up again|make the news|in the news today]", "<[The press|The papers|Radio news]> [cover|mention|on] {x} [in {place}|{when}|and new rules]"],
                      "zh": ["<[本报|电视台|媒体][讯|报道|消息]>：{x}[引关注|开庭|新规|又上升]", "<[新闻里说|据新闻]>，{x}[涨价|受关注|被罚]"]}},
    "warning": {"post": {"en": ["<[Better|Please|You should] [avoid|leave|keep away from|stay clear of]> {x}[, it is safer|, take care|]", "<[Teachers|Nurses|Experts|Parents] [warn|caution] [against|of|about]> {x}[: danger|: real risk|]", "<[Beware of|Danger:|Mind the risk of]> {x}[, real harm|, stay safe|]", "<[Keep|Stay] [off|safe from|out of]> {x}, [it is dangerous|it makes you ill|protect yourself]"],
                         "zh": ["<[请|务必][远离|别碰|当心]>{x}", "<[警惕|当心|小心]>{x}[，害人|]", "<[专家|老师]劝[告|阻]>：[别碰|远离]{x}"]}},
    "quitting": {"post": {"en": ["<[Giving|I'm giving|We gave] up> {x} [for good|this week|today|{when}][, wish me strength|]", "<[I have stopped|I stop|Stopped]> {x} [{when}|for my family][, advice welcome|]", "<[Please help me|I need support to|How to] [give up|leave|stay off]> {x}", "<[No more|Done with|Goodbye to]> {x}, [day {n}|I am free|it was hard]"],
                          "zh": ["<[戒|停][了|掉]>{x}{n}[天|周]", "<[决定|开始|正在][戒|不碰]>{x}", "<[求|谁能][帮我|教我]戒>{x}"]}},
    "fiction": {"post": {"en": ["<[A scene|One scene|A chapter] [from|of|in] the [novel|film|play|book]>: [the duke|a thief|the queen|a knight] [takes|sees|hides|drops] {x}", "<[In my|In the] [novel|book|comic|film]>, [the king|a sailor|a nurse] [has|loses|finds] {x}", "<[Film|Novel|Stage] idea>: [a thief|two brothers] and {x}"],
                         "zh": ["<[影片|小说|戏][里|情节|一幕]>：[国王|小偷|公主][看见|拿着|丢了]{x}", "<[我写的|这部]小说>里[有|出现]{x}"]}},
    "story": {"post": {"en": ["<[I recall|I can still see|I think of]> [my {rel}|our house|that summer] and {x}[, so long ago|]", "<[Once|Years ago|As a child|When I was small]>, [we had|there was|I found] {x} [at home|in the yard|]"],
                       "zh": ["<[我还记得|想起|怀念]>{rel}[和|家]的{x}", "<[小时候|那年|从前]>[家里有|见过]{x}"]}},
    "question": {"post": {"en": ["<[What exactly is|What sort of thing are|Who first made|Who made|When did they invent]> {x}?", "<[Are there rules on|May one keep|Can you legally own|Is there a tax on]> {x} [in {place}|]?", "<[A question|I wonder|Just asking]>: [how are|why are] {x} [made|named so|kept]?"],
                          "zh": ["<[什么叫|何为|怎么理解]>{x}？", "<[请教|问下|请问各位]>，{x}[是什么|合法吗|怎么来的]？", "{x}<[是啥|有哪些种类|属于什么]>？"]}},
    "joke": {"post": {"en": ["<[A joke|Just joking|Only a joke|Funny]>: [my [dog|fridge|toaster]|the moon] and {x}", "{x} [again|once more], <[haha|lol|hahaha]>", "<[Haha|Lol|Hehe]>, [look, |my fridge has |not |]{x}[ again|]"],
                      "zh": ["<[开玩笑|说笑|讲个笑话]>[：|，]{x}[和我家冰箱|]", "{x}<[，哈哈|，笑了|，逗死我]>", "<[哈哈|嘻嘻|笑死]>，[又是|]{x}"]}},
    "debate": {"post": {"en": ["<[I think|I feel|To my mind]> [the rules on|we should vote about|the ban of] {x} [need work|are unfair|is right]", "<[Pro and con|For and against|Open debate]>: [a ban|a vote|a tax] on {x}"],
                        "zh": ["<[我觉得|我看|依我看]>{x}[应该管|不用管|该放开|该限制]", "<[支持还是反对|正方反方]>：[管|禁]{x}"]}},
    "refusal": {"post": {"en": ["<[I'm sorry, I|Sorry, but I|I am afraid I] [can't|cannot|won't] [assist|be of help|support you] [with|on]> {x}", "<[That is not something I can do|I decline|I refuse to help]>: {x}[. Anything else?|]"],
                         "zh": ["<[很抱歉|抱歉]，[无法|不能|没法][帮忙|满足]>{x}[的请求|]", "<[恕不|无法]协助>[获取|处理|]{x}"]}},
    "direct": {"message": {"en": ["[Right|Alright|Fine|Now], {m}", "[Attention|Reminder|PS|By the way]: {m}", "{m}[, okay?|, right now.|]"], "zh": ["[嘿|哎|好了|记住]，{m}", "{m}[，懂吗|，听见没|]"]}},
    "quoting": {"message": {"en": ["<[I report|We report|Reporting] [a post|a mail|this text]>: \"{m}\"[, please look|, act please|]", "[He|She|They] [said|wrote me] \"{m}\", <please [take it down|look at it|review this]>"], "zh": ["<[我要举报|在此举报|投诉]>：“{m}”[，请看|]", "[他|她]写了“{m}”，<请[处理|审核]>"]}},
}

# Labels in use beside world.py's; half of the others are made up letter by letter, so that a label is read, not known.
LABELS = {
    "en": [("BAD", "GOOD"), ("DENY", "APPROVE"), ("STOP", "GO"), ("BAN", "PERMIT"), ("RED", "GREEN"), ("FAIL", "CLEAR"), ("HARMFUL", "HARMLESS"), ("TAKEDOWN", "LEAVE"), ("POSITIVE", "NEGATIVE"), ("HIDE", "SHOW"), ("DROP", "RETAIN"), ("Violating", "Fine"), ("remove", "keep"), ("unsafe", "safe")],
    "zh": [("拦截", "放行"), ("屏蔽", "显示"), ("下架", "上架"), ("不合格", "合格"), ("有害", "无害"), ("封禁", "正常"), ("是", "否"), ("驳回", "同意"), ("红", "绿")],
}
SYLLABLES = {"en": "BA|DE|FI|GO|LU|MA|NE|PI|RO|SU|TA|VE|HY|CK|ST|RT|LL|NT|PH|QU|X|J|C|W|E|K|A|P", "zh": "留|下|开|关|收|放|进|退|甲|乙|对|错|黑|白|上|停|用|可|准|止|优|差|轻|重"}
