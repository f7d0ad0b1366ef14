// QKVExplorer: one head of self-attention over a short sentence, from the vectors of the words to a new one.
// The first half is arithmetic (tested in node against numpy), the second the page.

import { button, h, hold, icon, inLanguage, oneStop, percent, roving, spelled } from "./base.js";
import { join } from "./pieces.js";

// ---------------------------------------------------------------- arithmetic

export const PARTS = ["x", "q", "k", "v"];

export const dot = (a, b) => a.reduce((sum, x, n) => sum + x * b[n], 0);

/** exp(score) over its sum, where it may be seen, without overflow; 0 where nothing may be. */
export function softmax(scores, seen = scores.map(() => true)) {
  const most = scores.reduce((top, x, s) => (seen[s] ? Math.max(top, x) : top), -Infinity);
  const exp = scores.map((x, s) => (seen[s] ? Math.exp(x - most) : 0));
  const sum = exp.reduce((a, b) => a + b, 0);
  return exp.map((e) => (sum ? e / sum : 0));
}

/** All that one head works out, by places: row p is of the word order[p]. Words are numbered as they were passed. */
export function look(data, { order, causal, scaled, scale, positioned, left_out: leftOut, changes }) {
  const changed = (part, word, values) => {
    const row = [...values];
    for (const [which, of, number, value] of changes) if (which === part && of === word) row[number] = value;
    return row;
  };
  const words = order.map((word, p) => {
    const own = changed("x", word, data.vectors[word]);
    const x = positioned && data.positions ? own.map((value, d) => value + data.positions[p][d]) : own;
    const made = ["q", "k", "v"].map((part) => data[`W_${part}`].map((row) => dot(row, x)));
    const [q, k, v] = ["q", "k", "v"].map((part, n) => changed(part, word, made[n]));
    return { word, own, x, q, k, v, made: { q: made[0], k: made[1], v: made[2] } };
  });
  const factor = scaled ? scale : 1;
  const rows = words.map(({ q }, p) => {
    const scores = words.map(({ k }) => dot(q, k));
    const later = words.map((_, s) => causal && s > p);
    const seen = words.map(({ word }, s) => !later[s] && !leftOut.includes(word));
    const inScale = scores.map((x) => factor * x);
    const weights = softmax(inScale, seen);
    const context = data.W_v.map((_, n) => words.reduce((sum, { v }, s) => sum + weights[s] * v[n], 0));
    return { scores, inScale, later, seen, weights, context };
  });
  return { words, rows, factor };
}

/** The probability of each label: softmax(output @ context + bias). */
export const says = ({ output, bias }, context) => softmax(output.map((row, c) => dot(row, context) + bias[c]));

/** The smallest of 1, 2, 3, 5 and 10 times a power of ten that is no smaller than x. */
export function nice(x) {
  if (!(x > 0) || x > 1e9) return x > 0 ? x : 1;
  const power = 10 ** Math.floor(Math.log10(x) + 1e-9);
  return [1, 2, 3, 5, 10].map((n) => n * power).find((each) => each >= x * (1 - 1e-9));
}

/** The corners of the smallest convex shape around points, one after the other. */
export function hull(points) {
  const sorted = [...points].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const half = (all) => {
    const kept = [];
    for (const c of all) {
      const turn = () => {
        const [a, b] = kept.slice(-2);
        return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
      };
      while (kept.length > 1 && turn() <= 0) kept.pop();
      kept.push(c);
    }
    return kept.slice(0, -1);
  };
  return sorted.length < 3 ? sorted : [...half(sorted), ...half(sorted.reverse())];
}

// ---------------------------------------------------------------- numbers for people

/** A number with two decimals, never −0; beyond 100,000 as a power of ten. */
export function fixed(x) {
  if (!Number.isFinite(x)) return x < 0 ? "−∞" : "∞";
  if (Math.abs(x) >= 1e5) {
    const [digit, power] = x.toExponential(2).split("e");
    return `${digit.replace("-", "−")}·10^${Number(power)}`;
  }
  const text = x.toFixed(2);
  return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "−");
}

const inner = (x) => (fixed(x).startsWith("−") ? `(${fixed(x)})` : fixed(x));

/** A sum of products: 0.50 × 0.20 + 0.10 × (−0.40). */
export const products = (a, b) => a.map((x, n) => `${n ? inner(x) : fixed(x)} × ${inner(b[n])}`).join(" + ");

const vectorText = (values) => `[${values.map(fixed).join(", ")}]`;

// ---------------------------------------------------------------- words for people

const STRINGS = {
  en: {
    asks: "Who asks?", sentence: "The sentence: choose the word that asks", place: (n, of) => `place ${n} of ${of}`,
    swap: (a, b) => `Swap ${a} and ${b}`, positions: "Positions", reset: "Reset",
    names: ["Three vectors of each word", "Scores: the query meets every key", "Scale and softmax", "Weighted sum of the values", "What it says"],
    formulas: ["q = W_q x   k = W_k x   v = W_v x", "score = q · k", "weights = softmax(score / √K)", "context = sum of weight × v", "p = softmax(output · context)"],
    three: "Each word comes in as a vector x. In self-attention it plays three parts, and so three learned matrices, the same for all words, make three vectors of x: one to ask with, one to be found by, one to give.",
    meets: (name) => `“${name}” asks, so of its three vectors q counts here, and of every word k. Number times number, all added up: the more k points the way of q, the larger the score.`,
    root: (K, r) => `With the scale, every score is divided by √K = √${K} = ${r}, so that long vectors do not make it huge.`,
    times: (f) => `With the scale, every score is multiplied by ${f}.`, unscaled: "The scale is off: the scores stay as they are.",
    softmaxIs: "Softmax turns them into weights: exp of each, divided by the sum. All are above 0, and together they are 1.",
    masked: "What is hidden gets the weight 0.", nowhere: (name) => `“${name}” may look nowhere: all its weights are 0, and so is its context vector.`,
    gives: (name) => `Every word gives its v, times its weight. The sum is the context vector: the new vector of “${name}”, mixed from all that it looked at.`,
    reads: (name) => `An output layer reads the context vector of “${name}”, and softmax makes probabilities of its scores.`,
    passes: (name) => `The context vector is what “${name}” is from now on. It goes to the next layer.`,
    most: (name, other, w) => `“${name}” looks mostly at “${other}” (${w}).`, itself: (name, w) => `“${name}” looks mostly at itself (${w}).`,
    partIs: { x: "the word", q: "what it looks for", k: "what it is found by", v: "what it gives" },
    partName: { x: "vector", q: "query", k: "key", v: "value" }, withPlace: "word + place",
    of: (part, name) => `${part} of ${name}`, number: (n) => `number ${n}`, set: (x) => `set to ${x}`,
    change: "Change its numbers, or tap another vector above.", undo: "Undo", placeIs: (a, b, c) => `word ${a} + place ${b} = ${c}`,
    table: "The vectors of all words", score: "score", weight: "weight", product: "weight × v", sum: "sum", context: "context vector",
    scoresTable: "Scores", softmaxTable: "From scores to weights", sumTable: "The weighted sum",
    scale: "Scale", factor: "factor", causal: "Causal mask", causalIs: "no word looks at later ones",
    hide: (name) => `Leave out ${name}`, later: "comes later", leftOut: "left out", hidden: "hidden",
    plane: (name) => `q of “${name}” and all keys as arrows`, planeHint: "Keys beyond the dashed line have a score below 0. Drag an arrow, or change its numbers above.",
    cloud: "The values as points, and the context vector among them", cloudHint: "The larger the weight, the larger the point, and the more it pulls the context vector.",
    all: "All words ask at the same time", allHint: "A row is a word that asks, a column a word that is looked at. Choose a row to see its arithmetic.",
    rowOf: (name, row) => `${name} asks: ${row}`,
    sameOrder: "The words have been swapped, and each keeps its weights: without positions and without a mask, order means nothing.",
    newOrder: { positions: "The words have been swapped, and with positions that changes the numbers.", mask: "The words have been swapped, and with the mask each sees other words than before." },
    spoken: (name, weights, context) => `${name} asks. Weights: ${weights}. Context vector: ${context}.`,
  },
  ko: {
    asks: "누가 묻나요?", sentence: "문장: 질문하는 단어를 고르세요", place: (n, of) => `${of}개 자리 가운데 ${n}번째`,
    swap: (a, b) => `자리 바꾸기: ${a}, ${b}`, positions: "위치 정보", reset: "처음으로",
    names: ["단어마다 벡터 세 개", "점수: 쿼리가 모든 키를 만난다", "스케일과 소프트맥스", "값의 가중합", "무엇을 뜻하나"],
    formulas: ["q = W_q x   k = W_k x   v = W_v x", "점수 = q · k", "가중치 = softmax(점수 / √K)", "문맥 벡터 = (가중치 × v)의 합", "p = softmax(출력층 · 문맥 벡터)"],
    three: "단어는 저마다 벡터 x로 들어옵니다. 셀프 어텐션에서 단어는 세 가지 역할을 합니다. 그래서 모든 단어가 함께 쓰는 학습된 행렬 세 개가 x를 세 벡터로 바꿉니다. 물을 때 쓰는 쿼리, 남에게 찾아질 때 쓰는 키, 남에게 건네주는 값입니다.",
    meets: (name) => `지금 묻는 단어: “${name}”. 이 단어에서는 q만, 나머지를 포함한 모든 단어에서는 k가 쓰입니다. 자리마다 곱해서 모두 더합니다. k의 방향이 q와 비슷할수록 점수가 커집니다.`,
    root: (K, r) => `스케일을 켜면 점수를 모두 √K = √${K} = ${r}로 나눕니다. 벡터가 길어도 점수가 너무 커지지 않게 하려는 것입니다.`,
    times: (f) => `스케일을 켜면 점수에 모두 ${f}를 곱합니다.`, unscaled: "스케일이 꺼져 있어서 점수를 그대로 씁니다.",
    softmaxIs: "소프트맥스는 점수를 가중치로 바꿉니다. 저마다 exp를 취해서 그 합으로 나누면 모두 0보다 크고, 다 더하면 1입니다.",
    masked: "가려진 단어의 가중치는 0입니다.", nowhere: (name) => `“${name}”에게는 볼 수 있는 단어가 없습니다. 가중치도 문맥 벡터도 모두 0입니다.`,
    gives: (name) => `단어마다 자기 v에 가중치를 곱해서 건네줍니다. 모두 더하면 문맥 벡터, 곧 “${name}”의 새 벡터가 됩니다. 바라본 모든 것이 섞여 있습니다.`,
    reads: (name) => `출력층이 “${name}”의 문맥 벡터를 읽어 점수를 매기고, 소프트맥스가 이 점수를 확률로 바꿉니다.`,
    passes: (name) => `이제부터는 이 문맥 벡터가 “${name}”의 벡터입니다. 그대로 다음 층으로 올라갑니다.`,
    most: (name, other, w) => `“${name}”에서 가장 많이 바라보는 단어: “${other}” (${w}).`, itself: (name, w) => `“${name}”에서 가장 많이 바라보는 단어: 자기 자신 (${w}).`,
    partIs: { x: "단어", q: "무엇을 찾나", k: "무엇으로 찾아지나", v: "무엇을 건네나" },
    partName: { x: "벡터", q: "쿼리", k: "키", v: "값" }, withPlace: "단어 + 위치",
    of: (part, name) => `${name}의 ${part}`, number: (n) => `${n}번 숫자`, set: (x) => `${x}로 바꿈`,
    change: "숫자를 바꾸거나 위에서 다른 벡터를 눌러 보세요.", undo: "되돌리기", placeIs: (a, b, c) => `단어 ${a} + 위치 ${b} = ${c}`,
    table: "모든 단어의 벡터", score: "점수", weight: "가중치", product: "가중치 × v", sum: "합", context: "문맥 벡터",
    scoresTable: "점수", softmaxTable: "점수에서 가중치로", sumTable: "가중합",
    scale: "스케일", factor: "배율", causal: "인과 마스크", causalIs: "뒤에 오는 단어는 보지 못함",
    hide: (name) => `빼기: ${name}`, later: "뒤에 옴", leftOut: "뺀 단어", hidden: "가림",
    plane: (name) => `화살표: “${name}”의 q, 모든 단어의 k`, planeHint: "점선 너머에 있는 키는 점수가 0보다 작습니다. 화살표를 끌거나 위에서 숫자를 바꿔 보세요.",
    cloud: "값은 점으로, 문맥 벡터는 그 사이의 별로", cloudHint: "가중치가 클수록 점이 크고, 문맥 벡터를 더 세게 당깁니다.",
    all: "모든 단어가 한꺼번에 묻는다", allHint: "행은 묻는 단어, 열은 바라보는 단어입니다. 행을 고르면 그 계산이 위에 펼쳐집니다.",
    rowOf: (name, row) => `묻는 단어 ${name}: ${row}`,
    sameOrder: "자리를 바꿨는데도 단어마다 가중치가 그대로입니다. 위치 정보도 마스크도 없으면 순서는 아무 뜻이 없습니다.",
    newOrder: { positions: "자리를 바꿨습니다. 위치 정보가 있어서 숫자가 달라집니다.", mask: "자리를 바꿨습니다. 마스크가 있어서 단어마다 볼 수 있는 단어가 달라집니다." },
    spoken: (name, weights, context) => `묻는 단어: ${name}. 가중치: ${weights}. 문맥 벡터: ${context}.`,
  },
};

// ---------------------------------------------------------------- page

const TRAITS = ["query", "word", "part", "causal", "scaled", "scale", "positioned", "order", "left_out", "changes"];
const FEW = 4; // numbers of a vector that are written out in its cell
const BARS = 8; // labels that are shown
const LARGEST = 1000;
const STRAY = /[\u0590-\u08ff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc]/; // not left to right
const SHUT = "M3 3l18 18M10 5.7a9 9 0 0 1 2-.2c6.5 0 9.5 6.5 9.5 6.5a16 16 0 0 1-3 3.8M6 7.3A16 16 0 0 0 2.5 12s3 6.5 9.5 6.5a9 9 0 0 0 3.6-.8";
let views = 0;

/** A sum of products as nodes, with the numbers of each side in the colour of what they are. */
function inked(a, b, inks) {
  const number = (text, ink) => (ink ? h("b", { className: `lmq-ink-${ink}` }, text) : text);
  return a.flatMap((x, n) => [n ? " + " : "", number(n ? inner(x) : fixed(x), inks[0]), " × ", number(inner(b[n]), inks[1])]);
}

/** A formula: W_q x becomes W, a small q below, and x. */
function formula(text) {
  const made = h("code", { className: "lmq-formula" });
  text.split(/_([a-z])/).forEach((piece, n) => made.append(n % 2 ? h("sub", {}, piece) : piece));
  return made;
}

const drawn = (tag, attributes = {}, ...children) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
};
const place = (element, attributes) => {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, typeof value === "number" ? value.toFixed(1) : value);
};

function render({ model, el }) {
  const uid = `lmq-${++views}`;
  const T = inLanguage(STRINGS, model.get("language"));
  const [data, tokens, labels] = ["data", "tokens", "labels"].map((name) => model.get(name));
  const N = tokens.length;
  const width = { x: data.vectors[0].length, q: data.W_q.length, k: data.W_k.length, v: data.W_v.length };
  const places = [...tokens.keys()];
  let own = false;

  // ---- state

  const state = () => Object.fromEntries(TRAITS.map((name) => [name, model.get(name)]));
  const set = (changes) => {
    own = true;
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    model.save_changes();
    own = false;
  };
  const change = (changes) => {
    set(changes);
    update();
  };
  const act = (changes) => {
    change(changes);
    announce();
  };
  const choose = (word) => act({ query: word, word, part: "q" });
  const inPlace = (p) => model.get("order")[p];
  /** Numbers of a word are set to values; null means back to what they come from. */
  const put = (part, word, values) => {
    const rest = model.get("changes").filter(([which, of, number]) => which !== part || of !== word || !(number in values));
    const added = Object.entries(values).filter(([, value]) => value !== null).map(([number, value]) => [part, word, Number(number), value]);
    set({ changes: [...rest, ...added] });
    update();
  };
  const isChanged = (part, word, number) =>
    model.get("changes").some(([which, of, n]) => which === part && of === word && (number === undefined || n === number));

  // ---- words

  const plain = tokens.map((token) => (token === "▁" ? "␣" : join([token], "word").trim()) || "∅");
  const cut = (text, most) => {
    const signs = [...new Intl.Segmenter().segment(text)].map((each) => each.segment);
    return signs.length > most ? `${signs.slice(0, most - 1).join("")}…` : text;
  };
  /** The name of a word inside a sentence: not too long, and without turning what comes after it. */
  const named = plain.map((text) => (STRAY.test(text) ? `\u2068${cut(text, 16)}\u2069` : cut(text, 16)));
  const rename = (element, word) => element.textContent === plain[word] || spelled(element, plain[word], 8);

  // ---- vectors in a cell: numbers, or many small bars

  function vectorOf(part, length) {
    const written = length <= FEW;
    const box = h("span", { className: `lmq-vector lmq-${part} ${written ? "lmq-written" : "lmq-strip"}` });
    box.append(...Array.from({ length }, () => h("span", {}, ...(written ? [] : [h("i")]))));
    box.show = (values, most, marked = () => false) => {
      values.forEach((x, n) => {
        const cell = box.children[n];
        if (written) cell.textContent = fixed(x);
        else cell.title = fixed(x);
        cell.classList.toggle("lmq-long", written && cell.textContent.length > 6);
        cell.style.setProperty("--a", Math.min(1, Math.abs(x) / most).toFixed(3));
        cell.classList.toggle("lmq-minus", x < 0);
        cell.classList.toggle("lmq-set", marked(n));
      });
    };
    return box;
  }

  // ---- the frame of each line

  const line = (n, ...content) => {
    const title = h("h4", { id: `${uid}-${n}` }, h("i", { className: "lmq-badge", aria: { hidden: "true" } }, String(n)), h("span", {}, T.names[n - 1]));
    const head = h("div", { className: "lmq-title" }, title, ...(n < 5 || labels.length ? [formula(T.formulas[n - 1])] : []));
    const sentence = h("p", { className: "lmq-says" });
    const section = h("section", { className: `lmq-line lmq-line${n}`, aria: { labelledby: `${uid}-${n}` } }, head, sentence, ...content);
    section.says = sentence;
    return section;
  };
  const row = (className, ...cells) => h("div", { className: `lmq-row ${className}`, aria: { role: "row" } }, ...cells);
  const cell = (className, ...content) => h("div", { className: `lmq-cell ${className}`, aria: { role: "cell" } }, ...content);
  const heading = (className, ...content) => h("div", { className: `lmq-cell lmq-heading ${className}`, aria: { role: "columnheader" } }, ...content);
  const rowName = (content) => h("div", { className: "lmq-cell lmq-name", aria: { role: "rowheader" } }, content);
  const table = (className, label, ...rows) => h("div", { className: `lmq-table ${className}`, aria: { role: "table", label } }, ...rows);
  const track = () => h("span", { className: "lmq-track", aria: { hidden: "true" } }, h("i"));
  const value = (className = "") => h("span", { className: `lmq-value ${className}` });

  // ---- who asks

  const chips = places.map((p) => h("button", { type: "button", className: "lmq-chip", on: { click: () => choose(inPlace(p)) } }, h("b", { className: "lmq-word" })));
  const swaps = places.slice(1).map((p) => {
    const made = h("button", { type: "button", className: "lmq-swap", on: { click: () => {
      const order = [...model.get("order")];
      [order[p - 1], order[p]] = [order[p], order[p - 1]];
      act({ order });
    } } }, icon("pair"));
    made.querySelector("path").setAttribute("d", "M7 4 3 8l4 4M3 8h15M17 12l4 4-4 4M21 16H6");
    return made;
  });
  const sentence = h("div", { className: "lmq-sentence", aria: { role: "group", label: T.sentence } },
    ...places.flatMap((p) => (p ? [swaps[p - 1], chips[p]] : [chips[p]])));
  const stops = () => [...sentence.children];
  roving(sentence, stops, ["ArrowLeft", "ArrowRight"]);
  const toggle = (text, trait, help = "") => h("button", { type: "button", className: "lm-button lmq-toggle", title: help, on: {
    click: () => act({ [trait]: !model.get(trait) }) } }, h("i", { className: "lmq-switch", aria: { hidden: "true" } }), h("span", {}, text));
  const positions = toggle(T.positions, "positioned");
  positions.hidden = !data.positions;
  const reset = button("reset", T.reset, () => act(model.get("initial")));
  const orderNote = h("p", { className: "lmq-note" });
  const ask = h("div", { className: "lmq-ask" }, h("span", { className: "lmq-label" }, T.asks), sentence, h("div", { className: "lm-actions" }, positions, reset));

  // ---- 1: three vectors

  const open = (part, p) => act({ part, word: inPlace(p) });
  const vectors = places.map((p) => {
    const cells = PARTS.map((part) => {
      const box = vectorOf(part, width[part]);
      const made = h("button", { type: "button", tabIndex: -1, className: "lmq-open", on: { click: () => open(part, p) } }, box);
      return { part, box, made };
    });
    const label = h("b", { className: "lmq-word" });
    return { cells, label, element: row("", rowName(label), ...cells.map(({ part, made }) => cell(`lmq-of-${part}`, made))) };
  });
  const partHead = (part) => heading(`lmq-of-${part}`,
    h("b", { className: `lmq-letter lmq-ink-${part}` }, part), h("small", {}, T.partIs[part]));
  const heads = PARTS.map(partHead);
  const columns = (widths) => widths.map((n) => `minmax(0, ${Math.max(1.6, n <= FEW ? n : 0.5 * n)}fr)`).join(" ");
  const vectorTable = table("lmq-vectors", T.table, row("lmq-heads", heading("lmq-name"), ...heads), ...vectors.map(({ element }) => element));
  vectorTable.style.setProperty("--columns", columns(PARTS.map((part) => width[part])));
  vectorTable.classList.toggle("lmq-stacked", PARTS.reduce((sum, part) => sum + Math.min(FEW, width[part]), 0) > 11);
  const openers = vectors.map(({ cells }) => cells.map(({ made }) => made));
  vectorTable.addEventListener("keydown", (event) => {
    const way = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    const from = event.target.closest(".lmq-open");
    if (!way || !from) return;
    event.preventDefault();
    const p = openers.findIndex((all) => all.includes(from));
    const to = openers[Math.max(0, Math.min(N - 1, p + way[0]))];
    to[Math.max(0, Math.min(3, openers[p].indexOf(from) + way[1]))].focus();
  });
  vectorTable.addEventListener("focusin", (event) => {
    const all = openers.flat();
    if (all.includes(event.target)) for (const each of all) each.tabIndex = each === event.target ? 0 : -1;
  });

  // The bench: one vector, where its numbers come from, and where they are changed.
  const benchTitle = h("h5");
  const benchUndo = h("button", { type: "button", className: "lm-button lm-quiet lmq-undo", on: { click: () => {
    const { part, word } = state();
    put(part, word, Object.fromEntries(Array.from({ length: width[part] }, (_, n) => [n, null])));
    announce();
    openers[model.get("order").indexOf(word)][PARTS.indexOf(part)].focus();
  } } }, T.undo);
  const benchRows = h("div", { className: "lmq-fields" });
  const bench = h("div", { className: "lmq-bench" }, h("div", { className: "lmq-bench-head" }, benchTitle, h("span", { className: "lmq-hint" }, T.change), benchUndo), benchRows);
  let fields = [];
  let opened = "";
  const reach = Object.fromEntries(PARTS.map((part) => [part, 3]));
  function fill(found) {
    const { part, word } = state();
    const length = width[part];
    if (opened !== `${part} ${word}`) {
      opened = `${part} ${word}`;
      fields = Array.from({ length }, (_, n) => {
        const label = `${T.of(part, plain[word])}, ${T.number(n + 1)}`;
        const range = h("input", { type: "range", step: 0.05, aria: { label } });
        const typed = h("input", { type: "number", step: 0.05, aria: { label } });
        for (const field of [range, typed]) {
          field.addEventListener("input", () => {
            const x = field.value === "" ? NaN : Number(field.value);
            if (Number.isFinite(x) && Math.abs(x) <= LARGEST) put(part, word, { [n]: x });
          });
          field.addEventListener("change", () => announce());
        }
        const work = h("span", { className: "lmq-work" });
        return { range, typed, work, element: h("div", { className: "lmq-field" }, work, range, typed) };
      });
      benchRows.replaceChildren(...fields.map(({ element }) => element));
      bench.className = `lmq-bench lmq-edge-${part}`;
    }
    const at = found.words.findIndex((each) => each.word === word);
    const here = found.words[at];
    const shown = part === "x" ? here.own : here[part];
    benchTitle.replaceChildren(h("b", { className: `lmq-letter lmq-ink-${part}` }, part), " ", T.of(T.partName[part], named[word]), " ",
      ...(part === "x" ? [] : [formula(`= W_${part} x`)]));
    benchUndo.hidden = !isChanged(part, word);
    fields.forEach(({ range, typed, work }, n) => {
      const x = shown[n];
      const mine = isChanged(part, word, n);
      const limit = Math.max(reach[part], nice(Math.abs(x)));
      if (document.activeElement !== range) Object.assign(range, { min: -limit, max: limit });
      if (document.activeElement !== range) range.value = x;
      if (document.activeElement !== typed) typed.value = Number(x.toFixed(2));
      range.setAttribute("aria-valuetext", fixed(x));
      const text = part !== "x" ? [...inked(data[`W_${part}`][n], here.x, [part, ""]), ` = ${fixed(here.made[part][n])}`]
        : [data.positions && model.get("positioned") ? T.placeIs(fixed(x), inner(data.positions[at][n]), fixed(here.x[n])) : T.number(n + 1)];
      work.replaceChildren(...(mine && part !== "x" ? [h("s", {}, ...text)] : text), ...(mine ? [" ", h("em", {}, `✎ ${T.set(fixed(x))}`)] : []));
    });
  }

  // ---- a plane

  const SIZE = { width: 340, height: 290, pad: 22 };
  function planeOf(label, main, onDrag) {
    const [cx, cy] = [SIZE.width / 2, SIZE.height / 2];
    const axes = ["x", "y"].map(() => drawn("line", { class: "lmq-axis" }));
    const ticks = Array.from({ length: 2 }, () => drawn("text", { class: "lmq-tick" }));
    const border = drawn("line", { class: "lmq-border" });
    const shape = drawn("polygon", { class: "lmq-hull" });
    const arrow = (className) => {
      const made = { line: drawn("line"), head: drawn("path"), point: drawn("circle"), text: drawn("text"), grip: drawn("circle", { class: "lmq-grip", r: 15 }) };
      made.group = drawn("g", { class: className }, made.line, made.head, made.point);
      return made;
    };
    const items = places.map(() => arrow("lmq-item"));
    const top = arrow(`lmq-top lmq-top-${main}`);
    const all = [...items, top];
    const svg = drawn("svg", { viewBox: `0 0 ${SIZE.width} ${SIZE.height}`, class: "lmq-plane", role: "img", "aria-label": label },
      ...axes, border, shape, ...all.map(({ group }) => group), ...ticks, ...all.map(({ text }) => text), ...all.map(({ grip }) => grip));
    let span = 1;
    let held = null;
    const unit = () => (Math.min(cx, cy) - SIZE.pad) / span;
    const toScreen = ([x, y]) => [cx + x * unit(), cy - y * unit()];
    all.forEach(({ grip }, n) => {
      grip.addEventListener("pointerdown", (event) => {
        event.preventDefault();
        held = n;
        grip.setPointerCapture(event.pointerId);
        onDrag.start(n);
      });
      grip.addEventListener("pointermove", (event) => {
        if (held !== n) return;
        const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
        const limit = (v) => Math.round(Math.max(-2 * span, Math.min(2 * span, v)) * 20) / 20;
        onDrag.move(n, [limit((at.x - cx) / unit()), limit((cy - at.y) / unit())]);
      });
      for (const kind of ["pointerup", "pointercancel"]) grip.addEventListener(kind, () => {
        if (held !== n) return;
        held = null;
        update();
        announce();
      });
    });
    /** items: {at, label, size, link, faint, changed}, the last one is what the plane is about. */
    const show = (list, { arrows, zero, hulled }) => {
      const most = Math.max(...list.flatMap(({ at }) => at.map(Math.abs)));
      if (held === null) span = nice(Math.max(0.5, most));
      const [ax, ay] = axes;
      const right = (cx - 4) / unit();
      const up = (cy - 4) / unit();
      for (const [element, [a, b]] of [[ax, [[-right, 0], [right, 0]]], [ay, [[0, -up], [0, up]]]]) {
        const [[x1, y1], [x2, y2]] = [toScreen(a), toScreen(b)];
        place(element, { x1, y1, x2, y2 });
      }
      const [[tx], [, ty]] = [toScreen([span, 0]), toScreen([0, span])];
      place(ticks[0], { x: tx, y: cy + 14, "text-anchor": "middle" });
      place(ticks[1], { x: cx - 6, y: ty + 4, "text-anchor": "end" });
      for (const tick of ticks) tick.textContent = String(span);
      const length = zero ? Math.hypot(...zero) : 0;
      border.style.display = length > 1e-9 ? "" : "none";
      if (length > 1e-9) {
        const reachOf = 1.5 * (cx / unit());
        const [dx, dy] = [(-zero[1] / length) * reachOf, (zero[0] / length) * reachOf];
        const [[x1, y1], [x2, y2]] = [toScreen([-dx, -dy]), toScreen([dx, dy])];
        place(border, { x1, y1, x2, y2 });
      }
      shape.style.display = hulled ? "" : "none";
      if (hulled) shape.setAttribute("points", hull(list.slice(0, -1).filter(({ faint }) => !faint).map(({ at }) => at)).map((at) => toScreen(at).map((v) => v.toFixed(1)).join()).join(" "));
      const tip = toScreen(list.at(-1).at);
      const written = list.map((item, n) => {
        const each = all[n];
        const [x, y] = toScreen(item.at);
        each.group.classList.toggle("lmq-faint", Boolean(item.faint));
        each.text.setAttribute("class", `lmq-tag ${n === N ? `lmq-top-${main}` : item.faint ? "lmq-faint" : ""}`);
        each.group.classList.toggle("lmq-picked", Boolean(item.picked));
        place(each.grip, { cx: x, cy: y });
        const [fromX, fromY] = arrows ? [cx, cy] : tip;
        const [dx, dy] = [x - fromX, y - fromY];
        const long = Math.hypot(dx, dy);
        place(each.line, { x1: fromX, y1: fromY, x2: arrows && long > 8 ? x - (dx / long) * 6 : x, y2: arrows && long > 8 ? y - (dy / long) * 6 : y });
        each.line.style.strokeWidth = arrows ? "" : `${(0.5 + 6 * (item.size ?? 0)).toFixed(1)}px`;
        each.line.style.display = arrows || n < N ? "" : "none";
        const [ux, uy] = long > 1e-6 ? [dx / long, dy / long] : [0, -1];
        const [bx, by] = [x - ux * 10, y - uy * 10];
        each.head.style.display = arrows && long > 3 ? "" : "none";
        each.head.setAttribute("d", `M${x.toFixed(1)} ${y.toFixed(1)}L${(bx - uy * 4.5).toFixed(1)} ${(by + ux * 4.5).toFixed(1)}L${(bx + uy * 4.5).toFixed(1)} ${(by - ux * 4.5).toFixed(1)}Z`);
        each.point.style.display = arrows ? "none" : "";
        place(each.point, { cx: x, cy: y, r: n === N ? 7 : 4 + 9 * Math.sqrt(item.size ?? 0) });
        if (each.text.textContent !== item.label) each.text.textContent = item.label;
        const [ox, oy] = arrows ? [ux, uy] : [Math.sign(x - cx) || 1, -0.5];
        const wide = 3.5 + 6.2 * [...item.label].reduce((sum, sign) => sum + (sign > "\u1100" ? 2 : 1.1), 0);
        const room = n === N || arrows ? 9 : 7 + 9 * Math.sqrt(item.size ?? 0);
        const left = ox > 0.35 ? x + ox * room : ox < -0.35 ? x + ox * room - wide : x - wide / 2;
        return { n, left: Math.max(2, Math.min(SIZE.width - wide - 2, left)), wide, y: Math.max(13, Math.min(SIZE.height - 5, y + oy * 13 + 4)) };
      });
      // Labels that would lie on one another move apart.
      for (let round = 0; round < 12; round++) {
        for (const a of written) for (const b of written) {
          if (a.n >= b.n || a.left + a.wide < b.left || b.left + b.wide < a.left) continue;
          const gap = 15 - Math.abs(a.y - b.y);
          if (gap <= 0) continue;
          const way = a.y < b.y || (a.y === b.y && a.n < b.n) ? 1 : -1;
          a.y = Math.max(13, Math.min(SIZE.height - 5, a.y - (way * gap) / 2));
          b.y = Math.max(13, Math.min(SIZE.height - 5, b.y + (way * gap) / 2));
        }
      }
      for (const { n, left, y } of written) place(all[n].text, { x: left, y });
    };
    return { svg, show };
  }
  const figure = (plane, hint) => {
    const caption = h("p", { className: "lmq-caption" }, h("b"), " ", hint);
    const made = h("div", { className: "lmq-figure" }, plane.svg, caption);
    made.name = caption.firstChild;
    return made;
  };
  const drag = (main, part) => ({
    start: (n) => (n < N ? act({ part, word: inPlace(n) }) : main && act({ part: main, word: model.get("query") })),
    move: (n, [a, b]) => (n < N ? put(part, inPlace(n), { 0: a, 1: b }) : main && put(main, model.get("query"), { 0: a, 1: b })),
  });

  // ---- 2: scores

  const meetings = places.map(() => {
    const made = { label: h("b", { className: "lmq-word" }), work: h("span", { className: "lmq-work" }), bar: track(), number: value("lmq-strong") };
    made.element = row("", rowName(made.label), cell("lmq-sum", made.work), cell("lmq-bar", made.bar), cell("lmq-score", made.number));
    return made;
  });
  const asking = { label: h("b", { className: "lmq-letter lmq-ink-q" }, "q"), name: h("b", { className: "lmq-word" }), box: vectorOf("q", width.q) };
  const meetingTable = h("div", {}, h("div", { className: "lmq-asking" }, asking.label, asking.name, asking.box),
    table("lmq-meetings", T.scoresTable, row("lmq-heads", heading("lmq-name"), heading("lmq-sum", "q · k"), heading("lmq-bar"), heading("lmq-score", T.score)), ...meetings.map(({ element }) => element)));
  const keys = width.q === 2 ? planeOf("", "q", drag("q", "k")) : null;
  const keysFigure = keys && figure(keys, T.planeHint);

  // ---- 3: scale and softmax

  const scaleButton = toggle(T.scale, "scaled");
  const causalButton = toggle(T.causal, "causal", T.causalIs);
  const factorRange = h("input", { type: "range", min: 0, max: 2, step: 0.01, aria: { label: T.factor } });
  const factorTyped = h("input", { type: "number", min: 0, max: 10, step: 0.05, aria: { label: T.factor } });
  for (const field of [factorRange, factorTyped]) {
    field.addEventListener("input", () => {
      const x = field.value === "" ? NaN : Number(field.value);
      if (x >= 0 && x <= 10) change({ scale: x, scaled: true });
    });
    field.addEventListener("change", () => announce());
  }
  const controls = h("div", { className: "lmq-controls" }, scaleButton, h("span", { className: "lmq-factor" }, h("span", { aria: { hidden: "true" } }, "×"), factorRange, factorTyped), causalButton);
  const turned = places.map((p) => {
    const eye = h("button", { type: "button", className: "lmq-eye", on: { click: () => {
      const word = inPlace(p);
      const out = model.get("left_out");
      act({ left_out: out.includes(word) ? out.filter((each) => each !== word) : [...out, word].sort((a, b) => a - b) });
    } } }, icon("eye"));
    const made = { eye, label: h("b", { className: "lmq-word" }), score: value(), scaled: value(), exp: value(), bar: track(), weight: value("lmq-strong"), why: h("small", { className: "lmq-why" }) };
    made.open = eye.querySelector("path").getAttribute("d");
    made.element = row("", rowName(h("span", { className: "lmq-with-eye" }, eye, made.label)), cell("lmq-n", made.score), cell("lmq-n", made.scaled), cell("lmq-n", made.exp), cell("lmq-weight", made.why, made.bar, made.weight));
    return made;
  });
  const scaledHead = h("span");
  const expSum = value();
  const weightSum = value("lmq-strong");
  const turnedTable = table("lmq-turned", T.softmaxTable,
    row("lmq-heads", heading("lmq-name"), heading("lmq-n", T.score), heading("lmq-n", scaledHead), heading("lmq-n", "exp"), heading("lmq-weight", T.weight)),
    ...turned.map(({ element }) => element),
    row("lmq-total", rowName(h("span", {}, T.sum)), cell("lmq-n"), cell("lmq-n"), cell("lmq-n", expSum), cell("lmq-weight", weightSum)));
  roving(turnedTable, () => turned.map(({ eye }) => eye), ["ArrowUp", "ArrowDown"]);

  // ---- 4: the weighted sum

  const given = places.map(() => {
    const made = { label: h("b", { className: "lmq-word" }), weight: value("lmq-strong"), v: vectorOf("v", width.v), product: vectorOf("v", width.v) };
    made.element = row("", rowName(made.label), cell("lmq-n", made.weight), cell("lmq-of-v", made.v), cell("lmq-of-product", made.product));
    return made;
  });
  const context = vectorOf("c", width.v);
  const sums = h("div", { className: "lmq-sums" });
  const total = row("lmq-total", h("div", { className: "lmq-cell lmq-name lmq-wide", aria: { role: "rowheader" } }, h("span", {}, T.context)), cell("lmq-of-product", context));
  const givenTable = table("lmq-given", T.sumTable,
    row("lmq-heads", heading("lmq-name"), heading("lmq-n", T.weight), heading("lmq-of-v", h("b", { className: "lmq-letter lmq-ink-v" }, "v")), heading("lmq-of-product", T.product)),
    ...given.map(({ element }) => element), total);
  const cloud = width.v === 2 ? planeOf(T.cloud, "c", drag(null, "v")) : null;
  const cloudFigure = cloud && figure(cloud, T.cloudHint);
  if (cloudFigure) cloudFigure.name.textContent = `${T.cloud}.`;

  // ---- 5: what it says

  const bars = Array.from({ length: Math.min(BARS, labels.length) }, () => {
    const made = { label: h("b", { className: "lmq-word" }), bar: track(), number: value("lmq-strong") };
    made.element = h("li", {}, made.label, made.bar, made.number);
    return made;
  });
  const list = h("ol", { className: "lmq-bars", hidden: !labels.length }, ...bars.map(({ element }) => element));
  const result = vectorOf("c", width.v);
  const mostly = h("p", { className: "lmq-mostly" });

  // ---- all words at once

  const cells = places.map(() => places.map(() => h("td", {}, h("span"))));
  const mapRows = places.map((p) => h("button", { type: "button", tabIndex: -1, className: "lmq-map-row", on: { click: () => choose(inPlace(p)) } }, h("b", { className: "lmq-word" })));
  const mapHeads = places.map(() => h("th", { scope: "col" }, h("b", { className: "lmq-word" })));
  const map = h("table", { className: `lmq-map ${N > 5 ? "lmq-map-many" : ""}` },
    h("thead", {}, h("tr", {}, h("td"), ...mapHeads)),
    h("tbody", {}, ...places.map((p) => h("tr", {}, h("th", { scope: "row" }, mapRows[p]), ...cells[p]))));
  map.addEventListener("click", (event) => {
    const at = event.target.closest("td");
    const p = cells.findIndex((all) => all.includes(at));
    if (p >= 0) choose(inPlace(p));
  });
  roving(map, () => mapRows, ["ArrowUp", "ArrowDown"]);
  const mapSection = h("section", { className: "lmq-line lmq-all", aria: { labelledby: `${uid}-all` } },
    h("h4", { id: `${uid}-all` }, T.all), h("p", { className: "lmq-says" }, T.allHint), map);

  // What comes of it stays in sight while numbers are changed further up.
  const shares = places.map(() => {
    const made = { label: h("b", { className: "lmq-word" }), number: value() };
    made.element = h("span", { className: "lmq-share" }, made.label, made.number);
    return made;
  });
  const outcome = h("span", { className: "lmq-outcome" });
  const strip = h("div", { className: "lmq-strip-end", aria: { hidden: "true" } }, h("span", { className: "lmq-shares" }, ...shares.map(({ element }) => element)), h("span", { className: "lmq-into" }, "→"), outcome);

  // ---- the page

  el.classList.add("lm-explorer", "lmq");
  const status = h("div", { className: "lm-hidden", aria: { role: "status", live: "polite" } });
  const lines = [
    line(1, vectorTable, bench),
    line(2, h("div", { className: `lmq-pair ${keys ? "" : "lmq-alone"}` }, meetingTable, ...(keys ? [keysFigure] : []))),
    line(3, controls, turnedTable),
    line(4, givenTable, h("div", { className: `lmq-pair ${cloud ? "" : "lmq-alone"}` }, sums, ...(cloud ? [cloudFigure] : []))),
    line(5, h("div", { className: "lmq-result" }, h("small", {}, T.context), result), list, mostly),
  ];
  el.replaceChildren(ask, orderNote, ...lines.slice(0, 4), h("div", { className: "lmq-end" }, lines[4], mapSection), strip, status);
  const release = hold(el);

  // ---- drawing

  const largest = (all) => Math.max(1e-9, ...all.flat().map(Math.abs));
  function update() {
    const now = state();
    const found = look(data, now);
    const { words, rows } = found;
    const at = now.order.indexOf(now.query);
    const here = rows[at];
    const asker = words[at];
    const who = named[now.query];
    const root = Math.abs(now.scale - 1 / Math.sqrt(width.q)) < 1e-9;
    const span = Object.fromEntries(PARTS.map((part) => [part, largest(words.map((each) => each[part]))]));
    for (const part of PARTS) reach[part] = Math.max(reach[part], nice(Math.min(100, span[part])));

    words.forEach(({ word }, p) => {
      const chosen = p === at;
      rename(chips[p].firstChild, word);
      chips[p].setAttribute("aria-pressed", String(chosen));
      chips[p].setAttribute("aria-label", `${plain[word]}, ${T.place(p + 1, N)}`);
      chips[p].classList.toggle("lmq-out", now.left_out.includes(word));
      if (p) {
        const text = T.swap(named[words[p - 1].word], named[word]);
        swaps[p - 1].setAttribute("aria-label", text);
        swaps[p - 1].title = text;
      }
    });
    oneStop(stops(), stops().indexOf(chips[at]));
    positions.setAttribute("aria-pressed", String(now.positioned));
    const moved = now.order.some((word, p) => word !== model.get("initial").order[p]);
    orderNote.hidden = !moved;
    const placed = data.positions && now.positioned;
    orderNote.textContent = placed ? T.newOrder.positions : now.causal ? T.newOrder.mask : T.sameOrder;

    // 1
    lines[0].says.textContent = T.three;
    heads[0].lastChild.textContent = placed ? T.withPlace : T.partIs.x;
    vectors.forEach(({ cells: all, label, element }, p) => {
      const each = words[p];
      rename(label, each.word);
      element.classList.toggle("lmq-chosen", p === at);
      for (const { part, box, made } of all) {
        box.show(each[part], span[part], (n) => isChanged(part, each.word, n));
        made.setAttribute("aria-pressed", String(now.part === part && now.word === each.word));
        made.setAttribute("aria-label", `${T.of(T.partName[part], plain[each.word])}: ${vectorText(each[part])}`);
        made.classList.toggle("lmq-idle", part === "q" && p !== at);
      }
    });
    oneStop(openers.flat(), 4 * now.order.indexOf(now.word) + PARTS.indexOf(now.part));
    fill(found);

    // 2
    lines[1].says.textContent = T.meets(who);
    rename(asking.name, now.query);
    asking.box.show(asker.q, span.q, (n) => isChanged("q", now.query, n));
    const [low, high] = [Math.min(0, ...here.scores), Math.max(0, ...here.scores)];
    const wide = high - low || 1;
    meetings.forEach((each, s) => {
      rename(each.label, words[s].word);
      const open = width.k <= FEW || words[s].word === now.word;
      each.work.replaceChildren(...(open ? [...inked(asker.q, words[s].k, ["q", "k"]), ` = ${fixed(here.scores[s])}`] : []));
      each.number.textContent = fixed(here.scores[s]);
      each.element.classList.toggle("lmq-unseen", !here.seen[s]);
      each.bar.classList.toggle("lmq-below", here.scores[s] < 0);
      for (const [property, x] of [["--from", (Math.min(0, here.scores[s]) - low) / wide], ["--size", Math.abs(here.scores[s]) / wide], ["--zero", -low / wide]]) {
        each.bar.style.setProperty(property, Number.isFinite(x) ? x.toFixed(4) : 0);
      }
    });
    if (keys) {
      keysFigure.name.textContent = `${T.plane(who)}.`;
      keys.svg.setAttribute("aria-label", T.plane(who));
      keys.show([...words.map(({ word, k }, s) => ({ at: k, label: cut(plain[word], 8), faint: !here.seen[s], picked: now.part === "k" && now.word === word })),
        { at: asker.q, label: "q" }], { arrows: true, zero: asker.q });
    }

    // 3
    const nobody = !here.seen.some(Boolean);
    lines[2].says.textContent = [
      !now.scaled ? T.unscaled : root ? T.root(width.q, fixed(Math.sqrt(width.q))) : T.times(fixed(now.scale)),
      nobody ? T.nowhere(who) : T.softmaxIs, nobody || here.seen.every(Boolean) ? "" : T.masked].filter(Boolean).join(" ");
    scaleButton.setAttribute("aria-pressed", String(now.scaled));
    causalButton.setAttribute("aria-pressed", String(now.causal));
    controls.classList.toggle("lmq-off", !now.scaled);
    if (document.activeElement !== factorRange) factorRange.value = found.factor;
    if (document.activeElement !== factorTyped) factorTyped.value = Number(found.factor.toFixed(2));
    factorRange.setAttribute("aria-valuetext", fixed(found.factor));
    scaledHead.textContent = now.scaled && root ? `÷ √${width.q}` : `× ${fixed(found.factor)}`;
    const exp = here.inScale.map((x, s) => (here.seen[s] ? Math.exp(x) : 0));
    turned.forEach((each, s) => {
      const { word } = words[s];
      const out = now.left_out.includes(word);
      rename(each.label, word);
      each.eye.setAttribute("aria-pressed", String(out));
      each.eye.setAttribute("aria-label", T.hide(plain[word]));
      each.eye.title = T.hide(named[word]);
      each.eye.querySelector("path").setAttribute("d", out ? SHUT : each.open);
      each.score.textContent = fixed(here.scores[s]);
      each.scaled.textContent = fixed(here.inScale[s]);
      each.exp.textContent = here.seen[s] ? fixed(exp[s]) : "–";
      each.weight.textContent = fixed(here.weights[s]);
      each.why.textContent = here.seen[s] ? "" : out ? T.leftOut : T.later;
      each.bar.style.setProperty("--size", here.weights[s].toFixed(4));
      each.element.classList.toggle("lmq-unseen", !here.seen[s]);
    });
    oneStop(turned.map(({ eye }) => eye), 0);
    expSum.textContent = fixed(exp.reduce((a, b) => a + b, 0));
    weightSum.textContent = fixed(here.weights.reduce((a, b) => a + b, 0));

    // 4
    lines[3].says.textContent = T.gives(who);
    given.forEach((each, s) => {
      rename(each.label, words[s].word);
      each.weight.textContent = fixed(here.weights[s]);
      each.v.show(words[s].v, span.v, (n) => isChanged("v", words[s].word, n));
      each.product.show(words[s].v.map((x) => here.weights[s] * x), span.v);
      each.element.classList.toggle("lmq-unseen", !here.seen[s]);
    });
    context.show(here.context, span.v);
    result.show(here.context, span.v);
    const whole = here.context.map((x, n) => {
      const kept = places.filter((s) => here.seen[s]);
      return h("p", {}, h("small", {}, T.number(n + 1)), " ", 
        ...(kept.length ? [...inked(kept.map((s) => here.weights[s]), kept.map((s) => words[s].v[n]), ["w", "v"]), " = "] : []), h("b", { className: "lmq-ink-c" }, fixed(x)));
    });
    sums.replaceChildren(...whole);
    if (cloud) {
      cloud.show([...words.map(({ word, v }, s) => ({ at: v, label: cut(plain[word], 8), size: here.weights[s], faint: !here.seen[s], picked: now.part === "v" && now.word === word })),
        { at: here.context, label: T.context }], { arrows: false, hulled: !nobody });
    }

    // 5
    const best = here.weights.reduce((top, w, s) => (w > here.weights[top] ? s : top), 0);
    lines[4].says.textContent = (labels.length ? T.reads : T.passes)(who);
    mostly.textContent = nobody ? T.nowhere(who) : best === at ? T.itself(who, fixed(here.weights[best])) : T.most(who, named[words[best].word], fixed(here.weights[best]));
    if (labels.length) {
      const p = says(data, here.context);
      const shown = labels.length <= BARS ? [...p.keys()] : [...p.keys()].sort((a, b) => p[b] - p[a]).slice(0, BARS);
      const winner = p.indexOf(Math.max(...p));
      shown.forEach((c, n) => {
        spelled(bars[n].label, labels[c] || "∅", 10);
        bars[n].bar.style.setProperty("--size", p[c].toFixed(4));
        bars[n].number.textContent = percent(p[c]);
        bars[n].element.classList.toggle("lmq-won", c === winner);
      });
    }

    shares.forEach((each, s) => {
      rename(each.label, words[s].word);
      each.number.textContent = fixed(here.weights[s]);
      each.element.style.flexGrow = here.weights[s].toFixed(4);
      each.element.hidden = here.weights[s] < 0.005;
      each.label.hidden = here.weights[s] < 0.12;
      each.number.hidden = here.weights[s] < 0.06;
      each.label.classList.toggle("lmq-roomy", here.weights[s] < 0.24);
      each.number.classList.toggle("lmq-roomy", here.weights[s] < 0.14);
    });
    const loudest = bars.find(({ element }) => element.classList.contains("lmq-won"));
    outcome.textContent = loudest ? `${loudest.label.textContent} ${loudest.number.textContent}` : vectorText(here.context.slice(0, 3)).replace("]", width.v > 3 ? ", …]" : "]");

    // all
    rows.forEach((each, p) => {
      const listed = each.weights.map((w, s) => `${plain[words[s].word]} ${fixed(w)}`).join(", ");
      rename(mapRows[p].firstChild, words[p].word);
      rename(mapHeads[p].firstChild, words[p].word);
      mapRows[p].setAttribute("aria-pressed", String(p === at));
      mapRows[p].setAttribute("aria-label", T.rowOf(plain[words[p].word], listed));
      mapRows[p].closest("tr").classList.toggle("lmq-chosen", p === at);
      each.weights.forEach((w, s) => {
        cells[p][s].style.setProperty("--a", w.toFixed(3));
        cells[p][s].className = `${each.seen[s] ? "" : "lmq-shut"}`;
        cells[p][s].firstChild.textContent = N <= 6 ? (each.seen[s] ? fixed(w) : "–") : "";
        cells[p][s].title = `${plain[words[p].word]} → ${plain[words[s].word]}: ${each.seen[s] ? fixed(w) : T.hidden}`;
      });
    });
    oneStop(mapRows, at);
  }

  function announce() {
    const now = state();
    const { words, rows } = look(data, now);
    const at = now.order.indexOf(now.query);
    const listed = words.map(({ word }, s) => `${named[word]} ${rows[at].seen[s] ? fixed(rows[at].weights[s]) : T.hidden}`).join(", ");
    const extra = orderNote.hidden ? "" : ` ${orderNote.textContent}`;
    status.textContent = T.spoken(named[now.query], listed, vectorText(rows[at].context)) + extra;
  }

  const follow = () => own || update();
  const traits = TRAITS.map((name) => `change:${name}`).join(" ");
  model.on(traits, follow);
  update();
  return () => {
    release();
    model.off(traits, follow);
  };
}

export default { render };
