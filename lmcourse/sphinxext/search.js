// How a query is cut into terms. The index holds every form of every Korean word (see search.py);
// here one form of each Korean word of the query is chosen, with the index in view.
var splitQuery = (() => {
  const PARTICLES = /* PARTICLES */ null;
  const ENDINGS = new Set(/* ENDINGS */ null);
  const WORDS = /[가-힣ㄱ-ㆎ]+|(?:(?![가-힣ㄱ-ㆎ])[\p{Letter}\p{Number}_])+/gu;
  const isSyllable = (c) => c >= "가" && c <= "힣";

  const mayFollow = (particle, stem) => {
    const sound = PARTICLES[particle];
    const last = stem.at(-1);
    if (!sound || !isSyllable(last)) return true;
    const final = (last.charCodeAt(0) - 0xac00) % 28; // 0: no final consonant, 8: ㄹ
    const consonant = final > 0;
    return {
      consonant,
      vowel: !consonant,
      "vowel or ㄹ": !consonant || final === 8,
      "consonant but ㄹ": consonant && final !== 8,
    }[sound];
  };

  const forms = (word) => {
    const found = new Set([word]);
    const todo = [word];
    while (todo.length) {
      const current = todo.pop();
      for (let n = 1; n < Math.min(6, current.length); n++) {
        const stem = current.slice(0, -n);
        const ending = current.slice(-n);
        const isParticle = Object.hasOwn(PARTICLES, ending) && mayFollow(ending, stem);
        if ((isParticle || (ENDINGS.has(ending) && stem.length > 1)) && !found.has(stem)) {
          found.add(stem);
          todo.push(stem);
        }
      }
    }
    return [...found].sort((a, b) => b.length - a.length);
  };

  const isEnding = (text) => Object.hasOwn(PARTICLES, text) || ENDINGS.has(text);
  const onlyEndings = (word) =>
    !word || [1, 2, 3, 4, 5].some((n) => n <= word.length && isEnding(word.slice(-n)) && onlyEndings(word.slice(0, -n)));

  const indexed = (term) => {
    const index = typeof Search === "undefined" ? null : Search._index;
    return Boolean(index) && (Object.hasOwn(index.terms, term) || Object.hasOwn(index.titleterms, term));
  };

  // A word that stands before 이/가 or 을/를 somewhere in the book is a noun. Of such nouns take the surest and then
  // the longest (정의, not 정); without evidence the shortest of two syllables or more, so that nothing is missed.
  const evidence = (stem) =>
    ["이", "가", "을", "를"].filter((p) => mayFollow(p, stem) && indexed(stem + p)).length;
  const choose = (word) => {
    const all = forms(word);
    const known = all.some(indexed) ? all.filter(indexed) : all;
    const most = Math.max(...known.map(evidence));
    if (most > 0) return known.find((form) => evidence(form) === most);
    return known.findLast((form) => form.length > 1) ?? known.at(-1);
  };

  return (query) => {
    const found = [];
    let end = -1;
    for (const match of query.normalize("NFC").matchAll(WORDS)) {
      const [word] = match;
      const korean = isSyllable(word[0]) || (word[0] >= "ㄱ" && word[0] <= "ㆎ");
      const particleOfForeignWord = match.index === end && isSyllable(word[0]) && onlyEndings(word);
      if (!particleOfForeignWord) found.push(korean ? choose(word) : word);
      end = match.index + word.length;
    }
    return found;
  };
})();
