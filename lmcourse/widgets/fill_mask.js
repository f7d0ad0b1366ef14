// FillMask: a BERT that runs in the page. The reader masks tokens, and it says what they hide.

import { button, h, hold, inLanguage, oneStop, percent, rank, roving, spelled } from "./base.js";
import { linear, readTokens, readWeights, STEPS } from "./networks.js";
import { BLANK, join, split } from "./pieces.js";
import { inflate } from "./translator.js";
import { ACTIVATIONS } from "./transformers.js";
import { fillBert, judgeBert, openBert, readBert } from "./bert.js";

// ---------------------------------------------------------------- text into tokens and back (tested in node)

const MARK = /\[(?:PAD|UNK|CLS|SEP|MASK)\]/g;
const DROPPED = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\ufffd]/u; // but for white space
const GAP = /[\t\n\r\p{Z}]/u;
const SIGN = /[\p{P}$+<=>^`|~]/u;
const IDEOGRAPH =
  /[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u{20000}-\u{2a6df}\u{2a700}-\u{2b81f}\u{2b920}-\u{2ceaf}\u{2f800}-\u{2fa1f}]/u;
const LONGEST_WORD = 100;

/** The words and signs between white space, each a list of letters {c, start, end}, as BertPreTokenizer finds them. */
function wordsOf(text, from) {
  const words = [];
  let [open, at] = [false, from];
  for (const c of text) {
    const letter = { c, start: at, end: (at += c.length) };
    if (GAP.test(c)) open = false;
    else if (DROPPED.test(c)) continue;
    else if (SIGN.test(c) || IDEOGRAPH.test(c)) {
      words.push([letter]);
      open = false;
    } else if (open) words.at(-1).push(letter);
    else open = Boolean(words.push([letter]));
  }
  return words;
}

/** A word in the longest pieces that the vocabulary has, from the left; [UNK] if they do not cover it. */
function wordPieces(ids, word) {
  const whole = { piece: "[UNK]", id: ids.get("[UNK]"), start: word[0].start, end: word.at(-1).end };
  if (word.length > LONGEST_WORD) return [whole];
  const pieces = [];
  for (let from = 0; from < word.length; ) {
    let to = word.length;
    let piece = null;
    for (; to > from; to--) {
      piece = (from ? "##" : "") + word.slice(from, to).map(({ c }) => c).join("");
      if (ids.has(piece)) break;
    }
    if (to === from) return [whole];
    pieces.push({ piece, id: ids.get(piece), start: word[from].start, end: word[to - 1].end });
    from = to;
  }
  return pieces;
}

/** The tokens of a text, as lmcourse.wordpiece.WordPiece cuts it: {piece, id, start, end}, places in the text. */
export function tokensOf({ ids }, text) {
  const tokens = [];
  let at = 0;
  const plain = (to) => tokens.push(...wordsOf(text.slice(at, to), at).flatMap((word) => wordPieces(ids, word)));
  for (const { 0: piece, index } of text.matchAll(MARK)) {
    plain(index);
    at = index + piece.length;
    tokens.push({ piece, id: ids.get(piece), start: index, end: at });
  }
  plain(text.length);
  return tokens;
}

/** What is read of two texts, the second perhaps empty, marks among it (mark: true), with its segment; as FillMaskModel.cut. */
export function cutPair(net, text, second) {
  const [first, other] = [text, second].map((each) => tokensOf(net, each));
  const room = net.sides.encoder.longest - (other.length ? 3 : 2);
  const kept = other.slice(0, Math.max(room - first.length, Math.floor(room / 2)));
  const [cls, sep] = ["[CLS]", "[SEP]"].map((piece) => ({ piece, id: net.ids.get(piece), mark: true }));
  const sides = [[cls, ...first.slice(0, room - kept.length), sep], ...(other.length ? [[...kept, sep]] : [])];
  const tokens = sides.flatMap((side, segment) => side.map((token) => ({ ...token, segment })));
  return { tokens, left: first.length + other.length - tokens.length + (other.length ? 3 : 2) };
}

/**
 * Places after a text has changed: of those tokens that are still there. Texts are pairs. What is common to both is looked for
 * from the beginning and from the end, in both orders: of "a b" in "a a b" either "a" may be the new one.
 */
export function moved(places, before, after, was, is) {
  const common = (a, b, most, at) => {
    let n = 0;
    while (n < most && a[at(a, n)] === b[at(b, n)]) n++;
    return n;
  };
  const edges = [0, 1].map((n) => {
    const [a, b] = [was[n], is[n]];
    const most = Math.min(a.length, b.length);
    const [head, tail] = [(_, i) => i, (all, i) => all.length - 1 - i].map((at) => common(a, b, most, at));
    return { shift: b.length - a.length, ways: [[head, a.length - Math.min(tail, most - head)], [Math.min(head, most - tail), a.length - tail]] };
  });
  return places.map((place) => {
    const { segment, start, end, piece } = before[place];
    const { shift, ways } = edges[segment];
    const starts = ways.flatMap(([head, tail]) => (end <= head ? [start] : start >= tail ? [start + shift] : []));
    return after.findIndex((token) => !token.mark && token.segment === segment && starts.includes(token.start) && token.piece === piece);
  }).filter((place) => place >= 0);
}

const isLetter = (c) => c !== undefined && !GAP.test(c) && !SIGN.test(c) && !IDEOGRAPH.test(c);

/** A text with a piece in the place of a token; glued: whether the next token goes on within the word. */
export function putIn(text, { start, end }, piece, glued) {
  let [before, after] = [text.slice(0, start), text.slice(end)];
  const letters = Array.from(piece.replace(/^##/, ""));
  if (piece.startsWith("##")) before = before.replace(/[\t\n\r\p{Z}]+$/u, "");
  else if (isLetter(Array.from(before).at(-1)) && isLetter(letters[0])) before += " ";
  if (!glued && isLetter(letters.at(-1)) && isLetter(Array.from(after)[0])) after = ` ${after}`;
  return before + letters.join("") + after;
}

// ---------------------------------------------------------------- what the network says (tested in node)

/** What it says with some tokens masked: ln p of each token at each of the places asked for, and if the second text follows. */
export function fillMasks(net, tokens, masks, places = masks) {
  const hole = net.ids.get("[MASK]");
  const ids = tokens.map(({ id }, place) => (masks.includes(place) ? hole : id));
  const states = readBert(net, ids, tokens.map(({ segment }) => segment));
  return { logs: new Map(places.map((place) => [place, fillBert(net, states[place])])), follows: judgeBert(net, states[0]) };
}

/** How unsure a distribution is: bits. */
export const entropy = (logs) => logs.reduce((sum, x) => sum - Math.exp(x) * x, 0) / Math.LN2;

const LEAST = 0.03; // of what is true and not among the candidates of the model, so much is shown

/**
 * The rows of the comparison: the likeliest tokens of the model, what else is likely in truth, and what is hidden. {id, p,
 * rank, truth: p, or null where it is not known}.
 */
export function candidatesOf(logs, most, hidden = null, truth = null) {
  const ranked = rank(logs.map(Math.exp));
  const known = new Map(truth?.top ?? []);
  const ids = ranked.slice(0, most);
  for (const [id, p] of known) if (p >= LEAST && !ids.includes(id)) ids.push(id);
  if (hidden !== null && !ids.includes(hidden)) ids.push(hidden);
  const unlisted = truth?.whole ? 0 : null; // what is possible and a candidate is listed
  return ids.map((id) => {
    const found = known.get(id) ?? (truth && id === hidden ? truth.own : unlisted);
    return { id, p: Math.exp(logs[id]), rank: ranked.indexOf(id) + 1, truth: found };
  });
}

// ---------------------------------------------------------------- words for people

const STRINGS = {
  en: {
    try: "Try", a: "Story so far", b: "What comes next", bEmpty: "may be empty", type: "Type some sentences",
    stray: (w) => `Unknown to the network, which reads [UNK] there: ${w}`, long: (n) => `The network has room for less: the last ${n} tokens of a text are not read.`,
    empty: "Nothing to read yet. Type a text above, or take an example.", loading: "The network is being unpacked.",
    old: "This browser cannot unpack the network; a newer one can.",
    reads: "What BERT reads", readsHint: "press a token to hide it behind [MASK], once more to show it",
    row: ["A", "B"], rowSaid: ["Segment A: the story so far", "Segment B: what comes next"],
    turn: "Mask each token in turn", off: "Take all masks off", undo: "Undo", reset: "Start over",
    token: (w, n) => `${w}, token ${n}`, masked: "masked", shownBelow: "candidates below", part: "goes on within the word",
    working: (n, of) => `Masking one token after the other: ${n} of ${of}`,
    total: (bits, mean) => `Surprise when each token alone is hidden: ${bits} bits in all, ${mean} per token.`,
    totalTruth: (n, a, b) => `On the ${n === 1 ? "one token" : `${n} tokens`} where the truth is known: model ${a}, truth ${b} bits.`,
    bits: (n) => `${n} bits`, modelBits: (n) => `model ${n} bits`, truthBits: (n) => `truth ${n} bits`,
    few: "0", many: "8 bits or more", both: "above: model, below: truth", model: "model", truth: "truth", surprise: "surprise",
    hidden: "Hidden here", typed: "What could stand here?", hiddenMark: "hidden word", rank: (n) => `rank ${n}`,
    candidates: "Candidates. Press one to put it into the text.", hint: "press one to put it in",
    rest: (a, b) => `All others: model ${a}${b === null ? "" : `, truth ${b}`}`,
    put: (w) => `Put in ${w}`, was: (w) => `“${w}” is now in the text.`,
    sure: "How unsure", sureHint: "0 bits is certain, 1 bit a toss of a coin, each bit more doubles the choice",
    cost: (w, a, b) => `“${w}” surprises the model by ${a} bits${b === null ? "" : ` and the truth by ${b}`}.`,
    verdict: "Does B follow A?", follows: (p) => `${p} yes`, elsewhere: "no, from elsewhere", comes: "yes, it follows",
    noSecond: "Type what comes next to ask that.", none: "No token is hidden. Press one above to see what BERT puts there.",
    notWorld: "The truth is known for sentences of the world only, and this text was changed.",
    notWorldBack: "Back to the example", notHere: "For this token the truth is not known.",
    notAlone: "The truth is known where one token alone is hidden.",
    says: (w) => `The model says ${w}.`, truly: (w) => `The truth: ${w}.`, shows: (w) => `${w} is masked.`, judged: (p) => `That B follows A: ${p}.`,
  },
  ko: {
    try: "예", a: "지금까지의 이야기", b: "이어지는 글", bEmpty: "비워도 됩니다", type: "문장을 써 보세요",
    stray: (w) => `신경망이 몰라서 [UNK]로 읽는 단어: ${w}`, long: (n) => `자리가 모자라 마지막 토큰 ${n}개는 읽지 않습니다.`,
    empty: "아직 읽을 것이 없습니다. 위에 글을 쓰거나 예를 골라 보세요.", loading: "신경망을 푸는 중입니다.",
    old: "이 브라우저는 신경망을 풀지 못합니다. 더 새로운 브라우저에서는 됩니다.",
    reads: "BERT가 읽는 것", readsHint: "토큰을 누르면 [MASK]로 가려지고, 다시 누르면 드러납니다",
    row: ["A", "B"], rowSaid: ["조각 A: 지금까지의 이야기", "조각 B: 이어지는 글"],
    turn: "한 자리씩 차례로 가리기", off: "모두 드러내기", undo: "되돌리기", reset: "처음부터",
    token: (w, n) => `${w}, ${n}번 토큰`, masked: "가려짐", shownBelow: "아래에 후보", part: "단어 안에서 이어짐",
    working: (n, of) => `토큰을 하나씩 가려 보는 중: ${of}개 가운데 ${n}개`,
    total: (bits, mean) => `토큰을 하나씩 가렸을 때의 놀람: 모두 ${bits}비트, 토큰마다 ${mean}비트.`,
    totalTruth: (n, a, b) => `참값을 아는 토큰 ${n}개에서: 모델 ${a}비트, 참값 ${b}비트.`,
    bits: (n) => `${n}비트`, modelBits: (n) => `모델 ${n}비트`, truthBits: (n) => `참값 ${n}비트`,
    few: "0", many: "8비트 이상", both: "위는 모델, 아래는 참값", model: "모델", truth: "참값", surprise: "놀람",
    hidden: "가려진 말", typed: "여기에 무엇이 올까?", hiddenMark: "가려진 말", rank: (n) => `${n}위`,
    candidates: "후보. 누르면 글에 들어갑니다.", hint: "누르면 글에 들어갑니다",
    rest: (a, b) => `나머지 모두: 모델 ${a}${b === null ? "" : `, 참값 ${b}`}`,
    put: (w) => `${w} 넣기`, was: (w) => `글에 “${w}” 넣었습니다.`,
    sure: "얼마나 모르나", sureHint: "0비트면 확실하고, 1비트면 동전 던지기이며, 1비트마다 고를 것이 두 배가 됩니다",
    cost: (w, a, b) => `“${w}”의 놀람: 모델 ${a}비트${b === null ? "" : `, 참값 ${b}비트`}.`,
    verdict: "B는 A 다음에 올까?", follows: (p) => `그렇다 ${p}`, elsewhere: "아니다, 다른 데서 왔다", comes: "그렇다, 다음에 온다",
    noSecond: "이어지는 글을 쓰면 답이 나옵니다.", none: "가려진 토큰이 없습니다. 위에서 하나를 누르면 BERT가 거기에 무엇을 넣는지 보입니다.",
    notWorld: "참값은 이 세계의 문장에서만 알 수 있는데, 글이 바뀌었습니다.",
    notWorldBack: "예로 돌아가기", notHere: "이 토큰의 참값은 모릅니다.",
    notAlone: "참값은 토큰 하나만 가렸을 때 알 수 있습니다.",
    says: (w) => `모델: ${w}.`, truly: (w) => `참값: ${w}.`, shows: (w) => `${w}: 가려짐.`, judged: (p) => `B가 A 다음일 확률: ${p}.`,
  },
};

// ---------------------------------------------------------------- page

const SHOWN = 10;
const DARKEST = 8; // bits
const TRAITS = ["text", "second", "masks", "chosen", "reading", "examples"];
const inFew = (x) => (Math.abs(x) < 0.05 ? "0.0" : x.toFixed(1));
const inTwo = (x) => Math.max(0, x).toFixed(2);
const bare = (piece) => piece.replace(/^##(?=.)/, "");
let fillers = 0;

function render({ model, el }) {
  const uid = `lmf-${++fillers}`;
  const T = inLanguage(STRINGS, model.get("language"));
  const shipped = model.get("network");
  const judges = model.get("verdict");
  const initial = Object.fromEntries(TRAITS.slice(0, 5).map((name) => [name, model.get(name)]));
  let net = null;
  let [gone, own] = [false, false];
  let [tokens, texts, notes] = [[], ["", ""], []];
  let [filled, follows] = [null, null]; // what it says with these masks, and of the whole text
  let [surprises, job] = [new Map(), 0]; // bits of each token when it alone is hidden; the reading that is going on
  let kept = null; // what Undo brings back
  let left = null; // the example that was changed

  const set = (changes) => {
    own = true;
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    model.save_changes();
    own = false;
  };
  const keyed = (name, text) => h("span", {}, h("i", { className: `lmf-key lmf-${name}`, aria: { hidden: "true" } }), text);

  // ---- what follows from the traits

  const canMask = (place) => tokens[place] && !tokens[place].mark;
  const isTyped = (place) => tokens[place]?.piece === "[MASK]"; // what it hides nobody knows
  const masks = () => tokens.map((_, place) => place).filter((place) => isTyped(place) || (canMask(place) && model.get("masks").includes(place)));
  const chosen = () => (masks().includes(model.get("chosen")) ? model.get("chosen") : (masks().at(-1) ?? null));
  const example = () => model.get("examples").find(({ text, second }) => text === model.get("text") && second === model.get("second"));
  const truthOf = (place) => example()?.truth[place] ?? null;
  const truthShown = () => (masks().length === 1 ? truthOf(chosen()) : null);
  const anyTruth = () => model.get("examples").some(({ truth }) => Object.keys(truth).length);
  const hasSecond = () => tokens.at(-1)?.segment === 1;
  const nothing = () => !tokens.some(({ mark }) => !mark);

  // ---- computing

  const read = () => {
    const now = [model.get("text"), model.get("second")];
    const { tokens: found, left: over } = cutPair(net, ...now);
    [tokens, texts] = [found, now];
    const stray = tokens.filter(({ piece, start, end, segment }) => piece === "[UNK]" && now[segment].slice(start, end) !== "[UNK]");
    const strange = [...new Set(stray.map(({ start, end, segment }) => now[segment].slice(start, end)))];
    notes = [
      ...(strange.length ? [T.stray(strange.slice(0, 5).map((word) => `“\u2068${word.slice(0, 30)}\u2069”`).join(" "))] : []),
      ...(over ? [T.long(over)] : []),
    ];
    if (example()) left = example();
    surprises = new Map();
    job++;
    follows = judges && hasSecond() ? fillMasks(net, tokens, [], []).follows : null;
    fill();
    if (model.get("reading")) readAll();
  };
  const fill = () => (filled = masks().length ? fillMasks(net, tokens, masks()) : null);

  /** Hide each token in turn, between two frames of the page. */
  const readAll = async () => {
    const mine = ++job;
    const places = tokens.map((_, place) => place).filter((place) => canMask(place) && !isTyped(place));
    surprises = new Map();
    const typed = tokens.map((_, place) => place).filter(isTyped);
    for (const place of places) {
      await new Promise((go) => setTimeout(go));
      if (gone || mine !== job) return;
      const { logs } = fillMasks(net, tokens, [...typed, place], [place]);
      surprises.set(place, -logs.get(place)[tokens[place].id] / Math.LN2);
      drawReading(place);
    }
    drawReading();
    if (places.length) status.textContent = readingNote.textContent;
  };

  const act = (what) => (...details) => {
    if (!net) return;
    what(...details);
    draw();
    announce();
  };
  const rewrite = (text, second, more = null) => {
    const [before, was, old, picked] = [tokens, texts, masks().filter((place) => !isTyped(place)), chosen()];
    set({ text, second });
    const { tokens: after } = cutPair(net, text, second);
    const [to, at] = [old, picked === null ? [] : [picked]].map((places) => moved(places, before, after, was, [text, second]));
    set(more ?? { masks: to, chosen: at[0] ?? null });
    read();
  };
  const toExample = (each) => {
    kept = null;
    set({ text: each.text, second: each.second, masks: each.masks, chosen: null });
    read();
  };
  const press = (place) => {
    const now = masks();
    if (!now.includes(place)) set({ masks: [...now, place].sort((a, b) => a - b), chosen: place });
    else if (chosen() !== place || isTyped(place)) return set({ chosen: place });
    else set({ masks: now.filter((each) => each !== place), chosen: null });
    fill();
  };
  const put = (id) => {
    const place = chosen();
    const { segment, start } = tokens[place];
    kept = { text: texts[0], second: texts[1], masks: model.get("masks"), chosen: model.get("chosen") };
    const glued = tokens[place + 1]?.piece.startsWith("##") ?? false;
    const changed = [...texts];
    changed[segment] = putIn(texts[segment], tokens[place], net.tokens[id], glued);
    set({ masks: masks().filter((each) => each !== place), chosen: null });
    rewrite(...changed);
    draw();
    announce(T.was(bare(net.tokens[id])));
    const near = tokens.findIndex((token) => !token.mark && token.segment === segment && token.end > start);
    buttons()[Math.max(0, places().indexOf(near))]?.focus({ preventScroll: true });
  };

  // ---- parts

  const status = h("div", { className: "lm-hidden", aria: { role: "status", live: "polite" } });
  const announce = (first = "") => {
    if (nothing()) return void (status.textContent = T.empty);
    const [place, said] = [chosen(), first ? [first] : []];
    if (place === null) said.push(T.none);
    else {
      const list = (pairs) => pairs.map(([id, p]) => `${bare(net.tokens[id])} ${percent(p)}`).join(", ");
      const logs = filled.logs.get(place);
      said.push(T.shows(bare(tokens[place].piece)), T.says(list(candidatesOf(logs, 3).map(({ id, p }) => [id, p]))));
      if (truthShown()) said.push(T.truly(list(truthShown().top.slice(0, 3))));
      else if (truthNote.textContent) said.push(truthNote.textContent);
    }
    if (follows !== null) said.push(T.judged(percent(follows)));
    status.textContent = said.join(" ");
  };

  const chips = h("div", { className: "lmf-examples" });
  let chipped = null;
  const makeChips = () => {
    const examples = model.get("examples");
    if (chipped === examples) return;
    chipped = examples;
    chips.hidden = examples.length < 2 && !(examples.length && anyTruth());
    chips.replaceChildren(h("span", {}, T.try), ...examples.map((each) => {
      const shown = each.name || [each.text, each.second].filter(Boolean).join(" ");
      const chip = h("button", { type: "button", className: "lmf-example", title: `${each.text} ${each.second}`.trim() }, spelled(h("span"), shown, 60));
      chip.addEventListener("click", act(() => toExample(each)));
      return chip;
    }));
  };

  const fields = ["a", "b"].map((name, n) => {
    const field = h("textarea", { rows: 1, spellcheck: false, id: `${uid}-${name}`, placeholder: n ? T.bEmpty : T.type });
    field.addEventListener("input", () => {
      if (!net) return;
      kept = null;
      rewrite(fields[0].value, fields[1].value);
      draw();
    });
    field.addEventListener("change", () => net && announce());
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.isComposing) return;
      event.preventDefault(); // one text, one line
      if (net) announce();
    });
    return field;
  });
  const labelled = (n) => h("div", { className: `lmf-field lmf-side${n}` },
    h("label", { htmlFor: fields[n].id }, h("b", { aria: { hidden: "true" } }, T.row[n]), n ? T.b : T.a), fields[n]);
  const complaint = h("p", { className: "lm-complaint", aria: { role: "alert" } });
  const emptyNote = h("p", { className: "lmf-empty" }, T.loading);
  const first = model.get("first");
  const firstNote = h("p", { className: "lmf-empty", hidden: !first?.top });
  firstNote.append(spelled(h("span"), first?.shown ?? "", 9999), h("br"),
    h("b", {}, (first?.top ?? []).map(([piece, p]) => `${bare(piece)} ${percent(p)}`).join(" · ")));

  const rows = h("div", { className: "lmf-rows", aria: { role: "group", label: `${T.reads}: ${T.readsHint}` } });
  const buttons = () => [...rows.querySelectorAll("button")];
  const places = () => tokens.map((_, place) => place).filter(canMask);
  roving(rows, buttons, ["ArrowLeft", "ArrowRight"]);
  const turn = button("eye", T.turn, () => {
    if (!net || nothing()) return;
    set({ reading: !model.get("reading") });
    if (model.get("reading")) readAll();
    else job++;
    draw();
  });
  const allOff = button("less", T.off, act(() => {
    set({ masks: [], chosen: null });
    fill();
  }));
  const undo = button("undo", T.undo, act(() => {
    if (!kept) return;
    set(kept);
    kept = null;
    read();
  }));
  const reset = button("reset", T.reset, act(() => {
    kept = null;
    set(initial);
    read();
  }));
  const readingNote = h("p", { className: "lmf-note" });
  const both = h("span", {}, T.both);
  const scale = h("p", { className: "lmf-legend" }, T.surprise, h("span", {}, T.few, h("i", { className: "lmf-scale", aria: { hidden: "true" } }), T.many), both);

  const title = h("h4");
  const list = h("ol", { className: "lmf-candidates", aria: { label: T.candidates } });
  roving(list, () => [...list.querySelectorAll("button")], ["ArrowUp", "ArrowDown"]);
  const rest = h("p", { className: "lmf-rest" });
  const legend = h("p", { className: "lmf-legend" }, keyed("of-model", T.model), keyed("of-truth", T.truth));
  const truthNote = h("p", { className: "lmf-note lmf-missing" });
  const back = h("button", { type: "button", className: "lm-button lm-quiet" }, T.notWorldBack);
  back.addEventListener("click", act(() => left && toExample(left)));
  const none = h("p", { className: "lmf-empty" }, T.none);
  const sure = h("div", { className: "lmf-sure" });
  const cost = h("p", { className: "lmf-note" });
  const sureBox = h("section", {}, h("h4", {}, T.sure), sure, h("p", { className: "lmf-small" }, T.sureHint), cost);
  const verdictBar = h("div", { className: "lmf-verdict", aria: { hidden: "true" } }, h("i"));
  const verdictText = h("p", { className: "lmf-follows" });
  const verdictEnds = h("p", { className: "lmf-ends", aria: { hidden: "true" } }, h("span", {}, T.elsewhere), h("span", {}, T.comes));
  const verdict = h("section", { hidden: !judges }, h("h4", {}, T.verdict), verdictText, verdictBar, verdictEnds);
  const panel = h("section", { className: "lmf-panel" }, title, legend, list, rest, truthNote, back);
  const columns = h("div", { className: "lmf-columns" }, h("div", {}, panel, none), h("div", { className: "lmf-aside" }, sureBox, verdict));

  const shown = h("div", { hidden: true },
    h("section", { className: "lmf-reads" }, h("h4", {}, T.reads, " ", h("small", {}, T.readsHint)), rows, scale, readingNote,
      h("div", { className: "lmf-actions" }, turn, allOff, undo, reset)), columns);

  el.classList.add("lm-explorer", "lmf");
  el.replaceChildren(chips, h("section", { className: "lmf-box" }, labelled(0), labelled(1), complaint), firstNote, emptyNote, shown, status);
  const release = hold(el);

  // ---- tokens

  let drawn = null;
  const elements = new Map(); // of each place: its button
  function makeTokens() {
    const key = tokens.map(({ piece, segment }) => `${segment} ${piece}`).join("\n");
    if (drawn === key) return;
    drawn = key;
    elements.clear();
    const sides = [0, 1].map((segment) => tokens.map((token, place) => ({ ...token, place })).filter((token) => token.segment === segment));
    rows.replaceChildren(...sides.filter((side) => side.length).map((side, n) => {
      const words = [];
      for (const { piece, place, mark } of side) {
        if (mark) words.push([h("span", { className: "lmf-mark" }, piece)]);
        else {
          const token = h("button", { type: "button", className: "lmf-token", tabIndex: -1 }, h("b"), h("em"), h("em"));
          token.addEventListener("click", act(() => press(place)));
          elements.set(place, token);
          if (piece.startsWith("##") && words.length) words.at(-1).push(token);
          else words.push([token]);
        }
      }
      return h("div", { className: `lmf-row lmf-side${n}`, aria: { role: "group", label: T.rowSaid[n] } },
        h("b", { className: "lmf-seg", aria: { hidden: "true" } }, T.row[n]),
        h("div", { className: "lmf-tokens" }, ...words.map((each) => h("span", { className: each.length > 1 ? "lmf-word" : "" }, ...each))));
    }));
  }

  function drawTokens() {
    makeTokens();
    const [now, at] = [masks(), chosen()];
    for (const [place, token] of elements) {
      const { piece } = tokens[place];
      const hides = now.includes(place);
      const goesOn = piece.startsWith("##");
      const [name] = token.children;
      spelled(name, hides ? "[MASK]" : bare(piece), 24);
      name.classList.toggle("lmf-goes-on", goesOn && !hides);
      token.classList.toggle("lmf-unknown", piece === "[UNK]");
      token.classList.toggle("lmf-chosen", place === at);
      token.setAttribute("aria-pressed", String(hides));
    }
    oneStop(buttons(), 0);
    scale.hidden = !model.get("reading");
    both.hidden = ![...elements.keys()].some(truthOf);
    turn.setAttribute("aria-pressed", String(model.get("reading")));
    allOff.setAttribute("aria-disabled", String(!now.some((place) => !isTyped(place))));
    undo.setAttribute("aria-disabled", String(!kept));
    rows.classList.toggle("lmf-reading", model.get("reading"));
    for (const place of elements.keys()) drawSurprise(place);
    drawReading();
  }

  function drawSurprise(place) {
    const token = elements.get(place);
    if (!token) return;
    const { piece } = tokens[place];
    const [, mine, true_] = token.children;
    const truth = truthOf(place);
    const bits = [surprises.get(place), truth ? -Math.log2(truth.own) : undefined];
    const reading = model.get("reading");
    [mine, true_].forEach((part, n) => {
      part.hidden = !reading || (n === 1 && bits[1] === undefined);
      part.className = n ? "lmf-true" : "lmf-mine";
      part.style.setProperty("--p", Math.min(1, (bits[n] ?? 0) / DARKEST));
      part.textContent = bits[n] === undefined ? (isTyped(place) ? "" : "…") : inFew(bits[n]);
    });
    const said = [T.token(bare(piece), place)];
    if (piece.startsWith("##")) said.push(T.part);
    if (masks().includes(place)) said.push(T.masked);
    if (place === chosen()) said.push(T.shownBelow);
    if (reading && bits[0] !== undefined) said.push(T.modelBits(inFew(bits[0])));
    if (reading && bits[1] !== undefined) said.push(T.truthBits(inFew(bits[1])));
    token.setAttribute("aria-label", said.join(", "));
  }

  function drawReading(place = null) {
    if (place !== null) drawSurprise(place);
    readingNote.hidden = !model.get("reading");
    if (readingNote.hidden) return;
    const count = places().filter((each) => !isTyped(each)).length;
    if (surprises.size < count) return void (readingNote.textContent = T.working(surprises.size, count));
    const sum = (bits) => bits.reduce((a, b) => a + b, 0);
    const all = sum([...surprises.values()]);
    const known = [...surprises.keys()].filter(truthOf);
    const both = known.length ? [T.totalTruth(known.length, inFew(sum(known.map((each) => surprises.get(each)))),
      inFew(sum(known.map((each) => -Math.log2(truthOf(each).own)))))] : [];
    readingNote.textContent = [T.total(inFew(all), inFew(all / Math.max(1, count))), ...both].join(" ");
  }

  // ---- candidates

  function drawCandidates() {
    const place = chosen();
    panel.hidden = sureBox.hidden = place === null;
    none.hidden = place !== null;
    if (place === null) return;
    const logs = filled.logs.get(place);
    const hidden = isTyped(place) ? null : tokens[place].id;
    const truth = truthShown();
    const name = (id) => spelled(h("b", { className: net.tokens[id].startsWith("##") ? "lmf-goes-on" : "" }), bare(net.tokens[id]), 14);
    title.replaceChildren(...(hidden === null ? [T.typed] : [`${T.hidden}: `, name(hidden)]), " ", h("small", {}, T.hint));
    const found = candidatesOf(logs, SHOWN, hidden, truth);
    const top = Math.max(...found.flatMap(({ p, truth: q }) => [p, q ?? 0]));
    const held = list.contains(document.activeElement) ? [...list.querySelectorAll("button")].indexOf(document.activeElement) : -1;
    list.replaceChildren(...found.map(({ id, p, rank: n, truth: q }) => {
      const tracks = h("span", { className: "lmf-tracks", aria: { hidden: "true" } }, h("i", { className: "lmf-of-model" }));
      tracks.firstChild.style.setProperty("--p", p / top);
      if (q !== null) {
        tracks.append(h("i", { className: "lmf-of-truth" }));
        tracks.lastChild.style.setProperty("--p", q / top);
      }
      const values = h("span", { className: "lmf-values" }, h("span", {}, percent(p)));
      if (q !== null) values.append(h("span", {}, percent(q)));
      const mark = id === hidden ? [h("small", {}, n > SHOWN ? `${T.hiddenMark}, ${T.rank(n)}` : T.hiddenMark)] : [];
      const row = h("button", { type: "button", className: `lmf-candidate${id === hidden ? " lmf-right" : ""}`, tabIndex: -1 },
        h("span", { className: "lmf-name" }, name(id), ...mark), tracks, values);
      const spoken = [T.put(bare(net.tokens[id])), `${T.model} ${percent(p)}`, ...(q !== null ? [`${T.truth} ${percent(q)}`] : []), ...(mark.length ? [T.hiddenMark] : [])];
      row.setAttribute("aria-label", spoken.join(", "));
      row.addEventListener("click", () => net && put(id));
      return h("li", {}, row);
    }));
    const all = [...list.querySelectorAll("button")];
    oneStop(all, 0);
    if (held >= 0) all[Math.min(held, all.length - 1)].focus();
    const others = (total, seen) => percent(Math.max(0, total - seen));
    const sum = (key) => found.reduce((total, each) => total + (each[key] ?? 0), 0);
    rest.textContent = T.rest(others(1, sum("p")), truth ? others(1, sum("truth")) : null);
    legend.hidden = !truth;
    const changed = !example();
    truthNote.hidden = Boolean(truth) || !anyTruth();
    truthNote.textContent = truthNote.hidden ? "" : changed ? T.notWorld : masks().length > 1 ? T.notAlone : T.notHere;
    back.hidden = truthNote.hidden || !changed || !left;
    drawSure(logs, hidden, truth);
  }

  function drawSure(logs, hidden, truth) {
    const both = [[T.model, entropy(logs), "of-model"], ...(truth ? [[T.truth, truth.bits, "of-truth"]] : [])];
    const most = Math.max(4, ...both.map(([, bits]) => bits));
    sure.replaceChildren(...both.map(([name, bits, kind]) => {
      const bar = h("i", { className: `lmf-${kind}`, aria: { hidden: "true" } });
      bar.style.setProperty("--p", Math.max(0, bits) / most);
      return h("p", {}, h("span", {}, name), h("span", { className: "lmf-tracks" }, bar), h("b", {}, T.bits(inTwo(bits))));
    }));
    cost.hidden = hidden === null;
    if (hidden !== null) {
      cost.textContent = T.cost(bare(net.tokens[hidden]), inTwo(-logs[hidden] / Math.LN2), truth ? inTwo(-Math.log2(truth.own)) : null);
    }
  }

  function drawVerdict() {
    const known = follows !== null;
    verdictBar.hidden = verdictEnds.hidden = !known;
    verdictText.textContent = known ? T.follows(percent(follows)) : T.noSecond;
    verdictText.classList.toggle("lmf-known", known);
    if (known) verdictBar.style.setProperty("--p", follows);
  }

  function draw() {
    makeChips();
    [...chips.querySelectorAll("button")].forEach((chip, n) => chip.setAttribute("aria-pressed", String(model.get("examples")[n] === example())));
    ["text", "second"].forEach((name, n) => {
      if (fields[n].value !== model.get(name)) fields[n].value = model.get(name);
    });
    const complaints = notes.join(" ");
    if (complaint.textContent !== complaints) complaint.textContent = complaints;
    emptyNote.hidden = !nothing();
    emptyNote.textContent = T.empty;
    firstNote.hidden = true;
    shown.hidden = nothing();
    if (!nothing()) {
      drawTokens();
      drawCandidates();
      drawVerdict();
    }
    el.dataset.ready = "true";
  }

  const changed = () => {
    if (own || !net) return;
    kept = null;
    read();
    draw();
  };
  const watched = TRAITS.map((name) => `change:${name}`).join(" ");
  model.on(watched, changed);
  ["text", "second"].forEach((name, n) => (fields[n].value = model.get(name)));
  makeChips();
  inflate(shipped.data).then((data) => {
    if (gone) return;
    net = openBert(shipped, data);
    read();
    draw();
  }).catch((error) => {
    complaint.textContent = typeof DecompressionStream === "undefined" ? T.old : String(error);
    if (typeof DecompressionStream !== "undefined") throw error;
  });

  return () => {
    gone = true;
    job++;
    release();
    model.off(watched, changed);
  };
}

export default { render };
