"""The law of the world: which story follows from which, and with what probability.

A story is a weather report followed by sentences. Each sentence is a :class:`~lmcourse.world.plan.Plan`, made of
decisions drawn one after another by :class:`Law`; ``korean_text`` and ``english_text`` put it into words. What a later
sentence depends on (:class:`~lmcourse.world.plan.State`) can be read off the story so far in either language, so the
probability of a text given the story is the sum over the few plans that read the same (homonyms), times the
language's own choices of style. That is how the entropy of the language is known exactly.
"""

from functools import cached_property

from .choice import LANGUAGES, Choice, Dice, remembered, yes, zipf
from .lexicon import Frame, Noun, Person
from .plan import Plan, State
from .words import Words


class Law(Words):
    """Draws stories, and knows the probability of each sentence in each language.

    Args:
        words: a lexicon, :mod:`lmcourse.world.lexicon` unless a test brings a smaller one.
        story_length: sentences in a story.
        keep_on: the probability that an enumeration goes on after its second item.
    """

    def may_return(self, frame: Frame, thing: Noun | None) -> bool:
        """Whether "it" or "the ..." may stand as the object: the frame could take the thing spoken of last."""
        return (
            thing is not None
            and self.takes_noun(frame)
            and not set(frame.flags) & set("gpv")
            and thing in self.slot(frame).p
            and len(self.slot(frame).items) > 1
        )

    def leaves_thing(self, frame: Frame, noun: Noun, honorific: bool) -> bool:
        """Whether the noun can be come back to: it must be clear from the sentence in either language."""
        clear = all(len(self.readings(lang, frame, noun, honorific)) == 1 for lang in LANGUAGES)
        return clear and not set(frame.flags) & set("gpv")

    P_NEGATIVE, P_TIME, P_COMPANION, P_PLACE, P_ADVERB, P_THEN, P_BECAUSE = (
        0.14,
        0.15,
        0.12,
        0.45,
        0.2,
        0.12,
        0.25,
    )

    P_PRONOUN, P_DEFINITE, P_ATTRIBUTE, P_CLAUSE = 0.3, 0.2, 0.18, 0.12

    def options(self, frame: Frame, state: State, negative: bool, because: bool) -> dict[str, float]:
        """The probability of each optional part of an event."""
        f = frame.flags
        bare = negative or because
        return {
            "place": 0.0 if bare or not frame.places else self.P_PLACE,
            "time": 0.0 if bare or "t" not in f or state.tense == "present" else self.P_TIME,
            "companion": 0.0 if bare or "c" not in f else self.P_COMPANION,
            "adverb": 0.0 if negative or not frame.adverbs else self.P_ADVERB,
        }

    def p_because(self, frame: Frame, state: State) -> float:
        """Bad weather drives people home, good weather draws them out."""
        bad = state.weather in ("rain", "snow") and "i" in frame.flags
        good = state.weather == "sunny" and "o" in frame.flags
        return self.P_BECAUSE if (bad or good) and state.tense != "future" else 0.0

    def draw(self, dice: Dice, state: State) -> tuple[Plan, State]:
        """Draw the next sentence's plan, and what the one after it will depend on."""
        kind = dice.pick(self.kinds(state)) if state.position else "opening"
        plan = {
            "event": self._event, "feeling": self._feeling, "list": self._list, "exist": self._exist,
            "relative": self._relative, "animal": self._animal, "judge": self._judge, "new day": self._new_day,
            "opening": self._opening,
        }[kind](dice, state)  # fmt: skip
        return plan, self.after(plan, state)

    def after(self, plan: Plan, state: State) -> State:
        """What the sentence after this one depends on."""
        kind, day, topic, cast, thing = plan.kind, state.day, state.topic, state.cast, state.thing
        if kind == "opening":
            day = plan.day
        elif kind == "new day":
            day, topic, thing = plan.day, (), None
        elif kind == "judge":
            thing = None
        elif kind not in ("exist", "animal"):
            topic = plan.subject
            agent = plan.clause[1] if kind == "relative" else None
            met = dict.fromkeys((*topic, plan.person, plan.speaker, plan.recipient, plan.companion, agent, *cast))
            met.pop(None, None)
            cast = tuple(met)[:4]
        if plan.speaker and plan.speaker.honorific and plan.noun.kind == "words":
            thing = None  # 그 말 is no way to speak of an elder's words, 말씀
        elif kind == "event" and plan.thing == "new" and self.leaves_thing(plan.frame, plan.noun, plan.honorific):
            thing = plan.noun
        return State(state.position + 1, plan.tense, day, plan.weather, topic, cast, thing)

    TENSES = Choice({"past": 0.7, "present": 0.15, "future": 0.15})

    def _opening(self, dice, state):
        tense, day, weather = dice.pick(self.TENSES), dice.pick(self.weekday), dice.pick(self.first_weather)
        return Plan("opening", tense, weather, day)

    def _new_day(self, dice, state):
        return Plan("new day", state.tense, dice.pick(self.next_weather[state.weather]), (state.day + 1) % 7)

    def _pair_possible(self, state: State) -> bool:
        return len(state.topic) == 1 and state.topic[0].name

    def _subject(self, dice, state) -> tuple[tuple[Person, ...], bool]:
        others = tuple(p for p in state.cast if p not in state.topic)
        kind = dice.pick(self.subject_kinds(bool(state.topic), bool(others), self._pair_possible(state)))
        if kind == "same":
            return state.topic, True
        if kind == "cast":
            return (dice.pick(self.one_of(others)),), False
        if kind == "new":
            return (dice.pick(self.someone(state.topic)),), False
        return (state.topic[0], dice.pick(self.another_name(state.topic[0]))), False

    def _p_subject(self, state: State, subject: tuple[Person, ...], same: bool) -> float:
        others = tuple(p for p in state.cast if p not in state.topic)
        kinds = self.subject_kinds(bool(state.topic), bool(others), self._pair_possible(state)).p
        if same:
            return kinds["same"]
        if len(subject) == 2:
            return kinds["pair"] * self.another_name(subject[0]).p[subject[1]]
        p = kinds["new"] * self.someone(state.topic).p[subject[0]]
        if subject[0] in others:  # somebody met before may also turn up by chance: two derivations of one text
            p += kinds["cast"] * self.one_of(others).p[subject[0]]
        return p

    def _event(self, dice, state):
        subject, same = self._subject(dice, state)
        frame = dice.pick(self.frame_choice("h", state.weather, state.tense))
        d: dict = {}
        d["negative"] = "n" in frame.flags and dice.pick(self._yes(self.P_NEGATIVE, "negative"))
        because = 0.0 if d["negative"] else self.p_because(frame, state)
        d["because"] = bool(because) and dice.pick(self._yes(because, "because"))
        if frame.objects == "person":
            d["person"] = dice.pick(self.someone(subject, "y" in frame.flags))
        elif frame.objects.startswith("@"):
            d["place"] = dice.pick(self.place(frame.objects[1:], state.weather in ("rain", "snow")))
        elif frame.objects:
            self._thing(dice, state, frame, subject, d)
            if "w" in frame.flags and d["thing"] == "new":
                d["speaker"] = dice.pick(self.speaker(subject))
        if "d" in frame.flags:
            d["recipient"] = dice.pick(self.someone(subject))
        p = self.options(frame, state, d["negative"], d["because"])
        if p["place"] and dice.pick(self._yes(p["place"], "place")):
            d["place"] = dice.pick(self.place(frame.places, state.weather in ("rain", "snow")))
        if p["time"] and dice.pick(self._yes(p["time"], "time")):
            d["time"] = dice.pick(self.time)
        if p["companion"] and dice.pick(self._yes(p["companion"], "companion")):
            d["companion"] = dice.pick(self.someone(subject))
        if p["adverb"] and "companion" not in d and dice.pick(self._yes(p["adverb"], "adverb")):
            d["adverb"] = dice.pick(self.adverb(frame.adverbs))
        if self.then_possible(state, d["because"]):
            d["then"] = dice.pick(self._yes(self.P_THEN, "then"))
        return Plan("event", state.tense, state.weather, subject=subject, same=same, frame=frame, **d)

    def then_possible(self, state: State, because: bool) -> bool:
        """Whether a sentence may begin with "then"."""
        return bool(state.topic) and state.tense != "present" and not because

    @remembered
    def _yes(self, p: float, about: str = "") -> Choice:
        return yes(p, about)

    @cached_property
    def _return(self) -> Choice:
        return Choice(
            {
                "pronoun": self.P_PRONOUN,
                "definite": self.P_DEFINITE,
                "new": 1 - self.P_PRONOUN - self.P_DEFINITE,
            }
        )

    def _thing(self, dice, state, frame, subject, d) -> None:
        """The object of an event: come back to the last thing, or bring up a new one, perhaps with a modifier."""
        returns = self.may_return(frame, state.thing)
        d["thing"] = dice.pick(self._return) if returns else "new"
        if d["thing"] != "new":
            d["noun"] = state.thing
            return
        noun = d["noun"] = dice.pick(self.slot_without(frame, state.thing) if returns else self.slot(frame))
        p_attribute, p_clause = self._p_modifier(frame, noun, d["negative"])
        modifier = dice.pick(self._modifiers(p_attribute, p_clause))
        if modifier == "attribute":
            d["attribute"] = dice.pick(self.attributes[noun.kind])
        elif modifier == "clause":
            d["clause"] = (dice.pick(self.relative_verbs[noun.kind]), dice.pick(self.someone(subject)), None)

    def _p_modifier(self, frame: Frame, noun: Noun, negative: bool) -> tuple[float, float]:
        if negative or set(frame.flags) & set("gps") or frame.key in ("lapped", "feed", "bake", "make", "craft"):
            return 0.0, 0.0
        attribute, clause = self.modifier(noun)
        return attribute, 0.0 if frame.key in ("buy", "sell", "draw", "write", "find", "lose") else clause

    @remembered
    def _modifiers(self, attribute: float, clause: float) -> Choice:
        return Choice({"": 1 - attribute - clause, "attribute": attribute, "clause": clause}, about="modifier")

    def _core_event(self, language: str, plan: Plan, state: State) -> float:
        """The probability of all events that read like this one in a language, given its subject."""
        total = 0.0
        choice = self.frame_choice("h", state.weather, state.tense).p
        noun = plan.noun if plan.thing == "new" else None
        if plan.thing and plan.thing != "new":
            readings = [
                (f, None)
                for f in self.frames_like(language, plan.frame, plan.honorific)
                if self.may_return(f, state.thing)
            ]
        else:
            readings = self.readings(language, plan.frame, noun, plan.honorific)
        wet = state.weather in ("rain", "snow")
        for f, n in readings:
            if f not in choice or (plan.negative and "n" not in f.flags):
                continue
            p = choice[f]
            if "n" in f.flags:
                p *= self.P_NEGATIVE if plan.negative else 1 - self.P_NEGATIVE
            because = 0.0 if plan.negative else self.p_because(f, state)
            p *= because if plan.because else 1 - because
            if plan.person:
                p *= self.someone(plan.subject, "y" in f.flags).p.get(plan.person, 0.0)
            elif plan.thing in ("pronoun", "definite"):
                p *= self._return.p[plan.thing]
            elif n is not None:
                if self.may_return(f, state.thing):
                    p *= self._return.p["new"] * self.slot_without(f, state.thing).p.get(n, 0.0)
                else:
                    p *= self.slot(f).p[n]
                p *= self._p_modified(language, plan, f, n)
            if plan.speaker:
                p *= self.speaker(plan.subject).p[plan.speaker]
            if plan.recipient:
                p *= self.someone(plan.subject).p[plan.recipient]
            parts = self.options(f, state, plan.negative, plan.because)
            if f.objects.startswith("@"):
                p *= (
                    self.place(f.objects[1:], wet).shown(language, plan.place)
                    if plan.place in self.place(f.objects[1:], wet).p
                    else 0
                )
            else:
                p *= self._p_part(language, parts["place"], plan.place, f.places and self.place(f.places, wet))
            p *= self._p_part(language, parts["time"], plan.time, self.time)
            p *= self._p_part(language, parts["companion"], plan.companion, self.someone(plan.subject))
            p *= self._p_part(
                language,
                0.0 if plan.companion else parts["adverb"],
                plan.adverb,
                f.adverbs and self.adverb(f.adverbs),
            )
            total += p
        if self.then_possible(state, plan.because):
            total *= self.P_THEN if plan.then else 1 - self.P_THEN
        return total

    @staticmethod
    def _p_part(language: str, p: float, value, choice) -> float:
        """The probability of an optional part: its absence, or its presence with this value."""
        if value is None:
            return 1 - p
        return p * choice.shown(language, value) if p and value in choice.p else 0.0

    def _p_modified(self, language: str, plan: Plan, frame: Frame, noun: Noun) -> float:
        attribute, clause = self._p_modifier(frame, noun, plan.negative)
        if plan.attribute:
            choice = self.attributes.get(noun.kind)
            return attribute * choice.shown(language, plan.attribute) if choice and plan.attribute in choice.p else 0.0
        if plan.clause:
            choice = self.relative_verbs.get(noun.kind)
            if not choice or plan.clause[0] not in choice.p:
                return 0.0
            return clause * choice.shown(language, plan.clause[0]) * self.someone(plan.subject).p[plan.clause[1]]
        return 1 - attribute - clause

    DEGREES = Choice({"": 0.6, "very": 0.22, "really": 0.18})

    def _predicate(self, dice, choice: Choice) -> dict:
        negative = dice.pick(self._yes(self.P_NEGATIVE, "negative"))
        return {
            "predicate": dice.pick(choice),
            "negative": negative,
            "degree": "" if negative else dice.pick(self.DEGREES),
        }

    def _p_predicate(self, language: str, plan: Plan, choice: Choice) -> float:
        p = choice.shown(language, plan.predicate)
        return p * (self.P_NEGATIVE if plan.negative else (1 - self.P_NEGATIVE) * self.DEGREES.p[plan.degree])

    def _feeling(self, dice, state):
        subject, same = self._subject(dice, state)
        said = self._predicate(dice, self.feelings)
        return Plan("feeling", state.tense, state.weather, subject=subject, same=same, **said)

    def _judge(self, dice, state):
        said = self._predicate(dice, self.judgements[state.thing.kind])
        return Plan("judge", state.tense, state.weather, noun=state.thing, **said)

    def enumeration(self, dice: Dice, length: int) -> Plan:
        """A sentence that lists ``length`` things, in the past, by itself: its weather and its tense are no choices."""
        return self._list(dice, State(1, "past", 0, "sunny"), length)

    def _list(self, dice, state, length=None):
        subject, same = self._subject(dice, state)
        frame = dice.pick(self.listing if length is None else self.listing_of(length))
        left = zipf(self.pools[frame.key])
        items: list[Noun] = []
        while left and (len(items) < (length or 2) or length is None and dice.pick(self._yes(self.keep_on, "more"))):
            items.append(dice.pick(Choice(left, about="item")))
            del left[items[-1]]
        wet = state.weather in ("rain", "snow")
        place = dice.pick(self.place(frame.places, wet)) if dice.pick(self._yes(self.P_PLACE, "place")) else None
        return Plan(
            "list",
            state.tense,
            state.weather,
            subject=subject,
            same=same,
            frame=frame,
            items=tuple(items),
            place=place,
        )

    def _p_list(self, language: str, plan: Plan, state: State) -> float:
        left = zipf(self.pools[plan.frame.key])
        p, total = self.listing.p[plan.frame], sum(left.values())
        for i, item in enumerate(plan.items):
            p *= left[item] / total * (self.keep_on if i >= 2 else 1)
            total -= left.pop(item)
        if left:
            p *= 1 - self.keep_on
        return p * self._p_part(
            language,
            self.P_PLACE,
            plan.place,
            self.place(plan.frame.places, state.weather in ("rain", "snow")),
        )

    def _exist(self, dice, state):
        animal, many = dice.pick(self.animals), dice.pick(self._yes(0.4))
        place = dice.pick(self.place("wild", state.weather in ("rain", "snow")))
        attribute = dice.pick(self.attributes["animal"]) if dice.pick(self._yes(0.3, "attribute")) else None
        return Plan("exist", state.tense, state.weather, animal=animal, many=many, place=place, attribute=attribute)

    def _animal(self, dice, state):
        animal, many = dice.pick(self.animals), dice.pick(self._yes(0.4))
        frame = dice.pick(self.frame_choice(self.diets[animal.ko], state.weather, state.tense))
        d: dict = {"noun": dice.pick(self.slot(frame)), "thing": "new"} if frame.objects else {}
        if frame.places and dice.pick(self._yes(self.P_PLACE, "place")):
            d["place"] = dice.pick(self.place("wild", state.weather in ("rain", "snow")))
        if frame.adverbs and dice.pick(self._yes(self.P_ADVERB, "adverb")):
            d["adverb"] = dice.pick(self.adverb(frame.adverbs))
        return Plan("animal", state.tense, state.weather, animal=animal, many=many, frame=frame, **d)

    def _p_animal(self, language: str, plan: Plan, state: State) -> float:
        total = 0.0
        choice = self.frame_choice(self.diets[plan.animal.ko], state.weather, state.tense).p
        wild = self.place("wild", state.weather in ("rain", "snow"))
        for f, n in self.readings(language, plan.frame, plan.noun, False):
            if f in choice:
                p = choice[f] * (self.slot(f).p[n] if n else 1.0)
                p *= self._p_part(language, self.P_PLACE if f.places else 0.0, plan.place, wild)
                total += p * self._p_part(
                    language,
                    self.P_ADVERB if f.adverbs else 0.0,
                    plan.adverb,
                    f.adverbs and self.adverb(f.adverbs),
                )
        return total * self.animals.shown(language, plan.animal) * (0.4 if plan.many else 0.6)

    def _relative(self, dice, state):
        head = dice.pick(self.heads)
        verb, agent = dice.pick(self.relative_person_verbs), dice.pick(self.someone((head, self.twin(head))))
        place = None
        if dice.pick(self._yes(0.35)):
            place = dice.pick(self.place("meet", state.weather in ("rain", "snow")))
        return Plan(
            "relative",
            state.tense,
            state.weather,
            subject=(head,),
            clause=(verb, agent, place),
            **self._predicate(dice, self.feelings),
        )

    def probability(self, language: str, plan: Plan, state: State) -> float:
        """The probability, given the story so far, of all plans that read like this one in ``language``.

        The style of the wording comes on top: see :attr:`Plan.style`.
        """
        if plan.kind == "opening":
            return self.TENSES.p[plan.tense] * self.weekday.p[plan.day] * self.first_weather.p[plan.weather]
        p = self.kinds(state).p[plan.kind]
        wet = state.weather in ("rain", "snow")
        if plan.kind == "new day":
            return p * self.next_weather[state.weather].p[plan.weather]
        if plan.kind == "judge":
            return p * self._p_predicate(language, plan, self.judgements[plan.noun.kind])
        if plan.kind == "exist":
            p *= self.animals.shown(language, plan.animal) * (0.4 if plan.many else 0.6)
            return (
                p
                * self.place("wild", wet).shown(language, plan.place)
                * self._p_part(language, 0.3, plan.attribute, self.attributes["animal"])
            )
        if plan.kind == "animal":
            return p * self._p_animal(language, plan, state)
        if plan.kind == "relative":
            verb, agent, place = plan.clause
            head = plan.subject[0]
            p *= (
                self.heads.p[head]
                * self.relative_person_verbs.shown(language, verb)
                * self.someone((head, self.twin(head))).p[agent]
            )
            return (
                p
                * self._p_part(language, 0.35, place, self.place("meet", wet))
                * self._p_predicate(language, plan, self.feelings)
            )
        p *= self._p_subject(state, plan.subject, plan.same)
        if plan.kind == "feeling":
            return p * self._p_predicate(language, plan, self.feelings)
        if plan.kind == "list":
            return p * self._p_list(language, plan, state)
        return p * self._core_event(language, plan, state)
