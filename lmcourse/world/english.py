"""English morphology for the world: articles, plurals and verb forms."""

from functools import cache

IRREGULAR_PAST = dict(
    pair.split(":")
    for pair in (
        "be:was begin:began break:broke bring:brought build:built buy:bought catch:caught choose:chose "
        "clean:cleaned come:came cut:cut do:did draw:drew drink:drank drive:drove eat:ate fall:fell feed:fed "
        "find:found fly:flew forget:forgot get:got give:gave go:went grow:grew have:had hear:heard hide:hid "
        "hurt:hurt keep:kept know:knew leave:left lend:lent lose:lost make:made meet:met put:put read:read "
        "ride:rode ring:rang run:ran say:said see:saw sell:sold send:sent set:set shut:shut sing:sang sit:sat "
        "sleep:slept spend:spent stand:stood swim:swam take:took teach:taught tell:told think:thought "
        "throw:threw understand:understood wake:woke wear:wore win:won write:wrote"
    ).split()
)
IRREGULAR_PLURAL = {
    "sheep": "sheep",
    "fish": "fish",
    "deer": "deer",
    "wolf": "wolves",
    "child": "children",
    "foot": "feet",
    "knife": "knives",
    "mouse": "mice",
}
DOUBLED = frozenset("stop plan hug chat jog plan swim run sit get cut put win shut begin set forget".split())
VOWEL_SOUND_EXCEPTIONS = ("uni", "use", "eu", "one")  # a uniform, a one-way street


def _first(phrase: str, change) -> str:
    """Change the first word of a phrase: put on -> puts on."""
    word, space, rest = phrase.partition(" ")
    return change(word) + space + rest


@cache
def third_person(verb: str) -> str:
    """The present tense after he, she, it: eat -> eats, wash up -> washes up."""
    return _first(verb, lambda w: {"have": "has", "be": "is"}.get(w) or _with_s(w))


def _with_s(word: str) -> str:
    if word.endswith(("s", "x", "z", "ch", "sh", "o")):
        return word + "es"
    if word.endswith("y") and word[-2] not in "aeiou":
        return word[:-1] + "ies"
    return word + "s"


@cache
def plural(noun: str) -> str:
    """The plural of a noun or noun phrase; its last word changes: police officer -> police officers."""
    head, space, last = noun.rpartition(" ")
    last = IRREGULAR_PLURAL.get(last) or (
        last + "s" if last.endswith(("photo", "piano", "video", "radio")) else _with_s(last)
    )
    return head + space + last


@cache
def past(verb: str) -> str:
    """The simple past: eat -> ate, study -> studied, stop -> stopped."""

    def change(w):
        if w in IRREGULAR_PAST:
            return IRREGULAR_PAST[w]
        if w.endswith("e"):
            return w + "d"
        if w.endswith("y") and w[-2] not in "aeiou":
            return w[:-1] + "ied"
        return w + w[-1] * (w in DOUBLED) + "ed"

    return _first(verb, change)


@cache
def progressive(verb: str) -> str:
    """The -ing form: eat -> eating, write -> writing, run -> running."""

    def change(w):
        if w.endswith("ie"):
            return w[:-2] + "ying"
        if w.endswith("e") and not w.endswith(("ee", "oe")) and w != "be":
            return w[:-1] + "ing"
        return w + w[-1] * (w in DOUBLED) + "ing"

    return _first(verb, change)


def article(phrase: str) -> str:
    """``a`` or ``an``, by the sound of the word that follows."""
    vowel = phrase[0].lower() in "aeiou" and not phrase.lower().startswith(VOWEL_SOUND_EXCEPTIONS)
    return "an" if vowel or phrase.startswith(("hour", "honest")) else "a"
