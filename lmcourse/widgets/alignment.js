// AlignmentExplorer: a translator with attention. Which piece of the source did each written word look at, and what if it
// had looked elsewhere?

import {
  button, choice, colour, h, hold, icon, inLanguage, oneStop, onTheme, percent, rank, roving, spelled,
} from "./base.js";
import { linear, readTokens, readWeights, STEPS } from "./networks.js";
import { join, split } from "./pieces.js";
import { cut, encode, greedy, inflate, LONGEST, nameOf, open, textOf } from "./translator.js";
import { linksView } from "./links.js";

// ---------------------------------------------------------------- what follows from what is chosen

/** The place to which a step is bound: a number, -1 for all places alike, undefined for where it looks by itself. */
const boundTo = (pointed, out, n) => {
  const place = pointed.find(([step]) => step === n)?.[1];
  return out.includes(place) ? undefined : place;
};

/**
 * Translate under the reader's changes: what is written, each step with its weights on all pieces of the source (0 on one
 * that was not read).
 */
export function meddled(net, ids, full, { out = [], unread = false, sharpness = 1, pointed = [], forced = [] }) {
  const places = ids.map((_, i) => i).filter((i) => !(unread && out.includes(i)));
  const memory = places.length === ids.length ? full : encode(net, places.map((i) => ids[i]));
  const change = (n) => {
    const bound = boundTo(pointed, out, n);
    const only = bound >= 0 && bound < ids.length ? bound : null;
    return {
      sharpness: bound === -1 ? 0 : sharpness,
      mask: places.map((i) => !out.includes(i) && (only === null || only === i)),
    };
  };
  return greedy(net, memory, forced.filter((id) => id < net.target.length), change).map((step) => {
    const weights = new Float64Array(ids.length);
    places.forEach((i, s) => (weights[i] = step.weights[s]));
    return { ...step, weights };
  });
}

/** Which items of the second list are not in the longest list that both have in order. */
export function fresh(before, after) {
  const common = Array.from({ length: before.length + 1 }, () => new Array(after.length + 1).fill(0));
  for (let i = before.length - 1; i >= 0; i--) {
    for (let k = after.length - 1; k >= 0; k--) {
      common[i][k] = before[i] === after[k] ? common[i + 1][k + 1] + 1 : Math.max(common[i + 1][k], common[i][k + 1]);
    }
  }
  const found = [];
  for (let [i, k] = [0, 0]; k < after.length; ) {
    if (i < before.length && before[i] === after[k]) [i, k] = [i + 1, k + 1];
    else if (i < before.length && common[i + 1][k] >= common[i][k + 1]) i++;
    else found.push(k++);
  }
  return found;
}

/** Of the written words that have right pieces: how many have their largest weight on one, and how many there are. */
export function pointing(written, links) {
  const rows = [...new Set(links.map(([row]) => row))].filter((row) => row < written.length);
  const hits = rows.filter((row) => {
    const { weights } = written[row];
    const top = weights.indexOf(Math.max(...weights));
    return links.some(([r, place]) => r === row && place === top);
  });
  return [hits.length, rows.length];
}

// The slider of the sharpness: 0 to 1 in its first half, 1 to 20 in its second.
const [HALF, SHARPEST] = [20, 20];
export const sharpnessAt = (n) => Number((n <= HALF ? n / HALF : SHARPEST ** ((n - HALF) / HALF)).toPrecision(2));
export const sliderAt = (x) => Math.round(x <= 1 ? x * HALF : HALF * (1 + Math.log(x) / Math.log(SHARPEST)));

// ---------------------------------------------------------------- words for people

const STRINGS = {
  en: {
    try: "Try", type: "Type a sentence", text: "Sentence to translate", reset: "Start over", end: "end", start: "start",
    stray: (w) => `Unknown to the network, which reads <unk> there: ${w}`, long: (n) => `The network reads the first ${n} pieces.`,
    empty: "Nothing to read yet. Type a sentence above, or take an example.", loading: "The network is being unpacked.",
    old: "This browser cannot unpack the network; a newer one can.", nothing: "(nothing)",
    translation: "Translation", now: "Now", learned: "As learned", reference: "Right answer", same: "equal", differs: "differs",
    undo: "As learned", reads: "Pieces that the encoder reads", writes: "Words that the decoder writes", view: "Show", lines: "lines", map: "map", both: "both",
    links: "Where each written word looked", tap: "tap a piece to take it out, a word to see its weights, again for all",
    threshold: "Hide below", sharpness: "Sharpness", alike: "all alike", asLearned: "as learned", hard: "the largest only",
    unread: "Also unread", unreadHint: "What is taken out is not read either", out: "taken out", unknown: "unknown", forced: "your choice",
    bound: "looks where you said", gold: (n, of) => `${n} of ${of} words that have a right piece look most at one. Right links are dashed, or framed in the map.`,
    otherCut: "The right links count other pieces than the page has cut.",
    looks: "Where it looks", looksHint: "take one: all weight on it", next: "Next word", nextHint: "take one: go on from it",
    word: (n, of) => `Word ${n} of ${of}:`, unsure: "of which it was the least sure", only: (w) => `all weight on ${w}`,
    spread: "All alike", free: "As it would", says: (a, b) => `${a} gives: ${b}`, before: (a) => `As learned: ${a}`,
    sees: (word, list) => `${word} looks at ${list}`,
  },
  ko: {
    try: "예", type: "문장을 써 보세요", text: "번역할 문장", reset: "처음부터", end: "끝", start: "시작",
    stray: (w) => `신경망이 몰라서 <unk>로 읽는 조각: ${w}`, long: (n) => `신경망은 앞의 ${n}개 조각만 읽습니다.`,
    empty: "아직 읽을 것이 없습니다. 위에 문장을 쓰거나 예를 골라 보세요.", loading: "신경망을 푸는 중입니다.",
    old: "이 브라우저는 신경망을 풀지 못합니다. 더 새로운 브라우저에서는 됩니다.", nothing: "(없음)",
    translation: "번역", now: "지금", learned: "배운 대로", reference: "정답", same: "같음", differs: "다름",
    undo: "배운 대로", reads: "인코더가 읽는 조각", writes: "디코더가 쓰는 단어", view: "보기", lines: "선", map: "표", both: "둘 다",
    links: "단어마다 어디를 보았나", tap: "조각을 누르면 빠지고, 단어를 누르면 그 가중치만 보입니다. 다시 누르면 모두 보입니다",
    threshold: "이보다 약하면 숨김", sharpness: "날카로움", alike: "모두 똑같이", asLearned: "배운 대로", hard: "가장 큰 것만",
    unread: "읽지도 않기", unreadHint: "뺀 조각은 인코더도 읽지 않습니다", out: "빠짐", unknown: "모르는 조각", forced: "내가 고름",
    bound: "내가 정한 곳을 봄", gold: (n, of) => `정답 조각이 있는 단어 ${of}개 가운데 ${n}개가 정답을 가장 많이 봅니다. 정답은 점선으로, 표에서는 테두리로 보입니다.`,
    otherCut: "정답 연결은 이 페이지와 다르게 자른 조각을 가리킵니다.",
    looks: "보는 곳", looksHint: "누르면 가중치가 모두 그리로", next: "다음 단어", nextHint: "누르면 그 단어로 이어 씀",
    word: (n, of) => `단어 ${of}개 가운데 ${n}번째:`, unsure: "가장 망설인 단어", only: (w) => `가중치를 모두 ${w}에`,
    spread: "모두 똑같이", free: "스스로 보는 대로", says: (a, b) => `${a} → ${b}`, before: (a) => `배운 대로: ${a}`,
    sees: (word, list) => `${word} → ${list}`,
  },
};

// ---------------------------------------------------------------- page

const BARS = 8;
const TRAITS = ["text", "view", "sharpness", "threshold", "step", "out", "unread", "forced", "pointed", "truth", "gold"];
const UNTOUCHED = { sharpness: 1, out: [], unread: false, forced: [], pointed: [] };
let views = 0;

function render({ model, el }) {
  const uid = `lma-${++views}`;
  const T = inLanguage(STRINGS, model.get("language"));
  const first = model.get("text");
  let net = null;
  let [pieces, ids, full, plain, written, notes] = [[], [], null, [], [], []];
  let [gone, own] = [false, false];

  const set = (changes) => {
    own = true;
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    model.save_changes();
    own = false;
  };
  const say = (piece) => nameOf(piece, T);
  const spell = (element, piece) => {
    const [shown, said] = say(piece);
    element.classList.toggle("lm-special", shown !== said);
    return spelled(element, shown, 10);
  };
  const places = () => pieces.map((_, i) => i);
  const outs = () => model.get("out").filter((i) => i < pieces.length);
  /** The word that is looked at: the chosen one, or the one of which the network was the least sure. */
  const looked = () => {
    const step = model.get("step");
    if (step !== null) return Math.min(step, written.length - 1);
    return written.reduce((low, s, i) => (s.logs[s.id] < written[low].logs[written[low].id] ? i : low), 0);
  };
  const textBy = (steps) => textOf(net, steps.map((s) => s.id)) || T.nothing;
  const touched = () => Object.entries(UNTOUCHED).some(([name, value]) =>
    (Array.isArray(value) ? model.get(name).length > 0 : name !== "unread" && model.get(name) !== value));
  /** The right links, where the output is the reference and the source is cut as they count. */
  const gold = () => {
    const right = model.get("gold")[model.get("text")];
    const same = (a, b) => a.length === b.length && a.every((x, i) => x === b[i]);
    if (!right || !same(right.target, written.filter((s) => s.id !== net.eos).map((s) => net.target[s.id]))) return null;
    return same(right.pieces, pieces) ? right.links : "other";
  };

  // ---- computing

  const read = () => {
    const sources = net.ids[0];
    const all = cut(net, model.get("text"));
    pieces = all.slice(0, LONGEST);
    const stray = [...new Set(pieces.filter((piece) => !sources.has(piece)))];
    notes = [
      ...(stray.length ? [T.stray(stray.slice(0, 5).map((piece) => `“${say(piece)[0]}”`).join(" "))] : []),
      ...(all.length > LONGEST ? [T.long(LONGEST)] : []),
    ];
    ids = pieces.map((piece) => sources.get(piece) ?? sources.get("<unk>"));
    full = encode(net, ids);
    plain = ids.length ? meddled(net, ids, full, UNTOUCHED) : [];
    write();
  };
  const write = () => {
    const changes = Object.fromEntries(Object.keys(UNTOUCHED).map((name) => [name, model.get(name)]));
    written = ids.length ? meddled(net, ids, full, changes) : [];
  };
  const act = (what) => (...details) => {
    if (!net) return;
    what(...details);
    draw();
    announce();
  };
  // A change for the whole sentence ends the changes for single words: another word may stand there now.
  const meddle = (changes) => {
    set({ forced: [], pointed: [], ...changes });
    write();
  };
  const rewrite = (text) => {
    set({ ...UNTOUCHED, text, step: null });
    read();
  };
  const knock = (i) => {
    const out = outs();
    meddle({ out: out.includes(i) ? out.filter((k) => k !== i) : [...out, i].sort((a, b) => a - b) });
  };
  const force = (id) => {
    const place = looked();
    set({
      forced: [...written.slice(0, place).map((s) => s.id), id], step: place,
      pointed: model.get("pointed").filter(([step]) => step <= place),
    });
    write();
  };
  /** Bind the step to a place, to all alike (-1), or (null) let it look by itself. What stands before it stays. */
  const point = (at) => {
    const place = looked();
    const rest = model.get("pointed").filter(([step]) => step < place);
    set({ forced: model.get("forced").slice(0, place), step: place, pointed: at === null ? rest : [...rest, [place, at]] });
    write();
  };
  const choose = (i, kind) => set({ step: kind === "query" && model.get("step") === i ? null : i });

  // ---- parts

  const status = h("div", { className: "lm-hidden", aria: { role: "status", live: "polite" } });
  const strongest = ({ weights }) => rank(weights).slice(0, 3).filter((s) => weights[s] >= 0.005)
    .map((s) => `${say(pieces[s])[1]} ${weights[s].toFixed(2)}`).join(", ");
  const announce = () => {
    if (!pieces.length) return void (status.textContent = T.empty);
    const parts = [T.says(model.get("text"), textBy(written))];
    if (touched()) parts.push(T.before(textBy(plain)));
    if (written.length) {
      const step = written[looked()];
      parts.push(T.sees(say(net.target[step.id])[1], strongest(step) || T.nothing));
    }
    status.textContent = parts.map((part) => (/[.!?]$/.test(part) ? part : `${part}.`)).join(" ");
  };

  const { examples } = model.get("network");
  const chips = h("div", { className: "lma-examples", hidden: !examples.length }, h("span", {}, T.try), ...examples.map((text) => {
    const chip = h("button", { type: "button", className: "lma-example" }, spelled(h("span"), text, 60));
    chip.addEventListener("click", act(() => rewrite(text)));
    return chip;
  }));
  const field = h("textarea", { rows: 1, spellcheck: false, placeholder: T.type, value: first, aria: { label: T.text } });
  field.addEventListener("input", () => {
    if (!net) return;
    rewrite(field.value);
    draw();
  });
  field.addEventListener("change", () => net && announce());
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault(); // one sentence, one line
    if (net) announce();
  });
  const complaint = h("p", { className: "lm-complaint", aria: { role: "alert" } });
  const emptyNote = h("p", { className: "lma-empty" }, T.loading);

  const output = h("p", { className: "lma-output" });
  const before = h("p", { className: "lma-before" });
  const reference = h("p", { className: "lma-reference" });
  const undoButton = button("undo", T.undo, act(() => {
    set(UNTOUCHED);
    write();
  }));
  const resetButton = button("reset", T.reset, act(() => {
    set({ view: "lines", threshold: 0.05 });
    rewrite(first);
  }));

  const links = linksView({
    strings: { queries: T.writes, keys: T.reads, map: T.links },
    turned: true, // it is read on the left and written on the right
    act: ({ kind, query, key }) => {
      if (kind === "query" || kind === "cell") act(choose)(query, kind);
      if (kind === "key" && key !== null) act(knock)(key);
    },
  });
  const viewChoice = choice(`${uid}-view`, T.view, ["lines", "map", "both"].map((v) => [v, T[v]]), act((view) => set({ view })));
  const slider = (label, most, step, change) => {
    const input = h("input", { type: "range", min: 0, max: most, step, className: "lm-heat", aria: { label } });
    const shown = h("span", { className: "lm-number" });
    input.addEventListener("input", act(() => change(Number(input.value))));
    return { input, shown, element: h("label", {}, h("span", { aria: { hidden: "true" } }, label), input, shown) };
  };
  const threshold = slider(T.threshold, 0.5, 0.01, (x) => set({ threshold: x }));
  const sharpness = slider(T.sharpness, 2 * HALF, 1, (n) => meddle({ sharpness: sharpnessAt(n) }));
  threshold.element.className = "lma-plain";
  const sharpNote = h("small");
  sharpness.element.append(sharpNote);
  const unread = button("eye", T.unread, act(() => meddle({ unread: !model.get("unread") })));
  unread.title = T.unreadHint;
  const goldNote = h("p", { className: "lma-gold" });

  const wordTitle = h("h4");
  const list = (label) => {
    const element = h("ol", { className: "lma-bars", aria: { role: "list", label } });
    roving(element, () => [...element.querySelectorAll("button")], ["ArrowUp", "ArrowDown"]);
    return element;
  };
  const [lookBars, wordBars] = [list(T.looks), list(T.next)];
  const spreadButton = h("button", { type: "button", className: "lm-button" }, T.spread);
  const freeButton = h("button", { type: "button", className: "lm-button" }, T.free);
  spreadButton.addEventListener("click", act(() => point(-1)));
  freeButton.addEventListener("click", act(() => point(null)));

  const figure = h("section", { className: "lma-figure" },
    h("h4", {}, T.links, " ", h("small", {}, T.tap)), links.element, goldNote,
    h("div", { className: "lma-tools" }, viewChoice, threshold.element));
  const meddling = h("div", { className: "lma-tools lma-meddle" }, sharpness.element);
  const body = h("div", { className: "lma-body" },
    h("section", {}, h("h4", {}, T.looks, " ", h("small", {}, T.looksHint)), lookBars,
      h("div", { className: "lma-bind" }, spreadButton, freeButton)),
    h("section", {}, h("h4", {}, T.next, " ", h("small", {}, T.nextHint)), wordBars));
  const filled = h("div", { hidden: true }, h("section", { className: "lma-box lma-said" }, output, before, reference),
    figure, meddling);
  const details = h("div", { hidden: true }, wordTitle, body);

  el.classList.add("lm-explorer", "lma");
  el.replaceChildren(chips, h("section", { className: "lma-box" }, field, complaint), emptyNote, filled,
    h("div", { className: "lm-actions" }, unread, undoButton, resetButton), details, status);
  const release = hold(el);

  // ---- drawing

  const row = (bars, n) => {
    if (!bars.children[n]) {
      const made = h("button", { type: "button", className: "lma-row", tabIndex: -1 },
        h("b"), h("span", { className: "lma-track" }, h("i")), h("span", { className: "lma-value" }));
      made.addEventListener("click", act(() => bars.take(made.choice)));
      bars.append(h("li", {}, made));
    }
    return bars.children[n].firstChild;
  };
  const fill = (bars, rows, take) => {
    bars.take = take;
    const focused = [...bars.children].findIndex((item) => item.contains(document.activeElement));
    while (bars.children.length > rows.length) bars.lastChild.remove();
    rows.forEach(({ value, piece, part, number, pressed, dim = false, marks = [] }, n) => {
      const element = row(bars, n);
      element.choice = value; // its own value would become a string
      spell(element.children[0], piece);
      element.children[1].firstChild.style.setProperty("--p", part);
      element.children[2].textContent = number;
      element.classList.toggle("lma-dim", dim);
      element.setAttribute("aria-pressed", String(pressed));
      element.setAttribute("aria-label", [say(piece)[1], number, ...marks].join(", "));
    });
    const buttons = [...bars.querySelectorAll("button")];
    oneStop(buttons, 0);
    if (focused >= 0) (buttons[focused] ?? buttons.at(-1))?.focus();
  };

  function drawSaid() {
    const changed = touched();
    const marks = ["<pad>", "<unk>", "<s>", "</s>"];
    const [was, is] = [plain, written].map((steps) => steps.map((s) => s.id).filter((id) => !marks.includes(net.target[id])));
    const odd = new Set(changed ? fresh(was, is) : []);
    const words = is.flatMap((id, i) => {
      const [, space, word] = join([net.target[id]], "character").match(/^(\s*)([^]*)$/);
      return [i ? space : "", h(odd.has(i) ? "mark" : "span", {}, word)];
    });
    output.replaceChildren(h("small", {}, changed ? T.now : T.translation), " ",
      is.length ? h("span", { className: "lma-text", dir: "auto" }, ...words) : h("span", { className: "lma-text" }, T.nothing));
    before.hidden = !changed;
    before.replaceChildren(h("small", {}, T.learned), " ", spelled(h("span", { className: "lma-text" }), textBy(plain), 999));
    const right = model.get("truth")[model.get("text")];
    reference.hidden = right === undefined;
    if (right !== undefined) {
      const same = textBy(written) === right;
      reference.replaceChildren(h("small", {}, T.reference), " ", spelled(h("span", { className: "lma-text" }), right, 999), " ",
        h("small", { className: same ? "lma-same" : "lma-differs" }, same ? `✓ ${T.same}` : `≠ ${T.differs}`));
    }
    undoButton.hidden = !changed;
  }

  function drawLinks() {
    const [out, right] = [outs(), gold()];
    const step = model.get("step");
    const forced = model.get("forced");
    links.draw({
      queries: written.map(({ id, best, logs }, i) => {
        const [shown, said] = say(net.target[id]);
        const marks = [percent(Math.exp(logs[id]))];
        if (i < forced.length && id !== best) marks.push(T.forced);
        if (boundTo(model.get("pointed"), out, i) !== undefined) marks.push(T.bound);
        return { shown, said: [said, ...marks].join(", "), mark: marks.length > 1 ? "chosen" : "" };
      }),
      keys: pieces.map((piece, i) => {
        const [shown, said] = say(piece);
        const [dim, known] = [out.includes(i), net.ids[0].has(piece)];
        const marks = [...(dim ? [T.out] : []), ...(known ? [] : [T.unknown])];
        return { shown, said: [said, ...marks].join(", "), dim, mark: known ? "" : "stray" };
      }),
      layers: [{ weights: Float32Array.from(written.flatMap((s) => [...s.weights])) }],
      gold: Array.isArray(right) ? right : null,
      view: model.get("view"), threshold: model.get("threshold"),
      query: step === null ? null : looked(), key: null,
    });
    goldNote.hidden = !right;
    if (right) goldNote.textContent = right === "other" ? T.otherCut : T.gold(...pointing(written, right));
    for (const input of viewChoice.querySelectorAll("input")) input.checked = input.value === model.get("view");
    threshold.element.hidden = model.get("view") === "map";
    threshold.input.value = model.get("threshold");
    threshold.shown.textContent = model.get("threshold").toFixed(2);
    const sharp = model.get("sharpness");
    sharpness.input.value = sliderAt(sharp);
    sharpness.shown.textContent = String(Number(sharp.toPrecision(2)));
    sharpNote.textContent = sharp === 0 ? T.alike : sharp === 1 ? T.asLearned : sharp === SHARPEST ? T.hard : "";
    sharpness.input.setAttribute("aria-valuetext", [sharpness.shown.textContent, sharpNote.textContent].filter(Boolean).join(", "));
    unread.setAttribute("aria-pressed", String(model.get("unread")));
  }

  function drawWord() {
    const place = looked();
    const { id, logs, weights } = written[place];
    const out = outs();
    const bound = boundTo(model.get("pointed"), out, place);
    const [shown, said] = say(net.target[id]);
    const word = spelled(h("b", { className: shown === said ? "" : "lm-special" }), shown, 24);
    const notes = [
      ...(model.get("step") === null ? [T.unsure] : []),
      ...(bound === undefined ? [] : [bound < 0 ? T.spread : T.only(say(pieces[bound])[0])]),
    ];
    wordTitle.replaceChildren(T.word(place + 1, written.length), " ", word, " ", h("small", {}, notes.join(", ")));
    fill(lookBars, places().map((i) => ({
      value: i, piece: pieces[i], part: weights[i], number: weights[i].toFixed(2), pressed: bound === i,
      dim: out.includes(i), marks: out.includes(i) ? [T.out] : [],
    })), (i) => point(bound === i ? null : i));
    spreadButton.setAttribute("aria-pressed", String(bound === -1));
    freeButton.setAttribute("aria-pressed", String(bound === undefined));
    const p = logs.map(Math.exp);
    const top = rank(p).slice(0, BARS);
    if (!top.includes(id)) top[top.length - 1] = id;
    fill(wordBars, top.map((each) => ({
      value: each, piece: net.target[each], part: p[each] / p[top[0]], number: percent(p[each]), pressed: each === id,
    })), force);
  }

  function draw() {
    if (field.value !== model.get("text")) field.value = model.get("text");
    const complaints = notes.join(" ");
    if (complaint.textContent !== complaints) complaint.textContent = complaints;
    const none = !pieces.length;
    emptyNote.hidden = !none;
    emptyNote.textContent = T.empty;
    filled.hidden = details.hidden = unread.hidden = none;
    if (none) undoButton.hidden = true;
    else {
      drawSaid();
      drawLinks();
      drawWord();
    }
    el.dataset.ready = "true";
  }

  const changed = () => {
    if (own || !net) return;
    read();
    draw();
  };
  const watched = TRAITS.map((name) => `change:${name}`).join(" ");
  model.on(watched, changed);
  inflate(model.get("network").data).then((data) => {
    if (gone) return;
    net = open(model.get("network"), data);
    read();
    draw();
  }).catch((error) => {
    complaint.textContent = typeof DecompressionStream === "undefined" ? T.old : String(error);
    if (typeof DecompressionStream !== "undefined") throw error;
  });

  return () => {
    gone = true;
    links.remove();
    release();
    model.off(watched, changed);
  };
}

export default { render };
