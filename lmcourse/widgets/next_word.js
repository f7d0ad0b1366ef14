// NextWordExplorer: what a language model expects next, and what becomes of it when you follow.
// The first half is arithmetic (tested in node against Python), the second the page.

import {
  BLANKS, button, choice, draw, h, hold, icon, inBits, inLanguage, markTab, oneStop, percent, random, rank, reshape, roving,
  spelled, tabList,
} from "./base.js";

// ---------------------------------------------------------------- tables

const BITS = 1 / 2048; // one step of a stored probability, in bits
const ZERO = 65535; // the code of probability 0

const probability = (code) => (code === ZERO ? 0 : 2 ** (-code * BITS));

/** Reads what NextWordTable packed (lmcourse/widgets/next_word.py describes the bytes). */
export function readTable({ name = "", order, counts, start, end, complete = true, data }) {
  const view = new DataView(data.buffer ?? data, data.byteOffset ?? 0, data.byteLength);
  const length = view.getUint32(0, true);
  const text = new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + 4, length));
  const words = JSON.parse(text);
  let at = 4 + length;
  const next = () => {
    at += 2;
    return view.getUint16(at - 2, true);
  };
  const records = new Map();
  counts.forEach((count, n) => {
    for (let i = 0; i < count; i++) {
      const key = Array.from({ length: n }, next).join();
      const rest = probability(next());
      const head = next();
      const size = head & 0x7fff;
      const ids = Array.from({ length: size }, next);
      const p = Array.from({ length: size }, () => probability(next()));
      const truth = head & 0x8000 ? Array.from({ length: size }, () => probability(next())) : null;
      records.set(key, { ids, p, rest, truth });
    }
  });
  const index = new Map(words.map((word, i) => [word, i]));
  return { name, order, words, start, end, complete, records, index, cache: new Map() };
}

/** The words a model of this order sees, as ids: the last order − 1, with the mark of the sentence's start. */
export function contextOf(table, words, order) {
  const seen = table.start === null ? words : [table.start, ...words];
  const ids = order > 1 ? seen.slice(1 - order) : [];
  return ids.map((word) => table.index.get(word) ?? -1);
}

/** The longest end of the context that the table holds. */
export function backOff(table, context) {
  for (let skip = 0; skip <= context.length; skip++) {
    if (table.records.has(context.slice(skip).join())) return context.slice(skip);
  }
  return [];
}

/**
 * Probabilities of all words after the context: {p, other, used}. Words that a context does not list share what is
 * left of it as they share the next shorter context (Katz). `other` is the mass of words that the table does not know.
 */
export function distribution(table, context) {
  const used = backOff(table, context);
  const key = used.join();
  if (!table.cache.has(key)) {
    const { ids, p: listed, rest } = table.records.get(key);
    const p = new Float64Array(table.words.length);
    let other = rest;
    if (used.length && rest > 0) {
      const lower = distribution(table, used.slice(1));
      const free = Float64Array.from(lower.p);
      for (const id of ids) free[id] = 0;
      const mass = free.reduce((a, b) => a + b, lower.other);
      if (mass > 0) {
        free.forEach((q, i) => (p[i] = (rest * q) / mass));
        other = (rest * lower.other) / mass;
      }
    }
    ids.forEach((id, i) => (p[id] = listed[i]));
    table.cache.set(key, { p, other, used });
  }
  return table.cache.get(key);
}

/** Bits of each word given the words before it. */
export function score(table, words, order) {
  return words.map((word, i) => {
    const { p, other } = distribution(table, contextOf(table, words.slice(0, i), order));
    const id = table.index.get(word);
    return -Math.log2(id === undefined ? other : p[id]);
  });
}

// ---------------------------------------------------------------- words for people

const STRINGS = {
  en: {
    language: "Language",
    order: "Order n",
    orderOf: (n) => `order ${n}: looks at ${n === 1 ? "no word" : n === 2 ? "1 word" : `${n - 1} words`}`,
    sentence: "The sentence so far",
    start: "start of the sentence",
    end: "end of the sentence",
    endShown: "end",
    backHere: "Go back to here",
    bits: (b) => `${b} bits`,
    total: (b, mean) => `${b} bits, ${mean} a word`,
    empty: "Nothing is said yet. Choose a first word.",
    none: "The model sees no word at all: it knows how common each word is.",
    sees: "The model sees only",
    unmet: "The model never met",
    unlisted: "This table does not hold",
    backs: ", so it backs off to",
    backsToNothing: ", so it backs off to no context at all.",
    over: "The sentence is over.",
    overHint: "Sample begins a new one.",
    next: "Next word",
    rowLabel: (w, p, t) => `${w}, ${p}${t ? `, in truth ${t}` : ""}`,
    more: "Show more",
    fewer: "Show fewer",
    others: (n, p) => (n === 1 ? `1 more word shares ${p}` : `${n} more words share ${p}`),
    otherUnknown: "less common words",
    model: "model",
    reshaped: "what Sample draws from",
    truth: "truth",
    sample: "Sample",
    auto: "Auto",
    stop: "Stop",
    undo: "Undo",
    reset: "Start over",
    type: "Type words",
    add: "Add",
    unknown: (w) => `“${w}” is not among the words of this table.`,
    temperature: "Temperature",
    topK: "Top k",
    all: "all",
    seed: "Seed",
    dart: (w, p) => `A dart thrown at the line hit “${w}” (${p}).`,
    added: (w, p) => `${w} added, ${p}.`,
    blank: "empty",
    space: "space",
    newline: "new line",
    tab: "tab",
  },
  ko: {
    language: "언어",
    order: "차수 n",
    orderOf: (n) => `차수 ${n}: 앞의 단어 ${n - 1}개를 봅니다`,
    sentence: "지금까지의 문장",
    start: "문장의 시작",
    end: "문장의 끝",
    endShown: "끝",
    backHere: "여기로 돌아가기",
    bits: (b) => `${b}비트`,
    total: (b, mean) => `${b}비트, 단어마다 ${mean}비트`,
    empty: "아직 아무 말도 없습니다. 첫 단어를 골라 보세요.",
    none: "모델은 앞의 단어를 보지 않습니다. 단어마다 얼마나 흔한지만 압니다.",
    sees: "모델이 보는 문맥:",
    unmet: "모델이 본 적 없는 문맥:",
    unlisted: "이 표에 없는 문맥:",
    backs: " → 물러선 문맥:",
    backsToNothing: " → 문맥 없이 어림합니다.",
    over: "문장이 끝났습니다.",
    overHint: "‘뽑기’를 누르면 새 문장을 시작합니다.",
    next: "다음 단어",
    rowLabel: (w, p, t) => `${w}, ${p}${t ? `, 참값 ${t}` : ""}`,
    more: "더 보기",
    fewer: "줄이기",
    others: (n, p) => `나머지 단어 ${n}개: ${p}`,
    otherUnknown: "드문 단어들",
    model: "모델",
    reshaped: "뽑기에 쓰는 확률",
    truth: "참값",
    sample: "뽑기",
    auto: "자동",
    stop: "멈춤",
    undo: "되돌리기",
    reset: "처음부터",
    type: "직접 쓰기",
    add: "넣기",
    unknown: (w) => `이 표에 없는 단어입니다: “${w}”`,
    temperature: "온도",
    topK: "상위 k",
    all: "모두",
    seed: "시드",
    dart: (w, p) => `던진 다트가 “${w}”에 맞았습니다 (${p}).`,
    added: (w, p) => `${w}, ${p}.`,
    blank: "빈 토큰",
    space: "공백",
    newline: "줄 바꿈",
    tab: "탭",
  },
};

const SUPERSCRIPT = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const raised = (n) => String(n).replace(/./g, (c) => (c === "-" ? "⁻" : SUPERSCRIPT[c]));
const small = (p) => {
  if (p === 0 || p >= 0.001) return String(Number(p.toPrecision(2)));
  const exponent = Math.floor(Math.log10(p));
  return `${(p / 10 ** exponent).toFixed(1)} × 10${raised(exponent)}`;
};
// ---------------------------------------------------------------- page

const ROWS = 8; // bars shown at first
const MORE = 24; // and on request
const LONGEST = 60; // words after which Auto stops
let views = 0;

function render({ model, el }) {
  const uid = `lmn-${++views}`;
  const T = inLanguage(STRINGS, model.get("language"));
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const tables = model.get("tables").map(readTable);
  const memory = tables.map(() => ({ words: [], history: [] })); // what each tab was left with
  let throws = 0; // darts thrown since the seed was set
  let rows = ROWS;
  let flight = null; // the dart in the air
  let timer = null; // the next word of Auto
  let own = false; // whether the change of a trait is ours

  const tab = () => Math.min(Math.max(model.get("tab"), 0), tables.length - 1);
  const table = () => tables[tab()];
  const order = () => Math.min(Math.max(model.get("order"), 1), table().order);
  const words = () => model.get("words");
  const over = () => table().end !== null && words().at(-1) === table().end;

  const set = (changes) => {
    own = true;
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    model.save_changes();
    own = false;
    update();
  };
  const say = (words) => {
    const { start, end } = table();
    if (start !== null && words === start) return ["▸", T.start];
    if (end !== null && words === end) return [T.endShown, T.end];
    const [shown, name] = BLANKS[words] ?? [words, null];
    return [shown, name ? T[name] : words];
  };
  /** A word as the page shows it: text of any script, direction and length, never HTML. */
  const spell = (element, word) => {
    const [shown] = say(word);
    element.classList.toggle("lm-special", shown !== word);
    return spelled(element, shown);
  };

  // ---- changes of the sentence

  const go = (to) => {
    memory[tab()].history.push(words());
    set({ words: to });
  };
  const append = (word) => {
    const [bits] = score(table(), [...words(), word], order()).slice(-1);
    go([...words(), word]);
    if (!timer) announce(`${T.added(say(word)[1], percent(2 ** -bits))} ${note.textContent}`);
  };
  const current = () => {
    const found = distribution(table(), contextOf(table(), words(), order()));
    return { ...found, q: reshape(found.p, model.get("temperature"), model.get("top_k")) };
  };

  /** Throw a dart at the line of probabilities; the word it hits is said when it has landed. */
  const throwDart = () => {
    if (flight) return land();
    if (over()) go([]);
    const { q } = current();
    const u = random(model.get("seed"), throws++);
    const id = draw(q, u);
    flight = { word: table().words[id], done: null };
    line.style.setProperty("--u", u);
    line.classList.add("lmn-thrown");
    list.children[rank(q).indexOf(id)]?.firstChild.classList.add("lmn-hit");
    if (calm.matches) return land();
    flight.done = setTimeout(land, 420);
  };
  const land = () => {
    const { word, done } = flight;
    clearTimeout(done);
    flight = null;
    line.classList.remove("lmn-thrown");
    append(word);
  };
  const drop = () => {
    if (flight) clearTimeout(flight.done);
    flight = null;
    line.classList.remove("lmn-thrown");
  };
  const auto = () => {
    timer = setTimeout(() => {
      if (!el.isConnected || document.hidden) return halt();
      throwDart();
      timer = setTimeout(() => (over() || words().length >= LONGEST ? halt() : auto()), calm.matches ? 400 : 620);
    }, 180);
    update();
  };
  const halt = () => {
    clearTimeout(timer);
    timer = null;
    if (flight) land();
    update();
    announce([...words()].map((word) => say(word)[1]).join(" "));
  };
  /** What the reader does by hand ends Auto. */
  const byHand = (act) => () => {
    clearTimeout(timer);
    timer = null;
    drop();
    act();
    update();
  };

  // ---- parts

  const status = h("div", { className: "lm-hidden", aria: { role: "status", live: "polite" } });
  const announce = (text) => (status.textContent = text);

  const names = tables.map((each) => each.name);
  const switchTo = (i) => byHand(() => {
    if (i === tab()) return;
    memory[tab()].words = words();
    set({ tab: i, words: memory[i].words });
  })();
  const tabs = tabList(names, T.language, uid, switchTo);

  const highest = Math.max(...tables.map((each) => each.order));
  const all = Array.from({ length: highest }, (_, i) => [i + 1, String(i + 1), T.orderOf(i + 1)]);
  const orders = choice(`${uid}-order`, T.order, all, (n) => byHand(() => set({ order: n }))());
  orders.classList.add("lmn-orders");

  const chips = h("div", { className: "lmn-chips", aria: { role: "group", label: T.sentence } });
  const ghost = h("span", { className: "lmn-ghost", aria: { hidden: "true" } });
  roving(chips, () => [...chips.querySelectorAll("button")], ["ArrowLeft", "ArrowRight"]);
  const total = h("p", { className: "lmn-total" });
  const note = h("p", { className: "lmn-note" });

  const line = h("div", { className: "lmn-line", aria: { hidden: "true" } });
  const needle = h("i", { className: "lmn-needle" });
  const list = h("ol", { className: "lmn-bars", aria: { label: T.next } });
  list.setAttribute("role", "list"); // some browsers forget it when the bullets are gone
  roving(list, () => [...list.querySelectorAll("button")], ["ArrowUp", "ArrowDown"]);
  const said = h("p", { className: "lmn-said" });
  const rest = h("span", { className: "lmn-rest" });
  const more = h("button", { type: "button", className: "lm-quiet" });
  more.addEventListener("click", () => {
    rows = rows === ROWS ? MORE : ROWS;
    update();
  });
  const key = (kind, text) => h("span", { className: `lmn-key lmn-key-${kind}` }, text);
  const legend = h("p", { className: "lmn-legend" }, key("bar", T.reshaped), key("model", T.model), key("truth", T.truth));

  const sampleButton = button("dice", T.sample, () => (timer ? halt() : throwDart()), "lm-main lmn-dice");
  const autoButton = button("play", T.auto, () => (timer ? halt() : auto()));
  const undoButton = button("undo", T.undo, byHand(() => {
    const { history } = memory[tab()];
    if (history.length) set({ words: history.pop() });
    announce(note.textContent);
  }));
  const resetButton = button("reset", T.reset, byHand(() => {
    throws = 0;
    if (words().length) go([]);
    announce(note.textContent);
  }));

  const known = h("datalist", { id: `${uid}-words` });
  const field = h("input", { type: "text", autocomplete: "off", spellcheck: false, placeholder: T.type, aria: { label: T.type } });
  field.setAttribute("list", known.id);
  field.setAttribute("autocapitalize", "off");
  field.addEventListener("focus", () => {
    if (known.dataset.tab === String(tab())) return;
    known.dataset.tab = tab();
    const { words: all, start, end } = table();
    known.replaceChildren(...all.filter((w) => w !== start && w !== end && w.trim()).map((value) => h("option", { value })));
  });
  const typed = byHand(() => {
    const { index } = table();
    // Pieces of lmcourse.text carry the space before them as ▁: nobody types that.
    const piece = (word) => (!index.has(word) && index.has(`▁${word}`) ? `▁${word}` : word);
    const wanted = index.has(field.value) ? [field.value] : field.value.split(/\s+/).filter(Boolean).map(piece);
    const unknown = wanted.find((word) => !index.has(word) || word === table().start);
    if (unknown !== undefined) {
      complaint.textContent = T.unknown(unknown);
      return;
    }
    field.value = "";
    complaint.textContent = "";
    if (over()) go([]);
    wanted.forEach(append);
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.isComposing) typed();
  });
  const addButton = h("button", { type: "button", className: "lm-button", on: { click: typed } }, T.add);
  const complaint = h("p", { className: "lm-complaint", aria: { role: "alert" } });

  const heat = h("input", { type: "range", min: 0, max: 2, step: 0.1, className: "lm-heat" });
  const heatShown = h("span", { className: "lm-number" });
  heat.addEventListener("input", byHand(() => set({ temperature: Number(heat.value) })));
  const top = h("select");
  top.addEventListener("change", byHand(() => set({ top_k: Number(top.value) })));
  const seed = h("input", { type: "number", step: 1, min: 0, inputMode: "numeric" });
  seed.addEventListener("change", byHand(() => {
    throws = 0;
    set({ seed: Math.trunc(Number(seed.value)) || 0 });
  }));

  const panel = h("div", { className: "lmn-panel", id: `${uid}-panel` },
    h("div", { className: "lmn-sentence" }, chips, total),
    note,
    h("div", { className: "lmn-next" }, line, list, said, h("div", { className: "lmn-under" }, rest, more, legend)),
    h("div", { className: "lm-actions" }, sampleButton, autoButton, undoButton, resetButton,
      h("span", { className: "lmn-type" }, field, addButton, known)),
    complaint,
    h("div", { className: "lm-settings" },
      h("label", {}, h("span", {}, T.temperature), heat, heatShown),
      h("label", {}, h("span", {}, T.topK), top),
      h("label", {}, h("span", {}, T.seed), seed)),
  );
  el.classList.add("lm-explorer", "lmn");
  el.replaceChildren(h("div", { className: "lm-head" }, tabs, orders), panel, status);

  const release = hold(el);

  // ---- drawing

  function drawSentence(used, context) {
    const focused = chips.contains(document.activeElement) ? [...chips.children].indexOf(document.activeElement) : -1;
    const { start } = table();
    const all = start === null ? words() : [start, ...words()];
    const shift = all.length - words().length;
    const bits = score(table(), words(), order());
    const buttons = all.map((word, i) => {
      const age = all.length - i; // 1: the last word
      const kind = age <= Math.min(used.length, context.length) ? "in" : age <= context.length ? "lost" : "out";
      const cost = i >= shift ? bits[i - shift] : null;
      const chip = h("button", { type: "button", className: `lmn-chip lmn-${kind}`, tabIndex: -1 }, spell(h("b"), word));
      if (i < shift) chip.classList.add("lmn-start");
      if (cost !== null) {
        chip.append(h("small", {}, inBits(cost)));
        chip.style.setProperty("--cost", Math.min(1, cost / 12));
      }
      const label = [say(word)[1], cost === null ? "" : T.bits(inBits(cost)), T.backHere].filter(Boolean).join(", ");
      chip.setAttribute("aria-label", label);
      chip.addEventListener("click", byHand(() => {
        if (i < all.length - 1) go(words().slice(0, i + 1 - shift));
        announce(note.textContent);
      }));
      return chip;
    });
    chips.replaceChildren(...buttons, ...(over() ? [] : [ghost]));
    ghost.replaceChildren("?");
    oneStop(buttons, buttons.length - 1);
    if (focused >= 0) buttons[Math.min(focused, buttons.length - 1)]?.focus();
    chips.scrollLeft = chips.scrollWidth;

    const sum = bits.reduce((a, b) => a + b, 0);
    total.replaceChildren();
    if (bits.length) {
      const factors = bits.slice(-4).map((b) => small(2 ** -b));
      const bracketed = factors.map((factor) => (factor.includes("×") ? `(${factor})` : factor)).join(" × ");
      const before = bits.length > 4 ? "… × " : "";
      const product = bits.length > 1 ? `${before}${bracketed} = ${small(2 ** -sum)}` : factors[0];
      // A table that leaves something out gives what it holds exactly, and other words nearly.
      total.append(h("span", {}, `P ${table().complete ? "=" : "≈"} ${product}`), h("span", {}, T.total(inBits(sum), inBits(sum / bits.length))));
    }
  }

  function drawNote(used, context) {
    const name = (ids) => {
      const seen = table().start === null ? words() : [table().start, ...words()];
      const tail = ids.length ? seen.slice(-ids.length) : [];
      return tail.flatMap((word, i) => [i ? " " : "", spell(h("b"), word)]);
    };
    if (over()) note.replaceChildren(T.over, " ", T.overHint);
    else if (used.length < context.length)
      note.replaceChildren(
        table().complete ? T.unmet : T.unlisted, " ", ...name(context),
        ...(used.length ? [T.backs, " ", ...name(used)] : [T.backsToNothing]),
      );
    else if (!context.length) note.replaceChildren(T.none);
    else if (!words().length) note.replaceChildren(T.empty);
    else note.replaceChildren(T.sees, " ", ...name(used));
    note.classList.toggle("lmn-backed-off", used.length < context.length && !over());
  }

  /** Rows stay where they are and change their words, so the focus stays too and the bars glide. */
  function row(i) {
    if (list.children[i]) return list.children[i].firstChild;
    const element = h("button", { type: "button", className: "lmn-row", tabIndex: -1 },
      h("b"), h("span", { className: "lmn-track" }, h("i", { className: "lmn-bar" }), h("i", { className: "lmn-model" }), h("i", { className: "lmn-truth" })),
      h("span", { className: "lmn-percent" }));
    const preview = () => ghost.replaceChildren(say(element.word)[0]);
    const forget = () => ghost.replaceChildren("?");
    element.style.setProperty("--rank", i);
    element.addEventListener("click", byHand(() => append(element.word)));
    element.addEventListener("mouseenter", preview);
    element.addEventListener("focus", preview);
    element.addEventListener("mouseleave", forget);
    element.addEventListener("blur", forget);
    list.append(h("li", {}, element));
    return element;
  }

  function drawBars({ p, other, used, q }) {
    const ranked = over() ? [] : rank(p);
    const reshaped = model.get("temperature") !== 1 || model.get("top_k") > 0;
    const { ids, truth } = table().records.get(used.join());
    const truths = new Map(truth ? ids.map((id, i) => [id, truth[i]]) : []);
    const shown = ranked.slice(0, rows);
    const scale = Math.max(...shown.map((id) => Math.max(p[id], q[id], truths.get(id) ?? 0)), Number.MIN_VALUE);
    shown.forEach((id, i) => {
      const element = row(i);
      const [label, track, value] = element.children;
      element.word = table().words[id];
      element.classList.remove("lmn-hit");
      element.classList.toggle("lmn-out-of-k", q[id] === 0);
      spell(label, element.word);
      const t = truths.get(id);
      track.children[0].style.setProperty("--p", q[id] / scale);
      track.children[1].style.setProperty("--p", p[id] / scale);
      track.children[1].hidden = !reshaped;
      track.children[2].style.setProperty("--p", (t ?? 0) / scale);
      track.children[2].hidden = t === undefined;
      track.children[2].classList.toggle("lmn-never", t === 0);
      value.textContent = percent(q[id]);
      element.setAttribute("aria-label", T.rowLabel(say(element.word)[1], percent(q[id]), t === undefined ? "" : percent(t)));
    });
    const focused = [...list.children].findIndex((item) => item.contains(document.activeElement));
    while (list.children.length > shown.length) list.lastChild.remove();
    const buttons = [...list.querySelectorAll("button")];
    oneStop(buttons, 0);
    if (focused >= 0 && !buttons[focused]) (buttons.at(-1) ?? resetButton).focus();

    // The same probabilities laid side by side: the line that darts are thrown at.
    const parts = rank(q).filter((id) => q[id] >= 0.003);
    line.replaceChildren(...parts.map((id, i) => {
      const part = h("span");
      part.style.setProperty("--p", q[id]);
      part.style.setProperty("--rank", Math.min(i, 14));
      if (q[id] > 0.12) spell(part, table().words[id]);
      return part;
    }), needle);

    const hidden = ranked.length - shown.length;
    const left = ranked.slice(rows).filter((id) => q[id] > 0);
    const facts = [];
    if (left.length) facts.push(T.others(left.length, percent(left.reduce((sum, id) => sum + q[id], 0))));
    if (!over() && !reshaped && other > 0.0005) facts.push(`${T.otherUnknown}: ${percent(other)}`);
    rest.textContent = facts.join(" · ");
    more.textContent = rows === ROWS ? T.more : T.fewer;
    more.hidden = over() || (rows === ROWS && hidden === 0) || ranked.length <= ROWS;
    legend.children[0].hidden = legend.children[1].hidden = !reshaped;
    legend.children[2].hidden = !truth;
    legend.hidden = over() || (!reshaped && !truth);
    for (const part of [line, list]) part.hidden = over();
    said.hidden = !over();
    said.replaceChildren(...words().slice(0, -1).flatMap((word) => [spell(h("span"), word), " "]));
    list.parentElement.style.setProperty("--rows", Math.min(ROWS, table().words.length));
  }

  function drawControls() {
    markTab(tabs, panel, tab());
    for (const input of orders.querySelectorAll("input")) {
      input.checked = Number(input.value) === order();
      input.disabled = Number(input.value) > table().order;
    }
    const temperature = model.get("temperature");
    heat.value = temperature;
    heatShown.textContent = temperature.toFixed(1);
    el.style.setProperty("--cold", Math.max(0, 1 - temperature));
    el.style.setProperty("--hot", Math.max(0, Math.min(1, temperature - 1)));
    const choices = [...new Set([0, 1, 2, 3, 5, 10, 20, 50, model.get("top_k")])].sort((a, b) => a - b);
    top.replaceChildren(...choices.map((k) => new Option(k ? String(k) : T.all, k, false, k === model.get("top_k"))));
    seed.value = model.get("seed");
    autoButton.replaceChildren(icon(timer ? "stop" : "play"), h("span", {}, timer ? T.stop : T.auto));
    autoButton.setAttribute("aria-pressed", String(Boolean(timer)));
    // Not disabled: a button that loses the focus loses the reader who works with keys.
    undoButton.setAttribute("aria-disabled", String(!memory[tab()].history.length));
    resetButton.setAttribute("aria-disabled", String(!words().length));
  }

  function update() {
    const context = contextOf(table(), words(), order());
    const now = current();
    if (over()) context.length = 0; // nothing comes next, so nothing is looked at
    drawSentence(now.used, context);
    drawNote(now.used, context);
    drawBars(now);
    drawControls();
  }

  const changed = () => {
    if (own) return;
    if (flight) drop();
    update();
  };
  const traits = ["tab", "order", "temperature", "top_k", "words", "seed"].map((name) => `change:${name}`).join(" ");
  model.on(traits, changed);
  update();

  return () => {
    clearTimeout(timer);
    drop();
    model.off(traits, changed);
    release();
  };
}

export default { render };
