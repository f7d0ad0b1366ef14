"""The exercises of chapter 09: WordPiece, masking, packed rows, BERT's parameters, and how well a gap can be filled."""

import math

import numpy as np
import torch

from . import Case, Exercise, Mistake

# 09.1


def wordpiece(word, vocabulary):
    """From the left always the longest piece there is; where no piece fits, the whole word is unknown."""
    ids, start = [], 0
    while start < len(word):
        mark = "##" if start else ""
        ends = range(len(word), start, -1)  # the longest piece first
        end = next((end for end in ends if mark + word[start:end] in vocabulary), None)
        if end is None:
            return [vocabulary["[UNK]"]]
        ids.append(vocabulary[mark + word[start:end]])
        start = end
    return ids


class EndlessLoop(Exception):
    """A word has been looked up much more often than it has pieces."""


class _Vocabulary(dict):
    """A dict that ends a loop which would never end by itself."""

    looks, most = 0, 20000

    def _look(self):
        self.looks += 1
        if self.looks > self.most:
            raise EndlessLoop(f"{self.most} look-ups for one word, and no end of the loop in sight")

    def __contains__(self, piece):
        self._look()
        return super().__contains__(piece)

    def __getitem__(self, piece):
        self._look()
        return super().__getitem__(piece)

    def get(self, piece, default=None):
        self._look()
        return super().get(piece, default)


def _words(rng):
    def case(word, pieces, edge=""):
        pieces = ["[UNK]", *pieces.split()]
        return Case((word, _Vocabulary(zip(pieces, rng.sample(range(5, 90), len(pieces)), strict=True))), edge)

    # Pieces stand there with and without ##, and in several lengths, so that a wrong look finds something, too.
    return [
        case("players", "p play player s ers ##p ##play ##player ##l ##lay ##ay ##a ##y ##e ##er ##s ##rs ##ers"),
        case("themes", "t the them mes e s ##the ##them ##h ##e ##m ##mes ##s"),
        case("unfair", "un fair u ##un ##n ##f ##fa ##fair ##air ##ir ##a ##i ##r"),
        case("fjord", "f fj ord ##f ##fj ##or ##ord ##d"),
        case("walked", "w walk wal e ##walk ##alk ##ke ##k ##e ##a ##l"),
        case("xylem", "y lem ##y ##ylem ##l ##e ##em ##m"),
        case("carpets", "c car carpe rpets ts ##car ##carpe ##a ##ar ##rpets ##ts ##t ##s ##pe"),
        case("river", "r ri river ##river ##ver ##r ##i ##v ##e ##er"),
        case("a", "a ##a", "one letter"),
        case("banana", "b ba na ##na ##n ##a", "twice"),
        case("abroad", "a ab abroa ##road ##r ##o ##oa ##broad", "dead end"),
    ]


def _pieces(word, vocabulary, choose=max, mark="##", first="", unknown=None, step=None):
    """Pieces from the left; ``unknown(ids, rest, unk)`` is the answer where none fits, or None to go on."""
    ids, start = [], 0
    while start < len(word):
        before = mark if start else first
        ends = [end for end in range(start + 1, len(word) + 1) if before + word[start:end] in vocabulary]
        if not ends:
            unk = vocabulary["[UNK]"]
            if unknown is None:
                return [unk]
            answer = unknown(ids, len(word) - start, unk)
            if answer is not None:
                return answer
            start += 1
            continue
        end = choose(ends)
        ids.append(vocabulary[before + word[start:end]])
        start = step(start, end) if step else end
    return ids


def _cut(**options):
    return lambda word, vocabulary: _pieces(word, vocabulary, **options)


def _from_the_right(word, vocabulary):
    ids, end = [], len(word)
    while end:
        starts = [s for s in range(end) if ("##" if s else "") + word[s:end] in vocabulary]
        if not starts:
            return [vocabulary["[UNK]"]]
        ids.insert(0, vocabulary[("##" if starts[0] else "") + word[starts[0] : end]])
        end = starts[0]
    return ids


def _fewest(word, vocabulary, better=lambda new, old: new < old):
    best = {0: []}  # for each place up to which the word can be cut, its fewest pieces
    for end in range(1, len(word) + 1):
        for start in range(end):
            piece = ("##" if start else "") + word[start:end]
            if start in best and piece in vocabulary:
                found = [*best[start], vocabulary[piece]]
                if end not in best or better(len(found), len(best[end])):
                    best[end] = found
    return best.get(len(word), [vocabulary["[UNK]"]])


def _no_way_out(ids, rest, unk):
    raise EndlessLoop


def _without_last(word, vocabulary):
    return _pieces(word[:-1], vocabulary)


def _never_up_to_the_end(word, vocabulary):
    ids, start = [], 0
    while start < len(word):
        mark = "##" if start else ""
        ends = [end for end in range(start + 1, len(word)) if mark + word[start:end] in vocabulary]
        if not ends:
            return [vocabulary["[UNK]"]]
        ids.append(vocabulary[mark + word[start : ends[-1]]])
        start = ends[-1]
    return ids


def _letters(word, vocabulary):
    letters = [("##" if n else "") + letter for n, letter in enumerate(word)]
    return [vocabulary[x if x in vocabulary else "[UNK]"] for x in letters]


def _skip(ids, rest, unk):
    return None


def _skip_as_unknown(ids, rest, unk):
    ids.append(unk)


ONE = Exercise(
    "09.1",
    "Write wordpiece(word, vocabulary). `vocabulary` is a dict from pieces to their ids. Cut the word from the left: "
    "take the longest piece that the vocabulary has, then the longest piece that the rest begins with, and so on. All "
    "pieces but the first stand in the vocabulary with ## in front: 'playing' may be 'play' and '##ing'. Return the "
    "list of the ids. If there is a rest that begins with no piece, the whole word is unknown: return a list with "
    "nothing but the id of '[UNK]'. A piece once taken is never given back.",
    "Where does the rest begin? Try all places where the next piece might end, from the last one down. What do you "
    "know if you come down to the beginning of the rest?",
    "This is all that WordPiece does when it reads. WordPiece.split shows you the pieces as words.",
    wordpiece,
    _words,
    (
        Mistake(
            "shortest",
            "You take the shortest piece that fits. The longest says most: a word that is known should stay whole.",
            (_cut(choose=min),),
        ),
        Mistake(
            "no marks",
            "You look the rest up without ##. Inside a word a piece is another token than at its beginning.",
            (_cut(mark=""),),
        ),
        Mistake(
            "first marked",
            "You look up the first piece with ## as well. It begins the word, so it has no mark.",
            (_cut(first="##"),),
        ),
        Mistake(
            "marks exchanged",
            "You have the marks the wrong way round: ## for the first piece, and none for the others.",
            (_cut(first="##", mark=""),),
        ),
        Mistake("from the right", "You begin at the end of the word. Begin on the left.", (_from_the_right,)),
        Mistake(
            "fewest",
            "You look for the cut with the fewest pieces. WordPiece does not look ahead: the longest first piece wins, "
            "even if it costs a piece more later.",
            (_fewest, lambda word, vocabulary: _fewest(word, vocabulary, lambda new, old: new <= old)),
        ),
        Mistake(
            "rest unknown",
            "You keep the pieces found before, and only the rest becomes [UNK]. The whole word becomes one [UNK].",
            (_cut(unknown=lambda ids, rest, unk: [*ids, unk]),),
        ),
        Mistake(
            "rest dropped",
            "Where a rest has no piece you return what you have up to there. The rest is lost, and nobody sees it: "
            "the whole word becomes [UNK].",
            (_cut(unknown=lambda ids, rest, unk: ids),),
        ),
        Mistake(
            "letter unknown",
            "You put [UNK] for single letters and go on behind them. There is one [UNK] for the whole word.",
            (_cut(unknown=_skip_as_unknown),),
        ),
        Mistake(
            "letter skipped",
            "You step over a letter that has no piece, as if it were not there. The whole word becomes [UNK].",
            (_cut(unknown=_skip),),
        ),
        Mistake(
            "many unknown",
            "You return [UNK] several times, for letters or pieces of one word. Once is enough.",
            (
                lambda word, v: _pieces(word, v, unknown=lambda ids, rest, unk: [unk] * len(word)),
                _cut(unknown=lambda ids, rest, unk: [unk] * rest),
                _cut(unknown=lambda ids, rest, unk: [unk] * (len(ids) + 1) if ids else [unk, unk]),
            ),
        ),
        Mistake(
            "nothing",
            "For an unknown word you return nothing at all. The reader should see that there was a word: [UNK].",
            (_cut(unknown=lambda ids, rest, unk: []),),
        ),
        Mistake(
            "endless",
            "Your loop never ends if a rest has no piece: it stays where it is, and tries the same again and again.",
            (_cut(unknown=_no_way_out),),
        ),
        Mistake(
            "whole words",
            "You only look up the word as a whole. If it is not there, its pieces may be.",
            (lambda word, vocabulary: [vocabulary.get(word, vocabulary["[UNK]"])],),
        ),
        Mistake(
            "one piece",
            "You stop after the first piece. The rest of the word wants to be cut, too.",
            (lambda word, v: _pieces(word, v, unknown=lambda ids, rest, unk: [*ids, unk])[:1],
             lambda word, v: _pieces(word, v)[:1]),
        ),
        Mistake(
            "overlapping",
            "Your pieces overlap: the next one begins where the last one has ended, not one letter further.",
            (_cut(step=lambda start, end: start + 1),),
        ),
        Mistake(
            "letters",
            "You cut the word into letters. Look for longer pieces first.",
            (_letters,),
        ),
        Mistake(
            "backwards",
            "Your pieces stand in the wrong order: the first piece of the word comes first.",
            (lambda word, vocabulary: _pieces(word, vocabulary)[::-1],),
        ),
        Mistake(
            "last letter",
            "The last letter of the word is lost. In Python word[a:b] ends before b.",
            (_without_last,),
        ),
        Mistake(
            "always unknown",
            "To you all words are unknown, even one that the vocabulary has as a whole. Do you ever look at a piece "
            "that goes up to the last letter? In Python word[a:b] ends before b.",
            (_never_up_to_the_end,),
        ),
        Mistake(
            "how many",
            "You return how many pieces there are. Their ids are asked for.",
            (lambda word, vocabulary: len(_pieces(word, vocabulary)),),
        ),
    ),
    {
        "one letter": "Only a word of one letter is not right.",
        "twice": "Only a word in which the same piece comes twice is not right.",
        "dead end": "Only one kind of word is not right: the longest piece leads to a rest without a piece, and a "
        "shorter one would not. WordPiece does not go back, so the word is unknown.",
    },
    tolerance=1e-9,
)  # fmt: skip


# 09.2


def mask(ids, chosen, fate, other, mask_id):
    """Of the chosen ones 80 % are hidden and 10 % replaced; all of them are asked for."""
    ids, chosen, fate, other = map(torch.as_tensor, (ids, chosen, fate, other))
    shown = torch.where(chosen & (fate < 0.8), mask_id, ids)
    shown = torch.where(chosen & (fate >= 0.9), other, shown)
    return shown, torch.where(chosen, ids, -100)


def _masked(rng):
    def case(letters, edge="", fate=None):
        """Letters: . not chosen, m to be hidden, k kept, r random; a capital is that fate, but not chosen."""
        T, low = len(letters), {"m": 0.0, "k": 0.8, "r": 0.9}
        words = rng.sample(range(5, 90), 2 * T)  # all different
        share = {"m": 0.8, "k": 0.1, "r": 0.1}
        kinds = [rng.choice("mkr") if x == "." else x.lower() for x in letters]
        fate = [low[k] + share[k] * rng.uniform(0.1, 0.9) for k in kinds] if fate is None else fate
        chosen = np.array([x.islower() for x in letters])
        return Case(
            (np.array(words[:T], float), chosen, np.array(fate), np.array(words[T:], float), rng.choice((3, 4, 103))),
            edge,
        )

    return [
        case("m.KkMrR"),
        case("rkRMm.Kk"),
        case("MmkRr.K"),
        case("KrmkmMR."),
        case("MKR.", "none chosen"),
        case("mkmrk", "all chosen"),
        case("m", "one token"),
        case("kKrR", "border", [0.8, 0.8, 0.9, 0.9]),
        case("Mm", "border", [0.0, 0.0]),
    ]


def _shown(mask_if=lambda f: f < 0.8, other_if=lambda f: f >= 0.9, of=lambda chosen: chosen):
    """What is shown where other fates, or other tokens, are hidden and replaced."""

    def made(ids, chosen, fate, other, mask_id):
        shown = torch.where(of(chosen) & mask_if(fate), mask_id, ids)
        return torch.where(of(chosen) & other_if(fate), other, shown)

    return made


def _never(fate):
    return fate < 0


def _ever(fate):
    return fate >= 0


def _everything(chosen):
    return chosen | True


def _half_of_them(of):
    """What is shown where only one of hiding and replacing asks for the chosen tokens."""

    def made(ids, chosen, fate, other, mask_id):
        hidden, replaced = of(chosen)
        return torch.where(hidden & (fate < 0.8), mask_id, torch.where(replaced & (fate >= 0.9), other, ids))

    return made


def _with_targets(shown):
    """A wrong answer that has other tokens shown and the right targets."""
    return lambda *args: (shown(*args), mask(*args)[1])


def _with_shown(targets):
    """A wrong answer with the right tokens shown, and targets that may depend on them."""

    def made(ids, chosen, fate, other, mask_id):
        shown, _ = mask(ids, chosen, fate, other, mask_id)
        return shown, targets(ids, chosen, fate, other, shown, mask_id)

    return made


def _chosen_only(*args):
    shown, targets = mask(*args)
    return shown[args[1]], targets[args[1]]


TWO = Exercise(
    "09.2",
    "Write mask(ids, chosen, fate, other, mask_id). For each of T tokens there is its id, whether it is chosen to be "
    "guessed (True or False), a random number `fate` from 0 up to 1, and in `other` the id of a random token. Return "
    "two rows of T numbers, the tokens that the model is shown and the targets. A chosen token is shown as `mask_id` "
    "where its fate is below 0.8, as it is from 0.8 up to and without 0.9, and as the other token from 0.9 on. All "
    "other tokens are shown as they are. The targets are the true ids of all chosen tokens, and -100 elsewhere.",
    "Begin with the targets: what do they depend on? Then three things decide what is shown, and `torch.where` can be "
    "used more than once.",
    "lmcourse.pretraining.mask_tokens does this, and draws the numbers itself, other ones each time a text is read.",
    mask,
    _masked,
    (
        Mistake(
            "target shown",
            "Your targets are what the model is shown. It would learn to copy: the targets are the true ids, as they "
            "were before anything was hidden.",
            (
                _with_shown(lambda ids, chosen, fate, other, shown, m: torch.where(chosen, shown, -100)),
                _with_shown(
                    lambda ids, chosen, fate, other, shown, m: torch.where(
                        chosen & (fate >= 0.9), other, torch.where(chosen, ids, -100)
                    )
                ),
                _with_shown(lambda ids, chosen, fate, other, shown, m: torch.where(chosen, m, -100)),
            ),
        ),
        Mistake(
            "targets everywhere",
            "You have a target at every token. What was not chosen can be read off, and there is nothing to guess.",
            (_with_shown(lambda ids, *rest: ids),),
        ),
        Mistake(
            "targets turned round",
            "Your targets stand at the tokens that were not chosen.",
            (_with_shown(lambda ids, chosen, *rest: torch.where(chosen, -100, ids)),),
        ),
        Mistake(
            "kept without target",
            "Tokens that were chosen and kept have no target. They are to be guessed as well: the model cannot know "
            "that they are right.",
            (
                _with_shown(lambda ids, chosen, fate, other, shown, m: torch.where(shown != ids, ids, -100)),
            ),
        ),
        Mistake(
            "targets at [MASK] only",
            "Only the tokens shown as [MASK] have a target. The replaced and the kept ones are to be guessed as well.",
            (_with_shown(lambda ids, chosen, fate, other, shown, m: torch.where(shown == m, ids, -100)),),
        ),
        Mistake(
            "replaced without target",
            "Replaced tokens have no target. That one is wrong is just what the model should find out.",
            (_with_shown(lambda ids, chosen, fate, other, shown, m: torch.where(chosen & (fate < 0.9), ids, -100)),),
        ),
        Mistake(
            "not -100",
            "Where nothing is to be guessed your targets are something else than -100. An id, such as 0, would count "
            "as a target; -100 is what the loss leaves out.",
            tuple(
                _with_shown(lambda ids, chosen, *rest, n=n: torch.where(chosen, ids, n)) for n in (0, -1, 100, math.nan)
            )
            + (_with_shown(lambda ids, chosen, fate, other, shown, m: torch.where(chosen, ids, m)),),
        ),
        Mistake(
            "unchosen replaced",
            "Tokens that nobody has chosen are hidden or replaced. The fate counts for the chosen ones only.",
            (
                _with_targets(_shown(of=_everything)),
                lambda ids, chosen, fate, other, m: (_shown(of=_everything)(ids, chosen, fate, other, m), ids),
                _with_targets(_half_of_them(lambda chosen: (chosen, _everything(chosen)))),
                _with_targets(_half_of_them(lambda chosen: (_everything(chosen), chosen))),
            ),
        ),
        Mistake(
            "chosen turned round",
            "You hide the tokens that were not chosen.",
            (
                _with_targets(_shown(of=lambda chosen: ~chosen)),
                lambda ids, chosen, *rest: mask(ids, ~chosen, *rest),
            ),
        ),
        Mistake(
            "all hidden",
            "All chosen tokens become [MASK]. No text has that mark later on, so some are to be kept or replaced.",
            (_with_targets(_shown(_ever, _never)),),
        ),
        Mistake(
            "none replaced",
            "No token is replaced by a random one. Without these the model could trust each word that it sees.",
            (_with_targets(_shown(other_if=_never)),),
        ),
        Mistake(
            "none kept",
            "Of the chosen tokens none is kept: from 0.8 up to 0.9 they stay as they are.",
            (_with_targets(_shown(other_if=lambda f: f >= 0.8)), _with_targets(_shown(mask_if=lambda f: f < 0.9))),
        ),
        Mistake(
            "exchanged",
            "Kept and replaced are exchanged: from 0.8 a token is kept, and from 0.9 on replaced.",
            (_with_targets(_shown(other_if=lambda f: (f >= 0.8) & (f < 0.9))),),
        ),
        Mistake(
            "overwritten",
            "No token becomes [MASK]. Do you ask one question after the other? A fate below 0.8 is also below 0.9, and "
            "the later answer overwrites the first.",
            (
                _with_targets(_shown(_never)),
                _with_targets(_shown(_never, lambda f: f < 0.9)),
                _with_targets(_shown(_never, _ever)),
                _with_targets(_shown(_never, _never)),
            ),
        ),
        Mistake(
            "mask rare",
            "[MASK] is rare in your answer. It is the fates below 0.8 that lead to it, 8 of 10.",
            (
                _with_targets(_shown(lambda f: f >= 0.9, lambda f: f < 0.8)),
                _with_targets(_shown(lambda f: f >= 0.9, lambda f: (f >= 0.8) & (f < 0.9))),
                _with_targets(_shown(lambda f: f >= 0.8, _never)),
                _with_targets(_shown(lambda f: f >= 0.9, _never)),
            ),
        ),
        Mistake(
            "another order",
            "The fates are counted from the other end, as if 10 % came first. Below 0.8 is [MASK].",
            (
                _with_targets(_shown(lambda f: f >= 0.2, lambda f: f < 0.1)),
                _with_targets(_shown(lambda f: f >= 0.2, lambda f: (f >= 0.1) & (f < 0.2))),
            ),
        ),
        Mistake(
            "two exchanged",
            "What is shown and the targets are exchanged: first comes what is shown.",
            (lambda *args: mask(*args)[::-1],),
        ),
        Mistake(
            "chosen only",
            "You return the chosen tokens alone. The model reads the whole text, so both rows have T numbers.",
            (_chosen_only, lambda *args: (mask(*args)[0], mask(*args)[1][args[1]])),
        ),
    ),
    {
        "none chosen": "Only a text of which nothing is chosen is not right. It is shown as it is, without a target.",
        "all chosen": "Only a text of which everything is chosen is not right.",
        "one token": "Only a text of one token is not right.",
        "border": "Only where the fate is exactly 0, 0.8 or 0.9 it is not right: from 0.8 on a token is kept, from 0.9 "
        "on replaced.",
    },
    tolerance=1e-9,
    parts=("the tokens shown", "the targets"),
    keeps="Both rows are right, but what you were given has been changed on the way. The text is read again in the "
    "next epoch, with other masks: leave it as it is.",
)  # fmt: skip


# 09.3


def may_look(documents):
    """Whose text has the same number; padding has one, too."""
    documents = torch.as_tensor(documents)
    return documents[:, None] == documents  # (T, T)


def _packed(rng):
    def case(*lengths, padding=0, edge=""):
        numbers = [n for n, length in enumerate(lengths, 1) for _ in range(length)]
        return Case((np.array([*numbers, *[0] * padding], float),), edge)

    return [
        case(3, 2, padding=2),
        case(2, 4, 3, padding=1),
        case(rng.randint(2, 4), 1, rng.randint(2, 4), padding=3),
        case(4, 3, padding=2),
        case(2, 3, 1, edge="no padding"),
        case(4, padding=2, edge="one text"),
        case(1, edge="one token"),
        case(padding=3, edge="padding alone"),
    ]


def _same_text(d):
    return d[:, None] == d


def _real(d):
    return d > 0


def _diagonal(d):
    return torch.eye(len(d), dtype=torch.bool)


def _distance(d):
    places = torch.arange(len(d))
    return places[:, None] - places


THREE = Exercise(
    "09.3",
    "Write may_look(documents). Several texts are packed into a row of T tokens, and `documents` has for each token "
    "the number of its text, 1, 2, 3 and so on; padding at the end has 0. Return a boolean table (T, T), a row for "
    "each query and a column for each key, True where the query may attend to the key: both are of the same text, in "
    "either direction. Padding looks at all padding and at nothing else, so that no row is empty.",
    "Write the numbers along the left side and along the top of a table, and fill it by hand for 1 1 2 0 0. What have "
    "all the cells that are True in common?",
    "lmcourse.bert.same_document does this for a whole batch. With it hardly anything of a batch is padding.",
    may_look,
    _packed,
    (
        Mistake(
            "upside down",
            "Your table is True where looking is forbidden. Here True means: may attend.",
            (lambda d: ~_same_text(d),),
        ),
        Mistake(
            "causal",
            "No token sees what comes after it in its text. BERT reads in both directions; there is no future to hide.",
            (lambda d: _same_text(d) & (_distance(d) >= 0), lambda d: _same_text(d) & (_distance(d) > 0)),
        ),
        Mistake(
            "future only",
            "No token sees what comes before it in its text. It may look in both directions.",
            (lambda d: _same_text(d) & (_distance(d) <= 0), lambda d: _same_text(d) & (_distance(d) < 0)),
        ),
        Mistake(
            "causal for all",
            "That is the mask of a language model: all that comes before, of whatever text. Here each text is by "
            "itself, and read in both directions.",
            (lambda d: _distance(d) >= 0, lambda d: (_distance(d) >= 0) & _real(d)),
        ),
        Mistake(
            "everything",
            "Everything may look at everything. The texts share a row and have nothing else to do with each other.",
            (lambda d: _distance(d) < len(d),),
        ),
        Mistake(
            "texts not separated",
            "You hide the padding, but the texts see each other, as if the row were one text.",
            (
                lambda d: _real(d)[:, None] & _real(d),
                lambda d: _real(d).expand(len(d), -1),
                lambda d: _real(d)[:, None] == _real(d),
                lambda d: _real(d)[:, None].expand(-1, len(d)),
            ),
        ),
        Mistake(
            "padding looks at all",
            "Padding looks at the texts as well. It looks at padding only.",
            (lambda d: _same_text(d) | ~_real(d)[:, None],),
        ),
        Mistake(
            "padding is seen",
            "The texts look at padding, which says nothing and would only take weight from what does.",
            (lambda d: _same_text(d) | ~_real(d), lambda d: _same_text(d) | ~_real(d) | ~_real(d)[:, None]),
        ),
        Mistake(
            "empty rows",
            "The texts are right, but the rows of padding are empty: a softmax would have nothing to share out. "
            "Padding looks at padding.",
            (lambda d: _same_text(d) & _real(d),),
        ),
        Mistake(
            "padding itself",
            "The texts are right, but a padding token sees itself alone. It looks at all padding.",
            (lambda d: _same_text(d) & _real(d) | _diagonal(d),),
        ),
        Mistake(
            "earlier texts",
            "Each text sees the texts before it, or those behind it: you ask for a smaller or greater number. The same "
            "number is the same text.",
            (
                lambda d: d[:, None] >= d,
                lambda d: d[:, None] <= d,
                lambda d: (d[:, None] >= d) & _real(d),
                lambda d: (d[:, None] <= d) & _real(d)[:, None],
                lambda d: d[:, None] > d,
                lambda d: d[:, None] < d,
            ),
        ),
        Mistake(
            "neighbours",
            "You compare a token with its neighbours only. All tokens of its text are open to it, near or far.",
            (
                lambda d: _same_text(d) & (_distance(d).abs() <= 1),
                lambda d: _same_text(d) & (_distance(d).abs() == 1),
                lambda d: _same_text(d) & ((_distance(d) == 0) | (_distance(d) == 1)),
                lambda d: d[1:] == d[:-1],
                lambda d: torch.cat([torch.tensor([True]), d[1:] == d[:-1]]),
            ),
        ),
        Mistake(
            "not itself",
            "No token sees itself. It is of its own text, too.",
            (lambda d: _same_text(d) & ~_diagonal(d),),
        ),
        Mistake("only itself", "Each token sees only itself, and nothing of its text.", (_diagonal,)),
        Mistake(
            "with a batch",
            "Your table has an axis too many. It is one row that is given, and one table (T, T) that is asked for.",
            (lambda d: _same_text(d)[None],),
        ),
        Mistake(
            "a row alone",
            "You return a single row of T. Each of the T queries has one of its own.",
            (_real, lambda d: d == d, lambda d: d == d[0]),
        ),
        Mistake(
            "numbers",
            "The places are right, but these are numbers. A mask is of True and False: numbers cannot be joined by & "
            "or ~, and torch would add them to the scores.",
            (lambda d: _same_text(d).float(),),
        ),
        Mistake(
            "minus infinity",
            "That is what is added to the scores, 0 or minus infinity. The mask itself is of True and False.",
            (
                lambda d: torch.where(_same_text(d), 0.0, -torch.inf),
                lambda d: torch.where(_same_text(d), 0.0, -1e9),
            ),
        ),
    ),
    {
        "no padding": "Only a row without padding is not right.",
        "one text": "Only a row with a single text is not right.",
        "one token": "Only a single token is not right: its table is (1, 1).",
        "padding alone": "Only a row of nothing but padding is not right. It looks at itself.",
    },
    truths=True,
)


# 09.4


def parameters(V, D, L, hidden, longest, segments):
    """The tables and their normalisation, L layers as in chapter 08, and the pooler."""
    tables = (V + longest + segments) * D
    norm = 2 * D
    attention = 4 * (D * D + D)
    feed_forward = D * hidden + hidden + hidden * D + D
    pooler = D * D + D
    return tables + norm + L * (attention + feed_forward + 2 * norm) + pooler


def _plus(difference):
    """A count that is wrong by ``difference(V, D, L, hidden, longest, segments)``."""
    return lambda *sizes: parameters(*sizes) + difference(*sizes)


def _layer(D, hidden):
    return 4 * (D * D + D) + 2 * D * hidden + hidden + D + 4 * D


FOUR = Exercise(
    "09.4",
    "Write parameters(V, D, L, hidden, longest, segments). Return how many numbers the encoder of BERT learns: three "
    "tables with a row of D numbers for each of V tokens, `longest` places and the `segments`; a layer normalisation "
    "behind their sum; L layers; and the pooler, one matrix from D to D. A layer has four matrices for its attention, "
    "two for its feed-forward network (from D to `hidden` and back), and two layer normalisations. All matrices but "
    "the tables have a bias, and a normalisation has a gain and a shift. For BERT base, parameters(30522, 768, 12, "
    "3072, 512, 2), it is 109482240.",
    "Count one layer first, and check it against exercise 08.4. What is there once, and what L times?",
    "That is the famous 110 million. More than a fifth of them is the table of tokens, of which a sentence reads "
    "twenty rows.",
    parameters,
    lambda rng: [
        Case((30522, 768, 12, 3072, 512, 2)),
        *(
            Case((rng.randint(50, 400), 2 * rng.randint(3, 9), L, rng.randint(5, 60), rng.randint(10, 30), segments))
            for L, segments in ((2, 3), (3, 4), (5, 2))
        ),
        Case((90, 8, 1, 24, 16, 2), "one layer"),
        Case((120, 6, 3, 20, 12, 1), "one segment"),
    ],
    (
        Mistake(
            "no biases",
            "The biases are missing.",
            (_plus(lambda V, D, L, F, *_: -L * (5 * D + F) - D), _plus(lambda V, D, L, F, *_: -L * (5 * D + F))),
        ),
        Mistake(
            "4 D short",
            "You are 4 D numbers short in each layer. Two things there have that many: the two normalisations with "
            "their gains and shifts, and the biases of the attention. Which of them is missing?",
            (_plus(lambda V, D, L, *_: -4 * L * D),),
        ),
        Mistake(
            "biases of the network",
            "A bias of the feed-forward network is missing. It has one of `hidden` numbers and one of D.",
            (
                _plus(lambda V, D, L, F, *_: -L * (D + F)),
                _plus(lambda V, D, L, F, *_: -L * F),
            ),
        ),
        Mistake(
            "matrices alone",
            "Those are tables and matrices. Biases and normalisations are learned, too.",
            (_plus(lambda V, D, L, F, *_: -L * (9 * D + F) - 3 * D),),
        ),
        Mistake("no pooler", "The pooler is missing.", (_plus(lambda V, D, *_: -D * D - D),)),
        Mistake("pooler without bias", "The bias of the pooler is missing.", (_plus(lambda V, D, *_: -D),)),
        Mistake(
            "pooler in each layer",
            "You count the pooler in each layer. It stands once, behind the last.",
            (_plus(lambda V, D, L, *_: (L - 1) * (D * D + D)),),
        ),
        Mistake(
            "layers alone",
            "The tables are missing.",
            (
                _plus(lambda V, D, L, F, places, segments: -(V + places + segments) * D),
                _plus(lambda V, D, L, F, places, segments: -(V + places + segments) * D - 2 * D),
                lambda V, D, L, F, *_: L * _layer(D, F),
            ),
        ),
        Mistake(
            "table missing",
            "One or two of the three tables are missing: tokens, places, segments. BERT learns its places; they are no "
            "sines and cosines.",
            (
                _plus(lambda V, D, L, F, places, segments: -places * D),
                _plus(lambda V, D, L, F, places, segments: -segments * D),
                _plus(lambda V, D, L, F, places, segments: -(places + segments) * D),
                _plus(lambda V, D, *_: -V * D),
            ),
        ),
        Mistake(
            "tables in each layer",
            "You count the tables in each layer. They stand once, in front of the first.",
            (
                _plus(lambda V, D, L, F, places, segments: (L - 1) * (V + places + segments) * D),
                _plus(lambda V, D, L, F, places, segments: (L - 1) * ((V + places + segments) * D + 2 * D)),
            ),
        ),
        Mistake(
            "tables with a bias",
            "You give the tables a bias. A row is looked up and taken as it is.",
            (_plus(lambda V, D, *_: 3 * D), _plus(lambda V, D, *_: D)),
        ),
        Mistake(
            "first norm",
            "The normalisation behind the sum of the three tables is missing.",
            (_plus(lambda V, D, *_: -2 * D),),
        ),
        Mistake(
            "one norm a layer",
            "Two vectors of each layer are missing. It has two normalisations, and each of them a gain and a shift.",
            (_plus(lambda V, D, L, *_: -2 * D * L), _plus(lambda V, D, L, *_: -2 * D * L - D)),
        ),
        Mistake(
            "no norms",
            "The normalisations are missing.",
            (_plus(lambda V, D, L, *_: -4 * D * L - 2 * D),),
        ),
        Mistake(
            "last norm",
            "You count a normalisation behind the last layer. Here each layer ends with one of its two.",
            (_plus(lambda V, D, *_: 2 * D),),
        ),
        Mistake(
            "one layer",
            "You count one layer. There are L of them, each with weights of its own.",
            (lambda V, D, L, *rest: parameters(V, D, 1, *rest),),
        ),
        Mistake(
            "three matrices",
            "The attention has four matrices: for queries, keys, values, and for what comes out of the heads.",
            (_plus(lambda V, D, L, *_: -L * (D * D + D)), _plus(lambda V, D, L, *_: -L * D * D)),
        ),
        Mistake(
            "one matrix of the network",
            "The feed-forward network has two matrices, one up to `hidden` and one back down to D.",
            (
                _plus(lambda V, D, L, F, *_: -L * D * F),
                _plus(lambda V, D, L, F, *_: -L * (D * F + D)),
                _plus(lambda V, D, L, F, *_: -L * (D * F + F)),
            ),
        ),
        Mistake(
            "4 D",
            "You take 4 D for the width of the feed-forward network. That is so in BERT base; here it is `hidden`.",
            (lambda V, D, L, F, *rest: parameters(V, D, L, 4 * D, *rest),),
        ),
        Mistake(
            "times the heads",
            "You multiply by the number of heads. They share out the D numbers, so more heads have no more weights.",
            tuple(
                _plus(lambda V, D, L, F, *_, H=H, m=m: (H - 1) * L * m * (D * D + D))
                for H in (2, 4, 8, 12, 16)
                for m in (3, 4)
            ),
        ),
        Mistake(
            "output layer",
            "You count an output layer that guesses words. That is a head for pre-training; the encoder ends with the "
            "pooler, and the head would share the table of tokens.",
            (
                _plus(lambda V, D, *_: V * D),
                _plus(lambda V, D, *_: V * D + V),
                _plus(lambda V, D, *_: V),
                _plus(lambda V, D, *_: D * D + 3 * D + V),
            ),
        ),
    ),
    {
        "one layer": "Only with one layer it is not right.",
        "one segment": "Only with one segment it is not right: a table of one row is a table, too.",
    },
    tolerance=1e-9,
)


# 09.5


def best_possible(truths):
    """Who knows the true distribution says the likeliest token, and is surprised by its entropy."""
    truths = torch.as_tensor(truths)  # (N, V)
    accuracy = truths.amax(1).mean()
    bits = -torch.special.xlogy(truths, truths).sum(1).mean() / math.log(2)  # 0 log 0 is 0
    return accuracy, bits


def _truths(rng):
    def row(V, zeros=0):
        weights = [rng.uniform(0.2, 1) ** 2 for _ in range(V - zeros)]
        row = [w / sum(weights) for w in weights] + [0.0] * zeros
        rng.shuffle(row)
        return row

    def case(N, V, edge="", zeros=0):
        return Case((np.array([row(V, zeros) for _ in range(N)]),), edge)

    return [
        *(case(N, V) for N, V in ((3, 3), (4, 3), (2, 5), (5, 4))),
        case(1, 4, "one place"),
        case(3, 5, "impossible", zeros=2),
        case(4, 6, "impossible", zeros=4),
        case(3, 4, "certain", zeros=3),
    ]


def _bits(p):
    return -(p * p.log2()).sum(1)  # (N,)


def _best(p):
    return p.max(1).values  # (N,)


def _measured(accuracy=lambda p: _best(p).mean(), bits=lambda p: _bits(p).mean()):
    """A wrong answer with another accuracy, or other bits."""
    return lambda p: (accuracy(p), bits(p))


def _mixture(p):
    return p.mean(0, keepdim=True)


FIVE = Exercise(
    "09.5",
    "Write best_possible(truths). In a generated language one knows what may stand in a gap. `truths` (N, V) has for "
    "each of N masked places the true probabilities of the V tokens; a row sums to 1. Return two numbers for a model "
    "that knows these probabilities, each the mean over the N places: how often its likeliest token is right "
    "(accuracy), and how many bits the true token costs it (the entropy, a sum of -p log2 p over the tokens). A token "
    "that is impossible, p = 0, costs nothing.",
    "For a place with the probabilities 0.5, 0.3 and 0.2: what do you guess, and how often are you right? And how much "
    "does each of the three surprise you, how often?",
    "No model gets better than that, however large. An accuracy of 60 % may be perfect: who reads it without its upper "
    "bound reads nothing.",
    best_possible,
    _truths,
    (
        Mistake(
            "nats",
            "The accuracy is right, but your unit is not the bit: the logarithm has another base than 2.",
            (
                _measured(bits=lambda p: _bits(p).mean() * math.log(2)),
                _measured(bits=lambda p: _bits(p).mean() * math.log10(2)),
            ),
        ),
        Mistake(
            "sign",
            "The accuracy is right, but your bits are below 0. The logarithm of a probability is negative.",
            (_measured(bits=lambda p: -_bits(p).mean()),),
        ),
        Mistake(
            "perplexity",
            "The accuracy is right, but your second number is a perplexity. Bits are its logarithm.",
            (_measured(bits=lambda p: 2 ** _bits(p).mean()), _measured(bits=lambda p: (2 ** _bits(p)).mean())),
        ),
        Mistake(
            "sampling",
            "Your accuracy is that of a model that draws its guess at random by the probabilities. Who always says the "
            "likeliest token is right more often.",
            (_measured(lambda p: (p**2).sum(1).mean()),),
        ),
        Mistake(
            "mean of p",
            "Your accuracy is the mean of all probabilities, and that is always 1 / V. The best guesser does not guess "
            "anything at all, he says the likeliest.",
            (_measured(lambda p: p.mean()),),
        ),
        Mistake(
            "least likely",
            "Your guesser says the token that is the least likely.",
            (_measured(lambda p: p.min(1).values.mean()),),
        ),
        Mistake(
            "error",
            "Your first number is how often the guess is wrong. How often it is right is asked for.",
            (_measured(lambda p: 1 - _best(p).mean()),),
        ),
        Mistake(
            "sums",
            "You sum over the places. Their mean is asked for, or more places would make the language harder.",
            (
                _measured(lambda p: _best(p).sum(), lambda p: _bits(p).sum()),
                _measured(bits=lambda p: _bits(p).sum()),
                _measured(lambda p: _best(p).sum()),
            ),
        ),
        Mistake(
            "mean over tokens",
            "You take the mean of -p log2 p over the tokens. The p are the weights already, so over the tokens it is a "
            "sum.",
            (_measured(bits=lambda p: _bits(p).mean() / p.shape[1]),),
        ),
        Mistake(
            "bits not weighted",
            "Your bits do not weight the tokens: each surprise -log2 p comes as often as p says.",
            (
                _measured(bits=lambda p: -p.log2().sum(1).mean()),
                _measured(bits=lambda p: -p.log2().mean()),
            ),
        ),
        Mistake(
            "bits of the best",
            "Your bits are those of the likeliest token alone. The true token may be any of them.",
            (
                _measured(bits=lambda p: -_best(p).log2().mean()),
                _measured(bits=lambda p: -_best(p).mean().log2()),
                _measured(bits=lambda p: -(_best(p) * _best(p).log2()).mean()),
            ),
        ),
        Mistake(
            "one distribution",
            "You average the rows before you look at them. The model knows for each place what may stand there, and "
            "that is more than what stands there on the whole.",
            (
                _measured(lambda p: _best(_mixture(p)).mean(), lambda p: _bits(_mixture(p)).mean()),
                _measured(lambda p: _best(_mixture(p)).mean()),
                _measured(bits=lambda p: _bits(_mixture(p)).mean()),
            ),
        ),
        Mistake(
            "best of all places",
            "Your accuracy is the largest probability of the whole table. Each place has its own likeliest token.",
            (_measured(lambda p: p.max()),),
        ),
        Mistake(
            "along the places",
            "Maxima or sums run down the columns, over the places. A row is a place, and sums to 1.",
            (
                _measured(lambda p: p.max(0).values.mean()),
                _measured(lambda p: p.max(0).values.mean(), lambda p: _bits(p.T).mean()),
                _measured(bits=lambda p: _bits(p.T).mean()),
            ),
        ),
        Mistake(
            "which token",
            "Your first number comes from the places of the maxima, which token is the likeliest. How likely it is is "
            "asked for.",
            (_measured(lambda p: p.argmax(1).double().mean()), _measured(lambda p: p.argmax(1))),
        ),
        Mistake(
            "all possible alike",
            "You treat all tokens alike: 1 / V, and log2 V bits. Some are likelier than others.",
            (_measured(lambda p: torch.tensor(1 / p.shape[1]), lambda p: math.log2(p.shape[1])),
             _measured(bits=lambda p: math.log2(p.shape[1]))),
        ),
        Mistake(
            "each place",
            "You return a number for each place. The mean over the places is asked for.",
            (_measured(_best, _bits), _measured(bits=_bits), _measured(_best)),
        ),
        Mistake(
            "exchanged",
            "The two numbers are exchanged: first the accuracy, then the bits.",
            (lambda p: (_bits(p).mean(), _best(p).mean()),),
        ),
    ),
    {
        "one place": "Only with a single place it is not right.",
        "impossible": "Only where tokens are impossible it is not right. The logarithm of 0 is minus infinity, and 0 "
        "times that is no number; such a token adds 0.",
        "certain": "Only where all is certain it is not right: the accuracy is 1, and there is no surprise.",
    },
    parts=("the accuracy", "the bits"),
    keeps="The numbers are right, but `truths` has been changed on the way. Whoever gave it to you may need it again.",
)  # fmt: skip

EXERCISES = (ONE, TWO, THREE, FOUR, FIVE)
