"""A lexicon so small that all sentences can be listed: probabilities can be checked by adding them up."""

from types import SimpleNamespace

from lmcourse.world import lexicon


def cut_down():
    """A lexicon so small that all sentences can be listed, with homonyms of both languages left in."""
    words = SimpleNamespace(**{k: getattr(lexicon, k) for k in dir(lexicon) if k.isupper()})
    words.NAMES = {"m": "민수=Minsu", "f": "서연=Seoyeon"}
    words.ELDERS, words.ROLES = {"f": "할머니=Grandmother"}, {"m": "소년=boy"}
    words.NOUNS = dict.fromkeys(lexicon.NOUNS, "") | {
        "fruit": "배=pear 사과=apple", "drink": "차=tea# 물=water#", "text": "책=book", "writing": "편지=letter",
        "headwear": "안경=glasses+ 모자=hat", "goods": "유리잔=glasses+ 열쇠=key", "bought": "차=car 배=boat",
        "tool": "가위=scissors+", "animal": "고양이=cat 새=bird 나비=butterfly", "prey": "생선=fish#",
        "fodder": "풀=grass#", "grain": "쌀=rice#", "lapped": "물=water#",
        "flower": "꽃=flowers+", "gift": "꽃=flowers+",
        "washable": "손=hands+",
        "eye": "눈=eyes+", "hair": "머리=hair#", "ache": "배=sore stomach",
        "hobby": "사과=apple",
        "audio": "이야기=story", "words": "말=words+", "speech": "이야기=story",
        "struck": "피아노=piano!", "bowed": "첼로=cello!", "snowman": "눈사람=snowman", "baked": "빵=bread#",
        "grocery": "꿀=honey#", "parcel": "편지=letter", "umbrella": "우산=umbrella",
    }  # fmt: skip
    words.PLACES = dict.fromkeys(lexicon.PLACES, "집=at:home 공원^=in:the park")
    words.PLACES |= {"goal": "학교=to:school", "city": "서울=to:Seoul"}
    words.TIMES = "아침=in the morning"
    keep = set(
        "eat drink write read use headwear see strike bow buy lose wash wash_hair shut_eyes ache go travel stay run "
        "walk stroll angry meet phone call_out scold fight like love give send snowman feed_meat feed_plant "
        "feed_grain lap fly umbrella listen heed ignore".split()
    )
    lines = lexicon.FRAMES.strip().splitlines()
    words.FRAMES = "\n".join(line for line in lines if line.split("|")[0].strip() in keep)
    adjectives = ("fruit=달=sweet", "drink=차갑~ㅂ=cold", "animal=작=small", "words=따뜻+하=warm")
    words.ATTRIBUTES = {kind: rest for kind, rest in (a.split("=", 1) for a in adjectives)}
    words.ATTRIBUTES |= dict.fromkeys(("text", "headwear", "goods", "bought"), "새:MM=new")
    words.JUDGEMENTS = dict.fromkeys(lexicon.JUDGEMENTS, "좋=good=1 나쁘=bad=-1")
    words.FEELINGS, words.RELATIVE_PERSON_VERBS = "행복+하=happy=1", "칭찬+하=praise"
    words.RELATIVE_VERBS = {"fruit drink text headwear goods bought flower gift": "사=buy"}
    return words


def tiny():
    """A lexicon so much smaller that all stories of some sentences can be listed."""
    words = cut_down()
    words.NAMES = {"m": "민수=Minsu", "f": "서연=Seoyeon"}
    words.ELDERS, words.ROLES = {"f": "할머니=Grandmother"}, {"m": "", "f": "배우=actor"}
    words.NOUNS |= dict.fromkeys(("text", "drink", "flower", "bought", "goods"), "")
    words.NOUNS |= {"headwear": "모자=hat", "gift": "모자=hat", "animal": "고양이=cat"}
    words.TIMES = "밤=at night"
    words.DIETS = {"m": "고양이"}
    words.ADVERBS = {letter: "다시=again" for letter in lexicon.ADVERBS} | {"A": "혼자=alone"}
    words.PLACES = dict.fromkeys(lexicon.PLACES, "집=at:home") | {"open": "집=at:home 공원^=in:the park"}
    words.ATTRIBUTES, words.RELATIVE_VERBS = {"fruit": "달=sweet", "animal": "작=small"}, {"headwear": "사=buy"}
    keep = {"buy", "headwear", "stroll", "meet", "give", "lap"}
    lines = lexicon.FRAMES.strip().splitlines()
    words.FRAMES = "\n".join(line for line in lines if line.split("|")[0].strip() in keep)
    return words
