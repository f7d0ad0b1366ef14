"""Search for a book that mixes Korean and English: Korean nouns are found whatever particle follows them.

A page is indexed under every *form* of its Korean words: 단어들의 under 단어들의, 단어들 and 단어. A
query is turned into one of its own forms by ``search.js``, which sees the whole index and so can
tell 정의 (a noun, since 정의를 is in the book) from 배가 (a noun and its particle). English words are
stemmed as Sphinx does.

The endings are listed here once and handed to the browser, so the index and the query cannot disagree.
"""

import json
import re
import unicodedata
from pathlib import Path

from sphinx.search.en import SearchEnglish

# Particles, by the sound they may follow: a final consonant, none, none or ㄹ, a final consonant other than
# ㄹ, anything. So 나이 is not 나 with a particle (이 wants a consonant), but 말이 may be 말.
#
# Every ending here is elementary: where one ends in another (이나 in 나, 하는 in 는), the rest of it is an
# ending too. Then the forms of a noun are always among the forms of that noun with any endings behind it.
SOUNDS = {
    "consonant": "은 이 을 과 이나 이란 이라 이랑 이며",
    "vowel": "는 가 를 와 나 란 라 랑 며",
    "vowel or ㄹ": "로",
    "consonant but ㄹ": "으로",
    "": "의 에 도 만 에서 에게 에게서 한테 께 께서 까지 부터 처럼 보다 마다 조차 마저 만큼",
}
PARTICLES = {particle: sound for sound, particles in SOUNDS.items() for particle in particles.split()}
# The plural, the copula, and the endings of 하다 and 되다. They leave at least two syllables: 학습한다 is
# 학습, but 제한 is itself.
ENDINGS = """
    들 이다 입니다 이고 인 이었다 였다 이었습니다 였습니다 이라고 라고 이지 이므
    하 한 할 함 해 했 해서 해야 하여 하고 하기 하면 하지 한다 합니다 했다 했습니다 하세요 하자
    되 된 될 됨 돼 되어 되고 되기 되면 되지 된다 됩니다 됐다 되었다 되었습니다
""".split()

HANGUL = "가-힣ㄱ-ㆎ"  # syllables and the jamo of the keyboard
WORDS = re.compile(rf"[{HANGUL}]+|[^\W{HANGUL}]+")


def may_follow(particle, stem):
    """Whether the particle may stand behind the stem, by the stem's last sound."""
    sound = PARTICLES[particle]
    if not sound or not "가" <= stem[-1] <= "힣":
        return True
    final = (ord(stem[-1]) - ord("가")) % 28  # 0: no final consonant, 8: ㄹ
    consonant = final > 0
    return {
        "consonant": consonant,
        "vowel": not consonant,
        "vowel or ㄹ": not consonant or final == 8,
        "consonant but ㄹ": consonant and final != 8,
    }[sound]


def forms(word):
    """The word and everything that is left of it when endings are taken off, longest first.

    >>> forms("단어들의")
    ['단어들의', '단어들', '단어']
    >>> forms("나이")
    ['나이']
    """
    found = {word}
    todo = [word]
    while todo:
        word = todo.pop()
        for length in range(1, min(6, len(word))):
            stem, ending = word[:-length], word[-length:]
            is_particle = ending in PARTICLES and may_follow(ending, stem)
            if (is_particle or (ending in ENDINGS and len(stem) > 1)) and stem not in found:
                found.add(stem)
                todo.append(stem)
    return sorted(found, key=len, reverse=True)


def only_endings(word):
    """Whether nothing but endings is there, as in the 에서는 of BERT에서는."""
    return not word or any(
        (word[-n:] in PARTICLES or word[-n:] in ENDINGS) and only_endings(word[:-n]) for n in range(1, 6)
    )


def tokens(text):
    """Words of the text: Hangul apart from other scripts, without the particles of foreign words (BERT의)."""
    text = unicodedata.normalize("NFC", text)
    found, end = [], -1
    for match in WORDS.finditer(text):
        after_other_script = match.start() == end and "가" <= match[0][0] <= "힣"
        if not (after_other_script and only_endings(match[0])):
            found.append(match[0])
        end = match.end()
    return found


class SearchMixed(SearchEnglish):
    """English stems and Korean forms in one index, for a book in English."""

    def split(self, input):
        """The terms of a text: an English word as it stands, a Korean word in all its forms."""
        return [form for token in tokens(input) for form in forms(token)]

    @property
    def js_splitter_code(self):
        """The script that cuts a query into terms, with the endings filled in."""
        script = (Path(__file__).parent / "search.js").read_text(encoding="utf-8")
        for name, value in {"PARTICLES": PARTICLES, "ENDINGS": ENDINGS}.items():
            script = script.replace(f"/* {name} */ null", json.dumps(value, ensure_ascii=False))
        return script


class SearchMixedKorean(SearchMixed):
    """The same index for a book in Korean."""

    lang = "ko"
    language_name = "Korean"


LANGUAGES = SearchMixed, SearchMixedKorean
