// TransformerExplorer: all heads of a Transformer, where each of them looks, and what becomes of the output without it.

import {
  button, choice, colour, h, hold, icon, inLanguage, oneStop, onTheme, percent, rank, roving, spelled,
} from "./base.js";
import { linear, readTokens, readWeights, STEPS } from "./networks.js";
import { BLANK, join, split } from "./pieces.js";
import { cut, inflate, LONGEST, nameOf, open, textOf } from "./translator.js";
import { bitsOf, cutText, openTransformer, partsOf, runText } from "./transformers.js";
import { heatColour, HEAT, inWeight, linksView } from "./links.js";

// ---------------------------------------------------------------- what follows from a run (tested in node)

/** Which items of two lists are not in the longest list that both have in order: [places in the first, in the second]. */
export function differing(one, other) {
  const common = Array.from({ length: one.length + 1 }, () => new Array(other.length + 1).fill(0));
  for (let i = one.length - 1; i >= 0; i--) {
    for (let k = other.length - 1; k >= 0; k--) {
      common[i][k] = one[i] === other[k] ? common[i + 1][k + 1] + 1 : Math.max(common[i + 1][k], common[i][k + 1]);
    }
  }
  const odd = [[], []];
  for (let [i, k] = [0, 0]; i < one.length || k < other.length; ) {
    if (i < one.length && k < other.length && one[i] === other[k]) [i, k] = [i + 1, k + 1];
    else if (k === other.length || (i < one.length && common[i + 1][k] >= common[i][k + 1])) odd[0].push(i++);
    else odd[1].push(k++);
  }
  return odd;
}

/** The tokens of the queries and of the keys of a part, as pieces: of a story what was read, else as transformer.py has it. */
export function sidesOf(kind, part, pieces, output) {
  const written = kind === "story" ? pieces : ["<s>", ...output.slice(0, -1)];
  const [queries, keys] = { encoder: [pieces, pieces], decoder: [written, written], cross: [output, pieces] }[part];
  return [queries, keys];
}

/** The weights between the tokens at some places. */
export function between(weights, columns, rows, kept) {
  const found = new Float32Array(rows.length * kept.length);
  rows.forEach((q, i) => kept.forEach((k, j) => (found[i * kept.length + j] = weights[q * columns + k])));
  return found;
}

/** How many queries have their largest weight on a right key, and how many have a right key. */
export function pointing(weights, columns, links) {
  const rows = [...new Set(links.map(([q]) => q))];
  const hits = rows.filter((q) => {
    let top = 0;
    for (let k = 1; k < columns; k++) if (weights[q * columns + k] > weights[q * columns + top]) top = k;
    return links.some(([r, k]) => r === q && k === top);
  });
  return [hits.length, rows.length];
}

/** The right links of a text that fit what was read and written, by name; null where there are none. */
export function rightLinks(gold, kind, part, pieces, written) {
  const same = (a, b) => a.length === b.length && a.every((x, i) => x === b[i]);
  if (!gold?.links[part]) return null;
  if (!same(gold.pieces, pieces)) return null;
  return kind === "story" || part === "encoder" || same(gold.target, written) ? gold.links[part] : null;
}

/** Switch a head: triples [part, layer, head] in the order of the parts, with it or without. */
export function switched(off, head, parts) {
  const same = ([p, l, n]) => p === head[0] && l === head[1] && n === head[2];
  const left = off.some(same) ? off.filter((each) => !same(each)) : [...off, head];
  return left.sort((a, b) => parts.indexOf(a[0]) - parts.indexOf(b[0]) || a[1] - b[1] || a[2] - b[2]);
}

/** The likeliest tokens before and after, the likeliest after first: [{id, before, after}]. */
export function rivals(before, after, most) {
  const top = (logs) => rank(logs.map(Math.exp)).slice(0, most);
  const ids = [...new Set([...top(after).slice(0, Math.ceil(most * 0.75)), ...top(before)])].slice(0, most);
  return ids.map((id) => ({ id, before: Math.exp(before[id]), after: Math.exp(after[id]) })).sort((a, b) => b.after - a.after);
}

// ---------------------------------------------------------------- words for people

const STRINGS = {
  en: {
    try: "Try", type: "Type a sentence", typeStory: "Begin a story", text: "Sentence to translate", story: "Beginning of a story",
    stray: (w) => `Unknown to the network, which reads <unk> there: ${w}`, long: (n) => `The network reads the first ${n} pieces.`,
    empty: "Nothing to read yet. Type a sentence above, or take an example.", loading: "The network is being unpacked.",
    old: "This browser cannot unpack the network; a newer one can.", nothing: "(nothing)", end: "end", start: "start",
    translation: "Translation", goes: "Goes on", now: "Now", learned: "With all heads", reference: "Right answer", same: "equal", differs: "differs",
    part: "Heads of", encoder: "encoder", decoder: "decoder", cross: "cross",
    partSaid: { encoder: "Encoder: pieces look at pieces", decoder: "Decoder: words look back at words", cross: "Decoder: words look at the pieces that were read" },
    heads: "All heads", headsHint: "a map shows that head below; its switch takes it out", layer: (n) => `Layer ${n}`, head: (n) => `Head ${n}`,
    name: (l, n) => `Layer ${l}, head ${n}`, on: "on", off: "off", grid: "Arrow keys go from head to head",
    allOn: "All on", only: "Only this head off", onlyLayer: "Only this layer off", matters: "Which head matters?",
    working: (n, of) => `Taking out one head after the other: ${n} of ${of}`,
    most: (name, bits) => `The most is lost without ${name}: ${bits} bits.`, none: "No head alone is missed.",
    worth: (bits) => `${bits} bits without it`, legendGrade: "right", legendWorth: "bits more without it", legendLess: "bits fewer",
    grade: (n, of) => `${n} of ${of} right`, links: "Right links",
    gold: (n, of) => (of ? `${n} of ${of} tokens with a right link look most at it. Right links are dashed, or framed in the map.` : "No right link between the shown tokens."),
    otherGold: "The right links belong to another output than this.",
    isOff: "This head is off: it looks, but what it finds is not passed on.",
    queries: "Queries (looking)", keys: "Keys (looked at)", from: "query", to: "key", writes: "written", reads: "read",
    weights: "Map of the weights. Arrow keys go from cell to cell, Enter keeps one, Escape lets go.",
    hint: "Point at a token or a cell, or walk with the arrow keys. A click keeps it.", hide: (w) => `Hide ${w}`,
    lost: (w) => `${w} on hidden tokens`, right: "right",
    surprise: "Surprise at each word", surpriseOwn: "of its own translation", surpriseTruth: "of the right answer", surpriseStory: "of the text", loss: "Surprise",
    bits: (n) => `${n} bits`, total: (n) => `${n} bits in all`, change: (a, b, d) => `${a} → ${b} bits (${d})`, before: "with all heads", after: "now",
    next: (w) => ["In place of ", w], nextAfter: (w) => ["What comes after ", w], placeHint: "take a word to see what else was likely", last: "next",
    says: (a, b) => `${a} gives: ${b}`, areOff: (n) => (n === 1 ? "1 head is off" : `${n} heads are off`), allAreOn: "All heads are on", reset: "Start over",
  },
  ko: {
    try: "예", type: "문장을 써 보세요", typeStory: "이야기를 시작해 보세요", text: "번역할 문장", story: "이야기의 시작",
    stray: (w) => `신경망이 몰라서 <unk>로 읽는 조각: ${w}`, long: (n) => `신경망은 앞의 ${n}개 조각만 읽습니다.`,
    empty: "아직 읽을 것이 없습니다. 위에 문장을 쓰거나 예를 골라 보세요.", loading: "신경망을 푸는 중입니다.",
    old: "이 브라우저는 신경망을 풀지 못합니다. 더 새로운 브라우저에서는 됩니다.", nothing: "(없음)", end: "끝", start: "시작",
    translation: "번역", goes: "이어 쓰기", now: "지금", learned: "모두 켰을 때", reference: "정답", same: "같음", differs: "다름",
    part: "헤드", encoder: "인코더", decoder: "디코더", cross: "교차",
    partSaid: { encoder: "인코더: 읽은 조각끼리 봅니다", decoder: "디코더: 앞에 쓴 단어를 봅니다", cross: "디코더: 읽은 조각을 봅니다" },
    heads: "모든 헤드", headsHint: "표를 누르면 아래에 크게 보이고, 스위치로 끕니다", layer: (n) => `${n}층`, head: (n) => `${n}번 헤드`,
    name: (l, n) => `${l}층 ${n}번 헤드`, on: "켜짐", off: "꺼짐", grid: "화살표 키로 헤드를 옮겨 다닙니다",
    allOn: "모두 켜기", only: "이 헤드만 끄기", onlyLayer: "이 층만 끄기", matters: "어느 헤드가 중요할까?",
    working: (n, of) => `헤드를 하나씩 꺼 보는 중: ${of}개 가운데 ${n}개`,
    most: (name, bits) => `가장 아쉬운 것은 ${name}: 끄면 ${bits}비트.`, none: "하나만 꺼서는 아쉬운 헤드가 없습니다.",
    worth: (bits) => `끄면 ${bits}비트`, legendGrade: "정답", legendWorth: "끄면 늘어나는 비트", legendLess: "줄어드는 비트",
    grade: (n, of) => `${of}개 가운데 ${n}개 정답`, links: "정답 연결",
    gold: (n, of) => (of ? `정답 연결이 있는 토큰 ${of}개 가운데 ${n}개가 정답을 가장 많이 봅니다. 정답은 점선으로, 표에서는 테두리로 보입니다.` : "보이는 토큰 사이에는 정답 연결이 없습니다."),
    otherGold: "정답 연결은 지금과 다른 출력에 대한 것입니다.",
    isOff: "이 헤드는 꺼져 있습니다. 보기는 하지만 본 것을 넘겨주지 않습니다.",
    queries: "쿼리(보는 쪽)", keys: "키(보이는 쪽)", from: "쿼리", to: "키", writes: "쓴 단어", reads: "읽은 조각",
    weights: "가중치 표. 화살표 키로 칸을 옮겨 다니고, Enter로 고정하고, Esc로 놓습니다.",
    hint: "토큰이나 칸을 가리키거나 화살표 키로 옮겨 다녀 보세요. 누르면 고정됩니다.", hide: (w) => `${w} 숨기기`,
    lost: (w) => `숨긴 토큰에 ${w}`, right: "정답",
    surprise: "단어마다 얼마나 놀랐나", surpriseOwn: "스스로 쓴 번역", surpriseTruth: "정답", surpriseStory: "글", loss: "놀람",
    bits: (n) => `${n}비트`, total: (n) => `모두 ${n}비트`, change: (a, b, d) => `${a} → ${b}비트(${d})`, before: "모두 켰을 때", after: "지금",
    next: (w) => ["이 단어 자리: ", w], nextAfter: (w) => ["이 단어 다음: ", w], placeHint: "단어를 누르면 그 자리에 올 만한 다른 단어가 보입니다", last: "다음",
    says: (a, b) => `${a} → ${b}`, areOff: (n) => `헤드 ${n}개가 꺼져 있습니다`, allAreOn: "헤드가 모두 켜져 있습니다", reset: "처음부터",
  },
};

// ---------------------------------------------------------------- page

const RIVALS = 6;
const TRAITS = ["text", "part", "layer", "head", "off", "compare", "query", "key", "hide", "links", "ranked", "truth", "gold"];
const MARKS = ["<pad>", "<unk>", "<s>", "</s>"];
const inFew = (x) => x.toFixed(x < 0.995 ? 2 : 1);
const signed = (x) => (Math.abs(x) < 0.005 ? "±0" : `${x > 0 ? "+" : "−"}${inFew(Math.abs(x))}`);
const total = (bits) => bits.reduce((a, b) => a + b, 0);
let explorers = 0;

function render({ model, el }) {
  const uid = `lmt-${++explorers}`;
  const T = inLanguage(STRINGS, model.get("language"));
  const shipped = model.get("network");
  const story = shipped.kind === "story";
  const parts = partsOf(shipped);
  const names = parts.map(([part]) => part);
  const initial = Object.fromEntries(TRAITS.map((name) => [name, model.get(name)]));
  let net = null;
  let [gone, own] = [false, false];
  let [pieces, ids, notes] = [[], [], []];
  let [plain, now] = [null, null]; // runs with all heads and without those that are off
  let [wanted, wantedPlain, wantedNow] = [[], null, null]; // what its surprise is measured on, and runs that read it along
  let [worth, job, done] = [new Map(), 0, 0]; // of each head; the measuring that is going on

  const set = (changes) => {
    own = true;
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    model.save_changes();
    own = false;
  };
  const keyed = (name, text) => h("span", {}, h("i", { className: `lmt-key lmt-${name}` }), text);
  const say = (piece) => nameOf(piece, T);
  const isolated = (text) => `\u2068${text.length > 40 ? `${text.slice(0, 40)}…` : text}\u2069`;

  // ---- what follows from the traits

  const part = () => (names.includes(model.get("part")) ? model.get("part") : names.at(-1));
  const sizeOf = () => parts.find(([name]) => name === part());
  const layer = () => Math.min(model.get("layer"), sizeOf()[1] - 1);
  const head = () => Math.min(model.get("head"), sizeOf()[2] - 1);
  const known = ([name, l, n]) => parts.some(([p, layers, heads]) => p === name && l < layers && n < heads);
  const offs = () => model.get("off").filter(known);
  const isOff = (l, n) => offs().some(([p, a, b]) => p === part() && a === l && b === n);
  const piecesOf = (output) => output.map((id) => net.target[id]);
  const sides = () => sidesOf(net.kind, part(), pieces, piecesOf(now.output));
  const seenOf = (tokens) => tokens.map((_, i) => i).filter((i) => !model.get("hide").includes(tokens[i]));
  const key = (l, n) => `${part()} ${l} ${n}`;
  /** The right links of the part: {names, chosen, pairs}; null where there are none, "other" where they fit no more. */
  const golden = () => {
    const gold = model.get("gold")[model.get("text")];
    if (!gold?.links[part()]) return null;
    const written = piecesOf(now.output).filter((piece) => piece !== "</s>");
    const found = rightLinks(gold, net.kind, part(), pieces, written);
    if (!found) return "other";
    const all = Object.keys(found);
    const chosen = all.includes(model.get("links")) ? model.get("links") : all[0];
    return { names: all, chosen, pairs: found[chosen] ?? [] };
  };
  /** What is shown of the part: tokens, the places that are not hidden, right links as places among those, weights of a head. */
  const view = () => {
    const tokens = sides();
    const places = tokens.map(seenOf);
    const gold = golden();
    const pairs = gold?.pairs?.map(([q, k]) => [places[0].indexOf(q), places[1].indexOf(k)]).filter(([q, k]) => q >= 0 && k >= 0);
    const weights = (l, n) => between(now.looks[part()][l][n], tokens[1].length, ...places);
    return { tokens, places, gold, pairs, weights };
  };
  /** The place whose next words are compared. */
  const compared = () => {
    const asked = model.get("compare");
    const most = wanted.length - (story ? 0 : 1);
    if (asked !== null) return Math.min(asked, most);
    const [before, after] = bits();
    if (!offs().length) return story ? most : before.reduce((top, b, i) => (b > before[top] ? i : top), 0);
    return after.reduce((top, b, i) => (Math.abs(b - before[i]) > Math.abs(after[top] - before[top]) ? i : top), 0);
  };
  const bits = () => [wantedPlain, wantedNow].map(({ logs }) => bitsOf(logs, wanted));

  // ---- computing

  const read = () => {
    const [known, longest] = [net.ids[0], net.sides[story ? "decoder" : "encoder"].longest];
    const all = cutText(net, model.get("text"));
    pieces = all.slice(0, Math.min(longest, story ? Infinity : LONGEST));
    const stray = [...new Set(pieces.filter((piece) => !known.has(piece)))];
    notes = [
      ...(stray.length ? [T.stray(stray.slice(0, 5).map((piece) => `“${say(piece)[0]}”`).join(" "))] : []),
      ...(all.length > pieces.length ? [T.long(pieces.length)] : []),
    ];
    ids = pieces.map((piece) => known.get(piece) ?? known.get("<unk>"));
    worth = new Map();
    job++;
    if (nothing()) return;
    plain = runText(net, ids);
    const right = model.get("truth")[model.get("text")];
    if (story) wanted = ids.slice(1);
    else if (right === undefined || net.target_unit === "morpheme") wanted = plain.output;
    else wanted = [...split(right, net.target_unit).map((piece) => net.ids[1].get(piece) ?? net.ids[1].get("<unk>")), net.eos];
    wantedPlain = story || wanted === plain.output ? plain : runText(net, ids, { target: wanted });
    wanted = wanted.slice(0, wantedPlain.logs.length);
    run();
  };
  const nothing = () => pieces.length < (story ? 2 : 1);
  const run = () => {
    const off = offs();
    now = off.length ? runText(net, ids, { off }) : plain;
    wantedNow = !off.length ? wantedPlain : story ? now : runText(net, ids, { off, target: wanted });
  };
  /** Take each head out in turn, between two frames of the page. */
  const measure = async () => {
    const mine = ++job;
    worth = new Map();
    const every = parts.flatMap(([name, layers, heads]) =>
      Array.from({ length: layers * heads }, (_, i) => [name, Math.floor(i / heads), i % heads]));
    const order = [...every.filter(([name]) => name === part()), ...every.filter(([name]) => name !== part())]; // what is seen first
    const whole = total(bitsOf(wantedPlain.logs, wanted));
    for (done = 0; done < order.length; ) {
      await new Promise((go) => setTimeout(go));
      if (gone || mine !== job) return;
      const options = { off: [order[done]], more: false };
      const { logs } = runText(net, ids, story ? options : { ...options, target: wanted });
      worth.set(order[done].join(" "), total(bitsOf(logs, wanted)) - whole);
      done++;
      drawWorth();
    }
    tellWorth(true);
  };

  const act = (what) => (...details) => {
    if (!net) return;
    what(...details);
    draw();
    announce();
  };
  const turn = (off) => {
    set({ off });
    if (!nothing()) run();
  };
  const rewrite = (text) => {
    set({ text, query: null, key: null, compare: null });
    read();
    if (model.get("ranked") && !nothing()) measure();
  };

  // ---- parts

  const status = h("div", { className: "lm-hidden", aria: { role: "status", live: "polite" } });
  const announce = () => {
    if (nothing()) return void (status.textContent = T.empty);
    const said = [offs().length ? T.areOff(offs().length) : T.allAreOn];
    said.push(T.says(story ? T.goes : T.translation, textOf(net, now.output) || T.nothing), surprised());
    status.textContent = said.map((each) => (/[.!?]$/.test(each) ? each : `${each}.`)).join(" ");
  };
  const surprised = () => {
    const [before, after] = bits().map(total);
    const [a, b] = [before, after].map(inFew);
    return offs().length ? T.change(a, b, signed(after - before)) : T.total(a);
  };

  const { examples } = shipped;
  const chips = h("div", { className: "lmt-examples", hidden: !examples.length }, h("span", {}, T.try), ...examples.map((text) => {
    const chip = h("button", { type: "button", className: "lmt-example" }, spelled(h("span"), text, 60));
    chip.addEventListener("click", act(() => rewrite(text)));
    return chip;
  }));
  const field = h("textarea", { rows: 1, spellcheck: false, placeholder: story ? T.typeStory : T.type, value: model.get("text"), aria: { label: story ? T.story : T.text } });
  field.addEventListener("input", () => {
    if (!net) return;
    rewrite(field.value);
    draw();
  });
  field.addEventListener("change", () => net && announce());
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault(); // one text, one line
    if (net) announce();
  });
  const complaint = h("p", { className: "lm-complaint", aria: { role: "alert" } });
  const emptyNote = h("p", { className: "lmt-empty" }, T.loading);
  const first = model.get("first");
  const firstNote = h("p", { className: "lmt-empty", hidden: first?.text !== model.get("text") || !first?.output });
  firstNote.append(h("small", {}, story ? T.goes : T.translation), " ", spelled(h("b"), first?.output ?? "", 999));

  const [output, before, reference, loss] = ["output", "before", "reference", "loss"].map((name) => h("p", { className: `lmt-${name}` }));
  const said = h("section", { className: "lmt-box lmt-said" }, output, before, reference, loss);

  const partChoice = choice(`${uid}-part`, T.part, names.map((name) => [name, T[name], T.partSaid[name]]),
    act((name) => set({ part: name, query: null, key: null })));
  partChoice.hidden = names.length < 2;
  partChoice.classList.add("lmt-part");
  const grid = h("div", { className: "lmt-grid", aria: { role: "group", label: `${T.heads}. ${T.grid}` } });
  const worthNote = h("p", { className: "lmt-note" });
  const legend = h("p", { className: "lmt-legend" });
  const allOn = button("undo", T.allOn, act(() => turn([])));
  const only = button("less", T.only, act(() => turn([[part(), layer(), head()]])));
  const onlyLayer = button("pair", T.onlyLayer, act(() =>
    turn(Array.from({ length: sizeOf()[2] }, (_, n) => [part(), layer(), n]))));
  const matters = button("play", T.matters, () => {
    if (!net || nothing()) return;
    set({ ranked: !model.get("ranked") });
    draw();
    if (model.get("ranked")) measure();
    else {
      job++;
      worth = new Map();
      drawWorth();
    }
  });

  const headTitle = h("h4");
  const offNote = h("p", { className: "lmt-off-note" }, T.isOff);
  const readout = h("p", { className: "lmt-readout" });
  const goldNote = h("p", { className: "lmt-gold" });
  const goldBox = h("div");
  const hideBox = h("div", { className: "lmt-hide" });
  const pointed = ({ kind, query, key: k, keyboard }) => {
    const { places } = shown;
    if (kind === "hover") {
      const [q, c] = query === null && k === null ? kept() : [query, k];
      const text = tell(q, c);
      if (keyboard && (query !== null || k !== null)) status.textContent = text;
      return;
    }
    const was = kept();
    const same = query === was[0] && k === was[1];
    set({ query: same || query === null ? null : places[0][query], key: same || k === null ? null : places[1][k] });
    drawHead();
    status.textContent = readout.textContent;
  };
  const strings = { queries: T.queries, keys: T.keys, map: T.weights };
  const [straight, across] = [false, true].map((turned) =>
    linksView({ strings: { ...strings, titles: turned ? [T.writes, T.reads] : [T.from, T.to] }, turned, act: (event) => shown && pointed(event) }));
  let shown = null; // what the large head shows

  const lossHint = h("small");
  const bars = h("div", { className: "lmt-bars", aria: { role: "group", label: T.surprise } });
  roving(bars, () => [...bars.children], ["ArrowLeft", "ArrowRight"]);
  const barLegend = h("p", { className: "lmt-legend" },
    keyed("was", T.before), keyed("is", T.after));
  const nextTitle = h("h4");
  const rivalList = h("ol", { className: "lmt-rivals" });

  const reset = button("reset", T.reset, () => {
    if (!net) return;
    set({ ...initial, truth: model.get("truth"), gold: model.get("gold") });
    everything();
    announce();
  });
  const filled = h("div", { hidden: true }, said,
    h("div", { className: "lmt-columns" },
      h("section", {}, h("h4", {}, T.heads, " ", h("small", {}, T.headsHint)), partChoice, grid, legend, worthNote,
        h("div", { className: "lmt-actions" }, matters, allOn, only, onlyLayer)),
      h("section", {}, h("h4", {}, T.surprise, " ", lossHint), bars, barLegend, nextTitle, rivalList)),
    h("section", { className: "lmt-large" }, headTitle, offNote, readout, straight.element, across.element, goldNote,
      h("div", { className: "lmt-tools" }, goldBox, hideBox, reset)));

  el.classList.add("lm-explorer", "lmt");
  el.replaceChildren(chips, h("section", { className: "lmt-box" }, field, complaint), firstNote, emptyNote, filled, status);
  const release = hold(el);

  // ---- all heads

  let tiles = []; // {map, canvas, toggle, grade, worth} of the part that is shown
  let tiled = null;
  const walk = (items, i, event) => {
    const [, layers, heads] = sizeOf();
    const to = {
      ArrowLeft: i % heads ? i - 1 : i, ArrowRight: i % heads < heads - 1 ? i + 1 : i, ArrowUp: i - heads, ArrowDown: i + heads,
      Home: 0, End: layers * heads - 1,
    }[event.key];
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    items[to]?.focus();
  };
  const stopAt = (i) => tiles.forEach(({ map, toggle }, n) => (map.tabIndex = toggle.tabIndex = n === i ? 0 : -1));
  const kindOf = (element) => ["map", "toggle"].find((kind) => tiles.some((tile) => tile[kind] === element));
  grid.addEventListener("keydown", (event) => {
    const kind = kindOf(event.target);
    if (kind) walk(tiles.map((tile) => tile[kind]), tiles.findIndex((tile) => tile[kind] === event.target), event);
  });
  grid.addEventListener("focusin", (event) => {
    const kind = kindOf(event.target);
    if (kind) stopAt(tiles.findIndex((tile) => tile[kind] === event.target));
  });

  function makeTiles() {
    tiled = part();
    const [, layers, heads] = sizeOf();
    grid.style.setProperty("--heads", heads);
    tiles = [];
    const cells = [h("span")];
    for (let n = 0; n < heads; n++) cells.push(h("span", { className: "lmt-axis", aria: { hidden: "true" } }, heads > 6 ? String(n) : T.head(n)));
    for (let l = 0; l < layers; l++) {
      cells.push(spelled(h("span", { className: "lmt-axis lmt-side", aria: { hidden: "true" } }), T.layer(l)));
      for (let n = 0; n < heads; n++) {
        const canvas = h("canvas");
        const map = h("button", { type: "button", className: "lmt-map" }, canvas);
        map.addEventListener("click", act(() => set({ layer: l, head: n })));
        const toggle = h("button", { type: "button", className: "lmt-switch", aria: { role: "switch", label: T.name(l, n) } }, h("i"));
        toggle.addEventListener("click", act(() => turn(switched(offs(), [part(), l, n], names))));
        const [grade, cost] = ["grade", "worth"].map((name) => h("span", { className: `lmt-bar lmt-${name}`, aria: { hidden: "true" } }, h("i"), h("em")));
        const tile = h("div", { className: "lmt-tile" }, map, grade, cost, toggle);
        cells.push(tile);
        tiles.push({ tile, map, canvas, toggle, grade, cost, layer: l, head: n });
      }
    }
    grid.replaceChildren(...cells);
    stopAt(layer() * heads + head());
  }

  let inks = null;
  const paints = () => {
    if (inks) return inks;
    const back = colour(el, "var(--lm-back)");
    inks = { scale: back[0] + back[1] + back[2] < 384 ? HEAT.dark : HEAT.light, gold: `rgb(${colour(el, "var(--lm-gold)")})` };
    return inks;
  };
  const dots = h("canvas"); // a pixel for each weight
  function paintTile({ canvas }, side, weights, columns, pairs) {
    const ratio = Math.min(3, devicePixelRatio || 1);
    const size = Math.round(side * ratio);
    if (canvas.width !== size) canvas.width = canvas.height = size;
    const rows = weights.length / columns;
    const top = weights.reduce((a, b) => Math.max(a, b), 0) || 1;
    const image = new ImageData(columns, rows);
    weights.forEach((w, i) => image.data.set([...heatColour(paints().scale, w / top), 255], 4 * i));
    if (dots.width !== columns || dots.height !== rows) Object.assign(dots, { width: columns, height: rows });
    dots.getContext("2d").putImageData(image, 0, 0);
    const pen = canvas.getContext("2d");
    pen.imageSmoothingEnabled = columns > size;
    pen.drawImage(dots, 0, 0, size, size);
    pen.strokeStyle = paints().gold;
    pen.lineWidth = 1.25 * ratio;
    for (const [q, k] of pairs ?? []) {
      pen.strokeRect((k * size) / columns + 0.5, (q * size) / rows + 0.5, size / columns - 1, size / rows - 1);
    }
  }

  function drawTiles() {
    if (nothing() || !el.isConnected) return;
    if (tiled !== part()) makeTiles();
    const { places, gold, pairs, weights } = view();
    const side = Math.max(8, tiles[0].map.clientWidth); // of all, before anything changes
    for (const tile of tiles) {
      const [l, n] = [tile.layer, tile.head];
      const found = weights(l, n);
      const off = isOff(l, n);
      if (places[0].length && places[1].length) paintTile(tile, side, found, places[1].length, pairs);
      tile.tile.classList.toggle("lmt-out", off);
      tile.map.setAttribute("aria-pressed", String(l === layer() && n === head()));
      tile.toggle.setAttribute("aria-checked", String(!off));
      tile.graded = pairs?.length ? pointing(found, places[1].length, pairs) : null;
      tile.grade.hidden = !tile.graded;
      if (tile.graded) {
        tile.grade.style.setProperty("--p", tile.graded[0] / tile.graded[1]);
        tile.grade.lastChild.textContent = `${tile.graded[0]}/${tile.graded[1]}`;
      }
    }
    partChoice.querySelectorAll("input").forEach((input) => (input.checked = input.value === part()));
    const text = gold && gold !== "other" && pairs.length;
    legend.hidden = !text && !model.get("ranked");
    legend.replaceChildren(...(text ? [keyed("right", `${gold.chosen}: ${T.legendGrade}`)] : []),
      ...(model.get("ranked") ? [keyed("more", T.legendWorth), keyed("less", T.legendLess)] : []));
    allOn.setAttribute("aria-disabled", String(!offs().length));
    matters.setAttribute("aria-pressed", String(model.get("ranked")));
    drawWorth();
  }

  function drawWorth() {
    const most = Math.max(0.05, ...[...worth.values()].map(Math.abs));
    for (const tile of tiles) {
      const cost = worth.get(key(tile.layer, tile.head));
      tile.cost.hidden = !model.get("ranked");
      tile.cost.classList.toggle("lmt-gain", cost < 0);
      tile.cost.style.setProperty("--p", Math.abs(cost ?? 0) / most);
      tile.cost.lastChild.textContent = cost === undefined ? "…" : signed(cost);
      const off = isOff(tile.layer, tile.head);
      const marks = [T.name(tile.layer, tile.head), off ? T.off : T.on];
      if (tile.graded) marks.push(T.grade(...tile.graded));
      if (cost !== undefined) marks.push(T.worth(signed(cost)));
      tile.map.setAttribute("aria-label", marks.join(", "));
      tile.map.title = marks.join(", ");
    }
    tellWorth(false);
  }
  function tellWorth(aloud) {
    worthNote.hidden = !model.get("ranked") || nothing();
    if (worthNote.hidden) return;
    const count = parts.reduce((sum, [, layers, heads]) => sum + layers * heads, 0);
    const [name, bits] = [...worth].reduce((top, each) => (each[1] > top[1] ? each : top), ["", 0]);
    const [of, l, n] = name.split(" ");
    const called = `${T.name(l, n).toLowerCase()}${names.length > 1 && name ? ` (${T[of]})` : ""}`;
    worthNote.textContent = worth.size < count ? T.working(worth.size, count) : bits >= 0.005 ? T.most(called, signed(bits)) : T.none;
    if (aloud) status.textContent = worthNote.textContent;
  }

  // ---- what was written

  function words(list, odd) {
    return list.flatMap((id, i) => {
      const [, space, word] = join([net.target[id]], "character").match(/^(\s*)([^]*)$/);
      return [i ? space : "", h(odd.includes(i) ? "mark" : "span", {}, word)];
    });
  }
  const textLine = (label, list, odd) => [h("small", {}, label), " ",
    h("span", { className: "lmt-text", dir: "auto" }, ...(list.length ? words(list, odd) : [T.nothing]))];

  function drawSaid() {
    const off = offs().length > 0;
    const [was, is] = [plain, now].map(({ output: found }) => found.filter((id) => !MARKS.includes(net.target[id])));
    const [lost, fresh] = differing(was, is);
    output.replaceChildren(...textLine(off ? T.now : story ? T.goes : T.translation, is, fresh));
    before.hidden = !off;
    before.replaceChildren(...textLine(T.learned, was, lost));
    const right = model.get("truth")[model.get("text")];
    reference.hidden = right === undefined;
    if (right !== undefined) {
      const same = textOf(net, now.output) === right;
      reference.replaceChildren(h("small", {}, T.reference), " ", spelled(h("span", { className: "lmt-text" }), right, 999), " ",
        h("small", { className: same ? "lmt-same" : "lmt-differs" }, same ? `✓ ${T.same}` : `≠ ${T.differs}`));
    }
    const measured = story ? T.surpriseStory : right === undefined ? T.surpriseOwn : T.surpriseTruth;
    loss.replaceChildren(h("small", {}, T.loss), " ", h("span", { className: "lmt-text" }, surprised(), " ", h("small", {}, measured)));
    lossHint.textContent = `${measured}; ${T.placeHint}`;
  }

  // ---- surprise

  function drawBars() {
    const off = offs().length > 0;
    const [was, is] = bits();
    const most = Math.max(1, ...was, ...is);
    const at = compared();
    const tokens = [...wanted.map((id, i) => (story ? pieces[i + 1] : net.target[id])), ...(story ? [null] : [])];
    while (bars.children.length > tokens.length) bars.lastChild.remove();
    while (bars.children.length < tokens.length) {
      const place = bars.children.length;
      const made = h("button", { type: "button", className: "lmt-word", tabIndex: -1 }, h("span", {}, h("i"), h("i")), h("b"), h("em"));
      made.addEventListener("click", act(() => set({ compare: place })));
      bars.append(made);
    }
    tokens.forEach((piece, i) => {
      const element = bars.children[i];
      const [pair, name, number] = element.children;
      const [shape, called] = piece === null ? ["?", T.last] : say(piece);
      spelled(name, shape, 10).classList.toggle("lm-special", shape !== called);
      [was, is].forEach((all, n) => pair.children[n].style.setProperty("--p", piece === null ? 0 : all[i] / most));
      pair.firstChild.hidden = !off;
      number.textContent = piece === null ? "" : inFew(is[i]);
      element.setAttribute("aria-pressed", String(i === at));
      const spoken = piece === null ? [] : [off ? T.change(inFew(was[i]), inFew(is[i]), signed(is[i] - was[i])) : T.bits(inFew(is[i]))];
      element.setAttribute("aria-label", [called, ...spoken].join(", "));
    });
    oneStop([...bars.children], at);
    barLegend.hidden = !off;
    drawNext(at, off);
  }

  function drawNext(at, off) {
    const [was, is] = [wantedPlain.logs[at], wantedNow.logs[at]];
    const piece = story ? pieces[at] : net.target[wanted[at]];
    const [shape, called] = say(piece);
    const [text, word] = (story ? T.nextAfter : T.next)(h("b", { className: shape === called ? "" : "lm-special" }));
    nextTitle.replaceChildren(text, spelled(word, shape, 24));
    const rows = rivals(was, is, RIVALS);
    const came = wanted[at];
    if (came !== undefined && !rows.some(({ id }) => id === came)) {
      rows[rows.length - 1] = { id: came, before: Math.exp(was[came]), after: Math.exp(is[came]) };
    }
    const top = Math.max(...rows.flatMap(({ before: a, after: b }) => [a, b]));
    rivalList.replaceChildren(...rows.map(({ id, before: a, after: b }) => {
      const [name, aloud] = say(net.target[id]);
      const label = spelled(h("b", { className: name === aloud ? "" : "lm-special" }), name, 12);
      const track = h("span", { className: "lmt-track", aria: { hidden: "true" } }, ...(off ? [h("i", { className: "lmt-was" })] : []), h("i", { className: "lmt-is" }));
      if (off) track.firstChild.style.setProperty("--p", a / top);
      track.lastChild.style.setProperty("--p", b / top);
      return h("li", { className: id === came ? "lmt-came" : "" }, label, track,
        h("span", { className: "lmt-value" }, off ? `${percent(a)} → ${percent(b)}` : percent(b)));
    }));
  }

  // ---- one head

  const kept = () => {
    const place = (side, name) => {
      const at = shown.places[side].indexOf(model.get(name));
      return at < 0 ? null : at;
    };
    return [place(0, "query"), place(1, "key")];
  };
  function tell(q, k) {
    const { tokens, places, matrix, pairs } = shown;
    const columns = places[1].length;
    const name = (side, i) => isolated(say(tokens[side][places[side][i]])[0]);
    const mark = (a, b) => (pairs?.some(([x, y]) => x === a && y === b) ? ` (${T.right})` : "");
    const list = (all, side, of) => [...all.keys()].sort((a, b) => all[b] - all[a]).slice(0, 4).filter((i, n) => all[i] >= 0.005 || !n)
      .map((i) => `${name(side, i)} ${inWeight(all[i])}${of(i)}`).join(", ");
    if (q !== null && k !== null) readout.textContent = `${name(0, q)} → ${name(1, k)} ${inWeight(matrix[q * columns + k])}${mark(q, k)}`;
    else if (q !== null) {
      const row = matrix.subarray(q * columns, (q + 1) * columns);
      const lost = 1 - total(row);
      readout.textContent = `${name(0, q)} → ${list(row, 1, (i) => mark(q, i))}${lost > 0.005 ? ` · ${T.lost(inWeight(lost))}` : ""}`;
    } else if (k !== null) {
      const column = Float32Array.from(places[0], (_, i) => matrix[i * columns + k]);
      readout.textContent = `${name(1, k)} ← ${list(column, 0, (i) => mark(i, k))}`;
    } else readout.textContent = T.hint;
    return readout.textContent;
  }

  let [goldKey, hideKey] = ["", ""];
  function drawHead() {
    const { tokens, places, gold, pairs, weights } = view();
    const matrix = weights(layer(), head());
    shown = { tokens, places, pairs, matrix };
    const cross = part() === "cross";
    const links = cross ? across : straight;
    straight.element.hidden = cross;
    across.element.hidden = !cross;
    headTitle.replaceChildren(T.name(layer(), head()), " ", h("small", {}, T.partSaid[part()]));
    offNote.hidden = !isOff(layer(), head());
    const [q, k] = kept();
    const item = (side) => (i) => {
      const piece = tokens[side][i];
      const [shape, called] = say(piece);
      const strange = (side || part() === "encoder" || story) && (cross || part() === "encoder" || story) && !net.ids[0].has(piece);
      return { shown: shape, said: `${i}: ${called}`, mark: strange ? "stray" : "" };
    };
    const some = places[0].length > 0 && places[1].length > 0;
    links.element.hidden = !some;
    if (some) {
      links.draw({ queries: places[0].map(item(0)), keys: places[1].map(item(1)), layers: [{ weights: matrix }],
        gold: pairs ?? null, view: "both", threshold: 0.05, query: q, key: k });
      tell(q, k);
    } else readout.textContent = "";
    goldNote.hidden = !gold;
    if (gold) goldNote.textContent = gold === "other" ? T.otherGold : T.gold(...pointing(matrix, places[1].length, pairs));
    const wantedGold = gold && gold !== "other" ? JSON.stringify(gold.names) : "[]";
    if (wantedGold !== goldKey) {
      goldKey = wantedGold;
      const all = JSON.parse(wantedGold);
      goldBox.replaceChildren(...(all.length > 1 ? [choice(`${uid}-gold`, T.links, all.map((name) => [name, name]), act((name) => set({ links: name })))] : []));
    }
    goldBox.querySelectorAll("input").forEach((input) => (input.checked = input.value === gold?.chosen));
    const marks = [...new Set(tokens.flat())].filter((piece) => MARKS.slice(2).includes(piece));
    if (JSON.stringify(marks) !== hideKey) {
      hideKey = JSON.stringify(marks);
      hideBox.replaceChildren(...marks.map((piece) => {
        const toggle = button("eye", T.hide(piece), act(() => {
          const hidden = model.get("hide");
          set({ hide: hidden.includes(piece) ? hidden.filter((each) => each !== piece) : [...hidden, piece] });
        }));
        toggle.dataset.piece = piece;
        return toggle;
      }));
    }
    for (const toggle of hideBox.children) toggle.setAttribute("aria-pressed", String(model.get("hide").includes(toggle.dataset.piece)));
  }

  function draw() {
    if (field.value !== model.get("text")) field.value = model.get("text");
    const complaints = notes.join(" ");
    if (complaint.textContent !== complaints) complaint.textContent = complaints;
    const none = nothing();
    emptyNote.hidden = !none;
    emptyNote.textContent = T.empty;
    firstNote.hidden = true;
    filled.hidden = none;
    if (!none) {
      drawSaid();
      drawTiles();
      drawBars();
      drawHead();
    }
    el.dataset.ready = "true";
  }
  const everything = () => {
    read();
    draw();
    if (model.get("ranked") && !nothing()) measure();
  };

  const changed = () => {
    if (!own && net) everything();
  };
  const watched = TRAITS.map((name) => `change:${name}`).join(" ");
  model.on(watched, changed);
  const sized = new ResizeObserver(() => net && drawTiles());
  sized.observe(el);
  const unthemed = onTheme(() => {
    inks = null;
    if (net) drawTiles();
  });
  inflate(shipped.data).then((data) => {
    if (gone) return;
    net = openTransformer(shipped, data);
    everything();
  }).catch((error) => {
    complaint.textContent = typeof DecompressionStream === "undefined" ? T.old : String(error);
    if (typeof DecompressionStream !== "undefined") throw error;
  });

  return () => {
    gone = true;
    sized.disconnect();
    unthemed();
    straight.remove();
    across.remove();
    release();
    model.off(watched, changed);
  };
}

export default { render };
