"""Korean morphology for the world: particles by final consonant, and verbs conjugated into morphemes.

A word is a pair ``(text, morphemes)``; a morpheme is ``(form, tag, start, end)`` with a Sejong tag and its place in
the text. Morphemes that fuse share a syllable: 했다 is 하[0:1] + 였[0:1] + 다[1:2].
"""

from functools import cache

VOWELS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
FINALS = " ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"
# What a stem's last vowel and the 어/아 of an ending become together.
FUSED = {
    "ㅏ": "ㅏ",
    "ㅓ": "ㅓ",
    "ㅐ": "ㅐ",
    "ㅔ": "ㅔ",
    "ㅕ": "ㅕ",
    "ㅗ": "ㅘ",
    "ㅜ": "ㅝ",
    "ㅣ": "ㅕ",
    "ㅚ": "ㅙ",
}
# Roots before 하다 that are no nouns (Sejong tag XR).
ROOTS = frozenset("심심 훌륭 똑똑 지루 따뜻 튼튼 깨끗 용감 신선 복잡 솔직".split())
HONORIFIC = {"먹": "드시", "마시": "드시", "자": "주무시", "있": "계시"}  # words of their own


def final(text: str) -> str:
    """The final consonant of the last syllable, a space where there is none."""
    return FINALS[(ord(text[-1]) - 0xAC00) % 28]


def vowel(text: str) -> str:
    """The vowel of the last syllable."""
    return VOWELS[(ord(text[-1]) - 0xAC00) // 28 % 21]


def reshape(text: str, vowel: str | None = None, final: str | None = None) -> str:
    """The text with another vowel or final consonant in its last syllable."""
    code = ord(text[-1]) - 0xAC00
    v = code // 28 % 21 if vowel is None else VOWELS.index(vowel)
    t = code % 28 if final is None else FINALS.index(final)
    return text[:-1] + chr(0xAC00 + code // 588 * 588 + v * 28 + t)


PARTICLES = {  # (after a consonant, after a vowel, tag)
    "topic": ("은", "는", "JX"),
    "subject": ("이", "가", "JKS"),
    "object": ("을", "를", "JKO"),
    "and": ("과", "와", "JC"),
    "with": ("과", "와", "JKB"),
    "of": ("의", "의", "JKG"),
    "by": ("으로", "로", "JKB"),
    "at": ("에서", "에서", "JKB"),
    "in": ("에", "에", "JKB"),
    "to": ("에게", "에게", "JKB"),
    "hon-to": ("께", "께", "JKB"),
    "hon-subject": ("께서", "께서", "JKS"),
}


@cache
def particle(name: str, word: str) -> tuple[str, str]:
    """The particle's form after ``word``, and its tag: 책 takes 을, 사과 takes 를, 지하철 takes 로."""
    after_consonant, after_vowel, tag = PARTICLES[name]
    coda = final(word)
    open_syllable = coda == " " or (name == "by" and coda == "ㄹ")
    return (after_vowel if open_syllable else after_consonant), tag


class Builder:
    """A verb or adjective under construction: a stem, then one ending after another."""

    def __init__(self, entry: str):
        """``entry`` is a dictionary form without 다, with marks: 공부+하 (noun + 하), 돕~ㅂ (irregular), 행복+하."""
        entry, _, self.irregular = entry.partition("~")
        head, plus, tail = entry.partition("+")
        self.text = head + tail
        self.parts = [(head, 0, len(head)), (tail, len(head), len(self.text))] if plus else [(head, 0, len(head))]
        self.ends_in_ha = self.text.endswith("하") and bool(plus or len(self.text) == 1 or self.irregular == "하")

    def _put(self, surface: str, form: str, fused: bool) -> "Builder":
        start = len(self.text) - 1 if fused else len(self.text)
        self.text = surface
        self.parts.append((form, start, len(surface)))
        self.irregular, self.ends_in_ha = "", False
        return self

    def _vowel_stem(self) -> tuple[str, bool]:
        """The stem as it stands before 으 and before 아/어, and whether a linking 으 follows."""
        t, coda = self.text, final(self.text)
        if self.irregular == "ㅂ":
            return reshape(t, final=" "), True
        if self.irregular == "ㄷ":
            return reshape(t, final="ㄹ"), True
        if self.irregular == "ㅅ":
            return reshape(t, final=" "), True
        return t, coda not in " ㄹ"

    def with_eu(self, rest: str, form: str) -> "Builder":
        """An ending that begins with (으): 시, ㄴ, ㄹ. ``rest`` is what follows 으, a lone consonant or syllables."""
        stem, link = self._vowel_stem()
        if self.irregular == "ㅎ":  # 빨갛 + ㄴ = 빨간
            stem, link = reshape(stem, final=" "), False
        if link and self.irregular == "ㅂ":
            stem, link = stem + "우", False  # 춥 + 은 = 추운
            fused_base = True
        else:
            fused_base = False
        if link:
            stem, form = (
                stem + "으",
                "으" + form if form != "ㄴ" and form != "ㄹ" else {"ㄴ": "은", "ㄹ": "을"}[form],
            )
        elif final(stem) == "ㄹ":
            stem = reshape(stem, final=" ")  # 만들 + 시 = 만드시
        if rest in FINALS:  # a lone consonant closes the last syllable
            surface, start = reshape(stem, final=rest), len(stem) - 1
        else:
            surface, start = stem + rest, len(stem) - (1 if link else 0)
        self.text = surface
        if fused_base:  # 우 belongs to the stem: its span grows by one
            f, s, _ = self.parts[-1]
            self.parts[-1] = (f, s, len(stem))
        self.parts.append((form, start, len(surface)))
        self.irregular, self.ends_in_ha = "", False
        return self

    def with_eo(self, rest: str, last: str = " ") -> "Builder":
        """An ending that begins with 아/어: 었 (``last`` = ㅆ), 어요, 어서 (``rest`` = 요, 서)."""
        stem, t, irregular = self.text, self.text, self.irregular
        if self.ends_in_ha:  # 하 + 였 = 했
            return self._put(reshape(t, "ㅐ", last) + rest, ("여" if last == " " else "였") + rest, True)
        if irregular == "르":  # 부르 + 었 = 불렀
            stem = reshape(t[:-1], final="ㄹ") + "르"
            bright = vowel(t[:-1]) in "ㅏㅗ"
            return self._put(reshape(stem, "ㅏ" if bright else "ㅓ", last) + rest, self._a(bright, last) + rest, True)
        stem, _ = self._vowel_stem()
        v = vowel(stem)
        bright = v in "ㅏㅗ"
        if irregular == "ㅂ":  # 춥 + 었 = 추웠, 돕 + 았 = 도왔
            fused = "ㅘ" if stem == "도" else "ㅝ"
            surface = stem + reshape("오" if fused == "ㅘ" else "우", fused, last) + rest
            form, start, _ = self.parts[-1]
            self.parts[-1] = (form, start, len(surface) - len(rest))
            self.text = surface
            self.parts.append((self._a(fused == "ㅘ", last) + rest, len(surface) - len(rest) - 1, len(surface)))
            self.irregular = ""
            return self
        if irregular in ("ㄷ", "ㅅ") or final(stem) != " " or v in "ㅟㅢ":  # no fusion: 먹었, 들었, 지었, 쉬었
            return self._put(
                stem + reshape("아" if bright else "어", final=last) + rest,
                self._a(bright, last) + rest,
                False,
            )
        if v == "ㅡ":  # 쓰 + 었 = 썼, 바쁘 + 았 = 바빴
            bright = len(stem) > 1 and vowel(stem[:-1]) in "ㅏㅗ"
            return self._put(reshape(stem, "ㅏ" if bright else "ㅓ", last) + rest, self._a(bright, last) + rest, True)
        return self._put(reshape(stem, FUSED[v], last) + rest, self._a(bright, last) + rest, True)

    @staticmethod
    def _a(bright: bool, last: str) -> str:
        return {(True, " "): "아", (False, " "): "어", (True, "ㅆ"): "았", (False, "ㅆ"): "었"}[bright, last]

    def plain(self, ending: str) -> "Builder":
        """An ending that changes nothing: 다, 지, 고, 습니다."""
        return self._put(self.text + ending, ending, False)

    def closing(self, ending: str, consonant: str) -> "Builder":
        """An ending that closes an open syllable: ㄴ다, ㅂ니다. Given without its consonant."""
        stem = reshape(self.text, final=" ") if final(self.text) == "ㄹ" else self.text
        return self._put(reshape(stem, final=consonant) + ending, consonant + ending, True)


@cache
def conjugate(entry: str, kind: str, tense: str, level: str, honorific: bool = False, negation: str = ""):
    """A finite verb or adjective, as ``(text, morphemes)``.

    Args:
        entry: the stem with marks, as in :mod:`lmcourse.world.lexicon` (먹, 공부+하, 돕~ㅂ); "하나 둘" words keep
            their first part: 화/NNG가/JKS나.
        kind: "verb" or "adjective".
        tense: "past", "present" or "future".
        level: "plain" (다), "polite" (요), "formal" (습니다), or "adnominal" (는, ㄴ), "because" (어서), "and" (고).
        honorific: with 시, or with the word that replaces verb + 시 (먹 → 드시).
        negation: "", "short" (안 V) or "long" (V지 않다).
    """
    *front, entry = entry.split(" ")  # 화가 나: words before the verb
    morphemes: list[tuple[str, str, int, int]] = []
    text = ""
    for word in front:
        for part in word.split("/"):
            form, tag = part.split(":")
            morphemes.append((form, tag, len(text), len(text) + len(form)))
            text += form
        text += " "
    if negation == "short":
        morphemes.append(("안", "MAG", len(text), len(text) + 1))
        text += "안 "
    b = Builder(entry)
    stem_tag = "VV" if kind == "verb" else "VA"
    noun_tag = "XR" if b.parts[0][0] in ROOTS else "NNG"
    tags = [noun_tag, "XSV" if kind == "verb" else "XSA"] if len(b.parts) == 2 else [stem_tag]
    if honorific:
        if b.text in HONORIFIC:
            b = Builder(HONORIFIC[b.text])
        else:
            b.with_eu("시", "시")
            tags.append("EP")
    if negation == "long":  # 가지 않았다: tense and ending go to 않
        b.plain("지")
        tags.append("EC")
        _place(morphemes, b, tags, len(text))
        text += b.text + " "
        b, tags = Builder("않"), ["VX"]
    _finish(b, tags, kind, tense, level, honorific)
    _place(morphemes, b, tags, len(text))
    return text + b.text, tuple(morphemes)


def _place(morphemes, b, tags, offset):
    morphemes += [(form, tag, offset + s, offset + e) for (form, s, e), tag in zip(b.parts, tags, strict=True)]


def _finish(b: Builder, tags: list[str], kind: str, tense: str, level: str, honorific: bool) -> None:
    """Put tense and ending on; where the verb is followed by 것이다, the noun and the copula too."""
    has_iss = b.text.endswith(("있", "없"))
    if level == "adnominal":
        if kind == "verb" and tense == "present" or has_iss:
            if final(b.text) == "ㄹ":
                b.text = reshape(b.text, final=" ")
            b.plain("는")
        else:
            b.with_eu("ㄴ", "ㄴ")
        tags.append("ETM")
    elif level == "because":
        b.with_eo("서")
        tags.append("EC")
    elif level == "and":
        b.plain("고")
        tags.append("EC")
    elif tense == "future":
        b.with_eu("ㄹ", "ㄹ")
        noun, copula = ("거", "예요") if level == "polite" else ("것", "")
        start = len(b.text) + 1
        b.text += f" {noun}"
        b.parts += [(noun, start, start + 1)]
        if level == "polite":
            b.parts += [("이", start + 1, start + 1), ("에요", start + 1, start + 3)]
            b.text += copula
        else:
            ending = "다" if level == "plain" else "ㅂ니다"
            b.text += "이다" if level == "plain" else "입니다"
            b.parts += [
                ("이", start + 1, start + 2),
                (ending, start + (2 if level == "plain" else 1), len(b.text)),
            ]
        tags += ["ETM", "NNB", "VCP", "EF"]
    else:
        if tense == "past":
            b.with_eo("", "ㅆ")
            tags.append("EP")
        verb = kind == "verb" and not has_iss
        if level == "polite":
            if honorific and tense == "present" and b.text.endswith("시"):  # 가시 + 어요 = 가세요
                b._put(reshape(b.text, "ㅔ") + "요", "어요", True)
            elif tense == "past":
                b.plain("어요")
            else:
                b.with_eo("요")
        elif level == "formal":
            if tense == "past" or final(b.text) not in " ㄹ":
                b.plain("습니다")
            else:
                b.closing("니다", "ㅂ")
        elif tense == "past" or not verb:
            b.plain("다")
        elif final(b.text) in " ㄹ":
            b.closing("다", "ㄴ")
        else:
            b.plain("는다")
        tags.append("EF")
