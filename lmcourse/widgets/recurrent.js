// RecurrentExplorer: a recurrent network that reads what is typed, and shows its state and what it expects next.
// The first half is the network and the cutting of text (tested in node against torch and Python), the second the page.

import {
  button, choice, colour, draw, h, hold, icon, inBits, inLanguage, markTab, oneStop, onTheme, percent, random, rank,
  reshape, roving, spelled, tabList,
} from "./base.js";

import { linear, readTokens, readWeights, STEPS } from "./networks.js";

// ---------------------------------------------------------------- network

export const VALUES = { rnn: "h", gru: "hrzn", lstm: "hcifog" };

/** Read one more symbol after the step before (null at the beginning): {id, layers, p}. */
export function step({ cell, weights }, before, id) {
  const { columns, values } = weights["embedding.weight"];
  let x = Float64Array.from(values.subarray(id * columns, (id + 1) * columns));
  const layers = [];
  for (let l = 0; weights[`rnn.weight_hh_l${l}`]; l++) {
    const [ih, hh, bih, bhh] = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"].map((kind) => weights[`rnn.${kind}_l${l}`]);
    const zeros = () => new Float64Array(hh.columns);
    const old = before?.layers[l] ?? { h: zeros(), c: zeros() };
    layers.push(STEPS[cell](linear(ih, x, bih), linear(hh, old.h, bhh), old));
    x = layers[l].h;
  }
  const scores = linear(weights["output.weight"] ?? weights["embedding.weight"], x, weights.bias);
  const most = scores.reduce((a, b) => Math.max(a, b), -Infinity);
  const p = scores.map((s) => Math.exp(s - most));
  const sum = p.reduce((a, b) => a + b, 0);
  return { id, layers, p: p.map((v) => v / sum) };
}

/** Read symbols one after the other; what was read before is not read again. */
export function read(model, ids, before = []) {
  const steps = [];
  ids.forEach((id, t) => {
    const known = before[t]?.id === id && (t === 0 || steps[t - 1] === before[t - 1]);
    steps.push(known ? before[t] : step(model, steps[t - 1] ?? null, id));
  });
  return steps;
}

// ---------------------------------------------------------------- text

import { escape, join, split } from "./pieces.js";

/**
 * The pieces of a text that somebody goes on writing. Jamo that were drawn one by one and make no syllable yet
 * stay what they are; as text of their own they would be escaped.
 */
export function splitOn(text, unit, before) {
  let kept = unit === "jamo" && /[\u1100-\u11ff]/.test(text) ? before.length : 0;
  while (kept && !text.startsWith(join(before.slice(0, kept), unit))) kept--;
  const head = before.slice(0, kept);
  return [...head, ...split(text.slice(join(head, unit).length), unit)];
}

const INITIALS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ";
const FINALS = "ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ";

/** A conjoining jamo as the letter of a keyboard, and whether it is a final consonant. */
export function letterOf(piece) {
  const point = piece.length === 1 ? piece.codePointAt(0) : 0;
  if (point >= 0x1100 && point <= 0x1112) return [INITIALS[point - 0x1100], false];
  if (point >= 0x1161 && point <= 0x1175) return [String.fromCodePoint(point - 0x1161 + 0x314f), false];
  if (point >= 0x11a8 && point <= 0x11c2) return [FINALS[point - 0x11a8], true];
  return null;
}

/** While a Korean keyboard composes, the consonant at the end is the initial of a syllable to come. */
const composed = (text) => {
  const place = INITIALS.indexOf(text.at(-1) ?? " ");
  return place < 0 ? null : String.fromCodePoint(0x1100 + place);
};

/** Units in the order of how long they stay on: those that change much, but seldom, first. */
export function slowest(rows) {
  const width = rows[0]?.length ?? 0;
  const score = Array.from({ length: width }, (_, k) => {
    const mean = rows.reduce((sum, row) => sum + row[k], 0) / rows.length;
    let [all, near] = [1e-9, 0];
    rows.forEach((row, t) => {
      all += (row[k] - mean) ** 2;
      if (t) near += (row[k] - mean) * (rows[t - 1][k] - mean);
    });
    return (near / all) * Math.sqrt(all / rows.length);
  });
  return score.map((_, k) => k).sort((a, b) => score[b] - score[a] || a - b);
}

// ---------------------------------------------------------------- words for people

const STRINGS = {
  en: {
    model: "Model",
    first: "Text",
    second: "Second text",
    tokens: "What the network reads, symbol by symbol",
    tokensOther: "The second text, symbol by symbol",
    type: "Type something",
    try: "Try",
    against: (a, b) => `Compare ${a} with ${b}`,
    compare: "Compare",
    write: "Let it write",
    stop: "Stop",
    reset: "Start over",
    back: "One step back",
    on: "One step forward",
    play: "Play",
    next: "What comes next",
    at: (n) => `at temperature ${n}`,
    bits: "bits",
    inBits: (b) => `${b} bits`,
    total: (b, mean) => `${b} bits, ${mean} a symbol`,
    state: "State",
    names: {
      h: "state h", c: "cell c", i: "input gate i", f: "forget gate f", o: "output gate o", g: "new content g",
      r: "reset gate r", z: "update gate z", n: "new content n",
    },
    layer: "Layer",
    order: "Units",
    slow: "slow ones first",
    number: "by number",
    unit: "Unit",
    unitIs: (unit, name, value) => `Unit ${unit}, ${name} = ${value}`,
    temperature: "Temperature",
    seed: "Seed",
    start: "start of the text",
    end: "end of the text",
    endShown: "end",
    unknown: "unknown symbol",
    final: (c) => `final ${c}`,
    space: "space",
    newline: "new line",
    tab: "tab",
    nothing: "The network has read nothing yet.",
    over: "The network ends the text here.",
    stray: (w) => `The network does not know ${w}.`,
    long: (n) => `The network reads the first ${n} symbols.`,
    predict: "What will change? Think first.",
    look: "Look",
    after: (text, list) => `After “${text}”: ${list}.`,
    gate: ["shut", "open"],
  },
  ko: {
    model: "모델",
    first: "글",
    second: "둘째 글",
    tokens: "신경망이 한 기호씩 읽는 글",
    tokensOther: "한 기호씩 읽는 둘째 글",
    type: "글을 써 보세요",
    try: "예",
    against: (a, b) => `견주기: ${a}, ${b}`,
    compare: "견주기",
    write: "이어 쓰기",
    stop: "멈춤",
    reset: "처음부터",
    back: "한 걸음 뒤로",
    on: "한 걸음 앞으로",
    play: "재생",
    next: "다음에 올 기호",
    at: (n) => `온도 ${n}`,
    bits: "비트",
    inBits: (b) => `${b}비트`,
    total: (b, mean) => `${b}비트, 기호마다 ${mean}비트`,
    state: "상태",
    names: {
      h: "은닉 상태 h", c: "셀 상태 c", i: "입력 게이트 i", f: "망각 게이트 f", o: "출력 게이트 o", g: "새 내용 g",
      r: "리셋 게이트 r", z: "갱신 게이트 z", n: "새 내용 n",
    },
    layer: "층",
    order: "유닛",
    slow: "오래가는 것부터",
    number: "번호순",
    unit: "유닛",
    unitIs: (unit, name, value) => `유닛 ${unit}, ${name} = ${value}`,
    temperature: "온도",
    seed: "시드",
    start: "글의 시작",
    end: "글의 끝",
    endShown: "끝",
    unknown: "모르는 기호",
    final: (c) => `받침 ${c}`,
    space: "공백",
    newline: "줄 바꿈",
    tab: "탭",
    nothing: "신경망이 아직 아무것도 읽지 않았습니다.",
    over: "신경망이 여기에서 글을 끝냅니다.",
    stray: (w) => `신경망이 모르는 기호입니다: ${w}`,
    long: (n) => `신경망은 앞의 ${n}개 기호만 읽습니다.`,
    predict: "무엇이 달라질까요? 먼저 생각해 보세요.",
    look: "보기",
    after: (text, list) => `“${text}” 다음: ${list}.`,
    gate: ["닫힘", "열림"],
  },
};

const SIGNS = { "▁": ["␣", "space"], "▔a▔": ["⏎", "newline"], "▔9▔": ["⇥", "tab"] };
const signed = (x, gate) => `${gate ? "" : x < 0 ? "−" : "+"}${Math.abs(x).toFixed(2)}`;

// ---------------------------------------------------------------- page

const LONGEST = 300; // pieces that are read
const WRITTEN = 160; // and that are written at once
const BARS = 10;
const GATES = "iforz"; // values from 0 to 1
let views = 0;

function render({ model, el }) {
  const uid = `lmr-${++views}`;
  const T = inLanguage(STRINGS, model.get("language"));
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const models = model.get("models").map((each) => {
    const tokens = readTokens(each);
    const id = new Map(tokens.map((token, i) => [token, i]));
    const mute = new Set([each.start, each.unknown, "<pad>"].filter((mark) => mark !== null && mark !== each.end));
    return { ...each, tokens, id, mute, weights: null, memory: null, rows: {} };
  });
  const lines = [0, 1].map(() => ({ pieces: [], shown: [], steps: [], at: null, ids: [] }));
  let active = 0; // which of the two texts is looked at
  let veiled = false; // whether the second prediction is covered
  let peek = null; // the unit under the pointer
  let timer = null; // the next step of playing or writing
  let doing = null; // "play" or "write"
  let throws = 0;
  let sorted = "slow";
  let own = false;
  let composing = false;

  const tab = () => Math.min(Math.max(model.get("tab"), 0), models.length - 1);
  const net = () => models[tab()];
  const paired = () => model.get("other") !== null && model.get("other") !== undefined;
  const show = () => (VALUES[net().cell].includes(model.get("show")) ? model.get("show") : "h");
  const depth = () => net().shapes.filter(([name]) => name.startsWith("rnn.weight_hh")).length;
  const layer = () => Math.min(model.get("layer"), depth() - 1);
  const width = () => net().shapes.find(([name]) => name === "rnn.weight_hh_l0")[1][1];
  const line = () => lines[active];
  const before = () => (net().start === null ? 0 : 1); // steps before the first piece
  const place = (each) => Math.min(each.at ?? Infinity, each.shown.length); // how many pieces have been read
  const now = (each) => each.steps[place(each) - 1 + before()] ?? null;
  const order = () => {
    const key = `${layer()} ${show()} ${sorted}`;
    if (!net().rows[key]) {
      const rows = lines[0].steps.map((each) => each.layers[layer()][show()]);
      if (sorted === "slow" && rows.length < 3) return Array.from({ length: width() }, (_, k) => k);
      net().rows[key] = sorted === "slow" ? slowest(rows) : Array.from({ length: width() }, (_, k) => k);
    }
    return net().rows[key];
  };
  const chosen = () => peek ?? (model.get("unit") === null ? order()[0] : Math.min(model.get("unit"), width() - 1));

  const set = (changes) => {
    own = true;
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    model.save_changes();
    own = false;
  };

  /** What is written for a piece, and what is said. */
  const say = (piece) => {
    const { start, end, unknown } = net();
    if (piece === start) return ["▸", T.start];
    if (piece === end) return [T.endShown, T.end];
    if (piece === unknown) return ["�", T.unknown];
    if (SIGNS[piece]) return [SIGNS[piece][0], T[SIGNS[piece][1]]];
    const letter = letterOf(piece);
    if (letter) return [letter[0], letter[1] ? T.final(letter[0]) : letter[0]];
    const plain = join([piece], "word") || "∅";
    return [plain, plain];
  };
  const spell = (element, piece, mark = false) => {
    const [shown, name] = say(piece);
    const final = mark && letterOf(piece)?.[1];
    element.classList.toggle("lm-special", shown !== name && !letterOf(piece));
    spelled(element, final ? `-${shown}` : shown, 12);
    return element;
  };

  // ---- reading

  /** Cut a text into pieces and find their numbers. What has no number is left out. */
  const take = (each, text) => {
    const { unit, id, unknown } = net();
    each.pieces = splitOn(text, unit, each.pieces);
    const tail = composing && unit === "jamo" && each.pieces.length ? composed(each.pieces.at(-1)) : null;
    const pieces = tail ? [...each.pieces.slice(0, -1), tail] : each.pieces;
    each.stray = pieces.filter((piece) => !id.has(piece));
    each.shown = pieces.filter((piece) => id.has(piece) || unknown !== null).slice(0, LONGEST);
    each.long = pieces.length - each.stray.length * (unknown === null) > LONGEST;
    each.ids = each.shown.map((piece) => id.get(piece) ?? id.get(unknown));
  };
  const compute = (each) => {
    const { weights, cell, start, id } = net();
    if (!weights) return;
    const ids = start === null ? each.ids : [id.get(start), ...each.ids];
    each.steps = read({ cell, weights }, ids, each.steps);
  };
  const load = () => {
    const loaded = net();
    loaded.weights ??= readWeights(loaded);
    lines.forEach(compute);
    update();
  };
  /** New texts: the pieces are there at once, the network when the page has been drawn. */
  const begin = () => {
    note.hidden = true;
    lines.forEach((each, i) => {
      Object.assign(each, { pieces: [], steps: [], at: i ? null : model.get("step") });
      take(each, (i ? model.get("other") : model.get("text")) ?? "");
    });
    if (!paired()) active = 0;
    if (net().weights) lines.forEach(compute);
    else requestAnimationFrame(() => setTimeout(load));
  };
  const rewrite = (i, text) => {
    note.hidden = true;
    take(lines[i], text);
    lines[i].at = null;
    active = i;
    set(i ? { other: text } : { text, step: null });
    compute(lines[i]);
    update();
  };
  const follow = (i, id) => {
    const each = lines[i];
    const piece = net().tokens[id];
    if (net().mute.has(piece) || piece === net().end || each.shown.length >= LONGEST) return false;
    const written = [...each.pieces, piece];
    each.pieces = written;
    rewrite(i, join(written, net().unit));
    return true;
  };
  const goTo = (at) => {
    line().at = Math.max(0, Math.min(line().shown.length, at));
    if (active === 0) set({ step: line().at === line().shown.length ? null : line().at });
    update();
  };

  // ---- what runs by itself

  const halt = () => {
    clearTimeout(timer);
    timer = doing = null;
  };
  const byHand = (act) => (...details) => {
    halt();
    act(...details);
    update();
  };
  const later = (act, wait) => {
    timer = setTimeout(() => (el.isConnected && !document.hidden ? act() : byHand(() => {})()), wait);
  };
  const play = () => {
    if (place(line()) >= line().shown.length) goTo(0);
    doing = "play";
    const turn = () => {
      goTo(place(line()) + 1);
      if (place(line()) < line().shown.length) later(turn, calm.matches ? 500 : 260);
      else byHand(announce)();
    };
    later(turn, 260);
    update();
  };
  /** What writing draws from: never a mark that stands for no text. */
  const drawable = (p) => reshape(p.map((x, id) => (net().mute.has(net().tokens[id]) ? 0 : x)), model.get("temperature"));
  const write = () => {
    if (!net().weights) return;
    line().at = null;
    doing = "write";
    let left = WRITTEN;
    const turn = () => {
      const last = now(line());
      const id = last ? draw(drawable(last.p), random(model.get("seed"), throws++)) : Math.floor(random(model.get("seed"), throws++) * net().tokens.length);
      const going = follow(active, id);
      note.hidden = going || net().tokens[id] !== net().end;
      if (going && --left) later(turn, net().unit === "word" || net().unit === "eojeol" ? 260 : 90);
      else byHand(announce)();
    };
    turn();
    update();
  };

  // ---- parts

  const status = h("div", { className: "lm-hidden", aria: { role: "status", live: "polite" } });
  const announce = () => {
    const last = now(line());
    const read = join(line().shown.slice(0, place(line())), net().unit);
    const best = last ? rank(last.p).slice(0, 3).map((id) => `${say(net().tokens[id])[1]} ${percent(last.p[id])}`) : [];
    const about = last && net().weights ? ` ${unitSays(chosen())}` : "";
    status.textContent = last ? T.after(read.slice(-40), best.join(", ")) + about : T.nothing;
  };
  const unitSays = (unit) => {
    const value = now(line())?.layers[layer()][show()][unit];
    return T.unitIs(unit, T.names[show()], value === undefined ? "?" : signed(value, GATES.includes(show())));
  };

  const tabs = tabList(models.map((each) => each.name), T.model, uid, byHand((i) => {
    if (i === tab()) return;
    net().memory = [model.get("text"), model.get("other")];
    const first = models[i].first.map(([text]) => text);
    const [text, other] = models[i].memory ?? [first[0] ?? "", first[1] ?? null];
    set({ tab: i, text, other, step: null, unit: null });
    veiled = other !== null && !models[i].memory;
    fresh();
  }));
  const compareButton = button("pair", T.compare, byHand(() => {
    if (paired()) {
      set({ other: null });
      active = 0;
    } else {
      const pair = net().examples.find((example) => Array.isArray(example) && example[0] === model.get("text"));
      set({ other: pair ? pair[1] : model.get("text") });
      veiled = true;
    }
    take(lines[1], model.get("other") ?? "");
    lines[1].at = null;
    compute(lines[1]);
  }));

  const examples = h("div", { className: "lmr-examples" });
  const drawExamples = () => {
    examples.hidden = !net().examples.length;
    examples.replaceChildren(h("span", {}, T.try), ...net().examples.map((example) => {
      const [text, other] = Array.isArray(example) ? example : [example, null];
      const chip = h("button", { type: "button", className: "lmr-example" }, spelled(h("span"), text, 60));
      if (other !== null) {
        chip.append(h("i", {}, "↔"), spelled(h("span"), other, 60));
        chip.setAttribute("aria-label", T.against(text, other));
      }
      chip.addEventListener("click", byHand(() => {
        set({ text, other, step: null });
        veiled = other !== null;
        fresh();
        announce();
      }));
      return chip;
    }));
  };

  const fields = lines.map((each, i) => {
    const field = h("textarea", { rows: 1, spellcheck: false, placeholder: T.type, aria: { label: i ? T.second : T.first } });
    field.setAttribute("autocapitalize", "off");
    const typed = (event) => {
      composing = Boolean(event.isComposing);
      halt();
      rewrite(i, field.value);
    };
    field.addEventListener("input", typed);
    field.addEventListener("compositionend", () => typed({}));
    field.addEventListener("change", announce);
    const tokens = h("div", { className: "lmr-tokens", aria: { role: "group", label: i ? T.tokensOther : T.tokens } });
    roving(tokens, () => [...tokens.querySelectorAll("button")], ["ArrowLeft", "ArrowRight"]);
    const pick = (event) => {
      const token = event.target.closest(".lmr-token");
      if (!token || (active === i && place(each) === token.at && event.type === "focusin")) return;
      halt();
      active = i;
      goTo(token.at);
      announce();
    };
    tokens.addEventListener("focusin", pick);
    tokens.addEventListener("click", pick);
    const total = h("p", { className: "lmr-total" });
    return { field, tokens, total, box: h("div", { className: "lmr-line" }, field, tokens, total) };
  });
  fields[1].box.classList.add("lmr-second");
  const complaint = h("p", { className: "lm-complaint", aria: { role: "alert" } });
  const note = h("p", { className: "lmr-note", hidden: true }, T.over);

  const small = (name, text, act) => {
    const element = button(name, text, act, "lmr-small");
    element.title = text;
    return element;
  };
  const backButton = small("back", T.back, byHand(() => {
    goTo(place(line()) - 1);
    announce();
  }));
  const onButton = small("on", T.on, byHand(() => {
    goTo(place(line()) + 1);
    announce();
  }));
  const playButton = small("play", T.play, () => (doing === "play" ? byHand(announce)() : (halt(), play())));
  const writeButton = button("pen", T.write, () => (doing === "write" ? byHand(announce)() : (halt(), write())), "lm-main");
  const resetButton = button("reset", T.reset, byHand(() => {
    const [text = "", other = null] = net().first.map(([each]) => each);
    throws = 0;
    set({ text, other, step: null, unit: null });
    veiled = other !== null;
    fresh();
    announce();
  }));

  // The next symbols: bars, or in a comparison two bars back to back.
  const nextTitle = h("h4", {}, T.next);
  const bars = h("ol", { className: "lmr-bars", aria: { label: T.next } });
  bars.setAttribute("role", "list");
  roving(bars, () => [...bars.querySelectorAll("button")], ["ArrowUp", "ArrowDown"]);
  const heads = h("div", { className: "lmr-heads", aria: { hidden: "true" } });
  const lookButton = button("eye", T.look, byHand(() => {
    veiled = false;
    bars.querySelector("button")?.focus();
  }), "lm-main");
  const veil = h("div", { className: "lmr-veil" }, h("p", {}, T.predict), lookButton);
  const nextBox = h("div", { className: "lmr-next" }, nextTitle, heads, h("div", { className: "lmr-stage" }, bars, veil));

  // The state: this step as a strip, all steps as a heat map.
  const strip = h("canvas", { className: "lmr-strip", aria: { hidden: "true" } });
  const heat = h("canvas", { className: "lmr-heat", tabIndex: 0, aria: { role: "slider", label: T.unit, orientation: "vertical" } });
  const column = h("i", { className: "lmr-column" });
  const row = h("i", { className: "lmr-rowmark" });
  const ticks = h("div", { className: "lmr-ticks", aria: { hidden: "true" } });
  const scale = h("span", { className: "lmr-scale", aria: { hidden: "true" } }, h("span"), h("i"), h("span"));
  const readout = h("p", { className: "lmr-readout" });
  const shows = h("select", { aria: { label: T.state } });
  shows.addEventListener("change", byHand(() => set({ show: shows.value })));
  const layers = h("select");
  layers.addEventListener("change", byHand(() => set({ layer: Number(layers.value), unit: null })));
  const layerLabel = h("label", {}, h("span", {}, T.layer), layers);
  const orders = choice(`${uid}-order`, T.order, [["slow", T.slow], ["number", T.number]], byHand((value) => {
    sorted = value;
    net().rows = {};
  }));
  const stateBox = h("div", { className: "lmr-state" },
    h("div", { className: "lmr-bar" }, h("h4", {}, T.state), shows, layerLabel),
    h("div", { className: "lmr-bar" }, readout, scale),
    strip,
    h("div", { className: "lmr-map" }, heat, column, row),
    ticks,
    orders,
  );

  const hotness = h("input", { type: "range", min: 0, max: 2, step: 0.1, className: "lm-heat" });
  const hotnessShown = h("span", { className: "lm-number" });
  hotness.addEventListener("input", byHand(() => set({ temperature: Number(hotness.value) })));
  const seed = h("input", { type: "number", step: 1, min: 0, inputMode: "numeric" });
  seed.addEventListener("change", byHand(() => {
    throws = 0;
    set({ seed: Math.max(0, Math.trunc(Number(seed.value)) || 0) });
  }));

  const panel = h("div", { className: "lmr-panel", id: `${uid}-panel` },
    examples, fields[0].box, fields[1].box, complaint, note,
    h("div", { className: "lm-actions" },
      h("span", { className: "lmr-steps" }, backButton, playButton, onButton), writeButton, resetButton),
    h("div", { className: "lmr-body" }, nextBox, stateBox),
    h("div", { className: "lm-settings" },
      h("label", {}, h("span", {}, T.temperature), hotness, hotnessShown),
      h("label", {}, h("span", {}, T.seed), seed)),
  );
  el.classList.add("lm-explorer", "lmr");
  el.replaceChildren(h("div", { className: "lm-head" }, tabs, compareButton), panel, status);
  const release = hold(el);

  // ---- pointers on the state

  const under = (canvas, event, count) => {
    const box = canvas.getBoundingClientRect();
    return (fraction, size) => Math.max(0, Math.min(count - 1, Math.floor(((event[fraction] - box[size[0]]) / box[size[1]]) * count)));
  };
  const unitAt = (event) => {
    if (event.currentTarget === heat) return order()[under(heat, event, width())("clientY", ["top", "height"])];
    const across = strip.across;
    const down = Math.ceil(width() / across);
    const x = under(strip, event, across)("clientX", ["left", "width"]);
    const y = under(strip, event, down)("clientY", ["top", "height"]);
    return order()[Math.min(width() - 1, y * across + x)];
  };
  for (const canvas of [heat, strip]) {
    canvas.addEventListener("pointermove", (event) => {
      if (!net().weights) return;
      const unit = unitAt(event);
      if (unit === peek) return;
      peek = unit;
      drawUnit();
    });
    canvas.addEventListener("pointerleave", () => {
      peek = null;
      drawUnit();
    });
    canvas.addEventListener("click", byHand((event) => {
      set({ unit: unitAt(event) });
      peek = null;
      if (canvas === heat && line().steps.length) {
        goTo(under(heat, event, line().steps.length)("clientX", ["left", "width"]) + 1 - before());
      }
      announce();
    }));
  }
  heat.addEventListener("keydown", (event) => {
    const at = order().indexOf(chosen());
    const to = { ArrowUp: at - 1, ArrowDown: at + 1, PageUp: at - 10, PageDown: at + 10, Home: 0, End: width() - 1 }[event.key];
    const side = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (to === undefined && side === undefined) return;
    event.preventDefault();
    byHand(() => {
      if (side) goTo(place(line()) + side);
      else set({ unit: order()[Math.max(0, Math.min(width() - 1, to))] });
    })();
  });

  // ---- drawing

  let inks = null;
  const paints = () =>
    (inks ??= Object.fromEntries(["back", "hot", "cold", "accent", "edge"].map((name) => [name, colour(el, `var(--lm-${name})`)])));
  const span = () => {
    if (GATES.includes(show())) return 1;
    if (show() !== "c") return 1;
    const values = lines.flatMap((each) => each.steps.flatMap((s) => [...s.layers[layer()].c]));
    return Math.max(1, Math.ceil(values.reduce((most, v) => Math.max(most, Math.abs(v)), 0)));
  };
  /** The colour of a value from −1 to 1: the background in the middle, so that units at rest are quiet. */
  const shade = (value) => {
    const { back, hot, cold, accent } = paints();
    const to = GATES.includes(show()) ? accent : value < 0 ? cold : hot;
    const a = Math.min(1, Math.abs(value)) ** 0.8;
    return back.map((v, k) => Math.round(v + (to[k] - v) * a));
  };

  function drawTokens(i) {
    const { tokens, field, total, box } = fields[i];
    const each = lines[i];
    box.hidden = i === 1 && !paired();
    box.classList.toggle("lmr-active", paired() && active === i);
    if (box.hidden) return;
    const text = (i ? model.get("other") : model.get("text")) ?? "";
    if (field.value !== text) field.value = text;
    const all = net().start === null ? each.shown : [net().start, ...each.shown];
    const shift = before();
    const old = [...tokens.querySelectorAll("button")];
    const focused = tokens.contains(document.activeElement) && old.indexOf(document.activeElement);
    const buttons = all.map((piece, t) => {
      const token = old[t]?.piece === piece ? old[t] : h("button", { type: "button", className: "lmr-token", tabIndex: -1 },
        h("i", { className: "lmr-value" }), spell(h("b"), piece), h("i", { className: "lmr-cost" }));
      token.piece = piece;
      token.at = t + 1 - shift;
      const cost = t && each.steps[t] ? -Math.log2(each.steps[t - 1].p[each.steps[t].id]) : null;
      token.style.setProperty("--cost", cost === null ? 0 : Math.min(1, cost / 10));
      const known = net().id.has(piece);
      token.classList.toggle("lmr-stray", !known);
      token.classList.toggle("lmr-space", piece === "▁");
      token.classList.toggle("lmr-break", piece === "▔a▔");
      token.classList.toggle("lmr-later", token.at > place(each));
      token.classList.toggle("lmr-now", token.at === place(each));
      if (token.at === place(each)) token.setAttribute("aria-current", "step");
      else token.removeAttribute("aria-current");
      const name = known ? say(piece)[1] : `${say(piece)[1]}, ${T.unknown}`;
      token.setAttribute("aria-label", cost === null ? name : `${name}, ${T.inBits(inBits(cost))}`);
      token.title = cost === null ? "" : T.inBits(inBits(cost));
      return token;
    });
    // Jamo stand together as syllables, with the syllable above them.
    const groups = [];
    buttons.forEach((token, t) => {
      const point = token.piece.length === 1 ? token.piece.codePointAt(0) : 0;
      const goesOn = (point >= 0x1161 && point <= 0x1175) || (point >= 0x11a8 && point <= 0x11c2);
      const open = groups.at(-1);
      if (goesOn && open?.jamo && all[t - 1] !== "▁") open.push(token);
      else {
        groups.push([token]);
        groups.at(-1).jamo = point >= 0x1100 && point <= 0x1112;
      }
    });
    tokens.classList.toggle("lmr-words", net().unit === "word" || net().unit === "eojeol");
    tokens.classList.toggle("lmr-jamo", net().unit === "jamo");
    if (net().unit === "jamo") {
      tokens.replaceChildren(...groups.map((group) => {
        const syllable = join(group.map((token) => token.piece), "jamo");
        const cap = h("span", { className: "lmr-cap", lang: "ko", aria: { hidden: "true" } }, group.length > 1 ? syllable : "");
        return h("span", { className: "lmr-syllable" }, cap, ...group);
      }));
    } else if (buttons.length !== old.length || buttons.some((token, t) => token !== old[t])) tokens.replaceChildren(...buttons);
    for (const token of buttons) token.tabIndex = token.at === place(each) ? 0 : -1;
    if (!buttons.some((token) => token.tabIndex === 0) && buttons.length) buttons.at(-1).tabIndex = 0;
    if (focused !== false) (buttons[place(each) - 1 + shift] ?? buttons.at(-1))?.focus();

    const costs = each.steps.slice(1).map((s, t) => -Math.log2(each.steps[t].p[s.id]));
    const sum = costs.reduce((a, b) => a + b, 0);
    total.textContent = costs.length ? T.total(inBits(sum), (sum / costs.length).toFixed(2)) : "";
  }

  /** The chosen unit: above each symbol, behind it, and on the maps. */
  function drawUnit() {
    const unit = chosen();
    const most = span();
    const gate = GATES.includes(show());
    fields.forEach(({ tokens }, i) => {
      tokens.classList.toggle("lmr-gate", gate);
      tokens.querySelectorAll("button").forEach((token, t) => {
        const value = (lines[i].steps[t]?.layers[layer()][show()][unit] ?? 0) / most;
        token.style.setProperty("--v", value.toFixed(3));
        token.style.setProperty("--a", `${(Math.min(1, Math.abs(value)) * 45).toFixed(1)}%`);
        token.style.setProperty("--ink", gate ? "var(--lm-accent)" : value < 0 ? "var(--lm-cold)" : "var(--lm-hot)");
      });
    });
    const at = order().indexOf(unit);
    row.style.setProperty("--at", at / width());
    row.style.setProperty("--size", 1 / width());
    row.classList.toggle("lmr-peek", peek !== null);
    heat.setAttribute("aria-valuemin", 0);
    heat.setAttribute("aria-valuemax", width() - 1);
    heat.setAttribute("aria-valuenow", unit);
    heat.setAttribute("aria-valuetext", unitSays(unit));
    const value = now(line())?.layers[layer()][show()][unit];
    readout.replaceChildren(h("b", {}, `${T.unit} ${unit}`), ` ${show()} = `, h("b", {}, value === undefined ? "?" : signed(value, gate)));
    drawStrip(at);
  }

  function drawStrip(marked) {
    const ratio = Math.min(2, devicePixelRatio || 1);
    const wide = strip.clientWidth || 300;
    const rows = [1, 2, 3, 4, 6].find((n) => wide / Math.ceil(width() / n) >= 8) ?? 8;
    const across = Math.ceil(width() / rows);
    const size = wide / across;
    const high = Math.max(14, Math.min(20, size));
    strip.across = across;
    strip.style.height = `${rows * high}px`;
    strip.width = Math.round(wide * ratio);
    strip.height = Math.round(rows * high * ratio);
    const pen = strip.getContext("2d");
    pen.scale(ratio, ratio);
    const { edge } = paints();
    const values = now(line())?.layers[layer()][show()];
    const most = span();
    order().forEach((unit, n) => {
      const [x, y] = [(n % across) * size, Math.floor(n / across) * high];
      pen.fillStyle = values ? `rgb(${shade(values[unit] / most)})` : "transparent";
      pen.strokeStyle = n === marked ? getComputedStyle(el).color : `rgb(${edge})`;
      pen.lineWidth = n === marked ? 2 : 0.75;
      pen.beginPath();
      pen.rect(x + 1, y + 1, size - 2, high - 2);
      pen.fill();
      pen.stroke();
    });
  }

  function drawHeat() {
    const { steps } = line();
    const most = span();
    heat.width = Math.max(1, steps.length);
    heat.height = width();
    heat.style.setProperty("--rows", width());
    heat.parentElement.style.setProperty("--columns", steps.length);
    const pen = heat.getContext("2d");
    const image = pen.createImageData(heat.width, heat.height);
    steps.forEach((each, t) => {
      const values = each.layers[layer()][show()];
      order().forEach((unit, n) => {
        const [r, g, b] = shade(values[unit] / most);
        image.data.set([r, g, b, 255], 4 * (n * heat.width + t));
      });
    });
    pen.putImageData(image, 0, 0);
    ticks.style.setProperty("--columns", steps.length);
    const every = Math.ceil(steps.length / 36);
    const mark = (each, t) => (t % every ? "" : say(net().tokens[each.id])[0].slice(0, 4));
    ticks.replaceChildren(...steps.map((each, t) => spelled(h("span"), mark(each, t), 99)));
    const at = place(line()) - 1 + before();
    column.hidden = row.hidden = !steps.length || at < 0;
    column.style.setProperty("--at", at / Math.max(1, steps.length));
    column.style.setProperty("--size", 1 / Math.max(1, steps.length));
  }

  /** What comes after a line, [id, p] from the likeliest: by the model, or as Python computed it before. */
  function expected(i) {
    const last = now(lines[i]);
    if (last) {
      const q = reshape(last.p, model.get("temperature"));
      return { list: rank(q), p: q };
    }
    const text = i ? model.get("other") : model.get("text");
    const stored = net().weights || lines[i].at !== null || model.get("temperature") !== 1 ? null : net().first.find(([each]) => each === text);
    const p = new Float64Array(net().tokens.length);
    for (const [id, x] of stored?.[1] ?? []) p[id] = x;
    return { list: (stored?.[1] ?? []).map(([id]) => id), p };
  }

  function drawBars() {
    const both = paired();
    const [a, b] = [expected(0), both ? expected(1) : null];
    let ids = a.list.slice(0, BARS);
    if (both) {
      const most = (id) => Math.max(a.p[id], veiled ? 0 : b.p[id]);
      const union = [...new Set([...ids, ...(veiled ? [] : b.list.slice(0, BARS))])];
      ids = union.sort((x, y) => most(y) - most(x) || x - y).slice(0, BARS);
    }
    const top = Math.max(...ids.map((id) => Math.max(a.p[id], b && !veiled ? b.p[id] : 0)), 1e-9);
    bars.classList.toggle("lmr-both", both);
    bars.classList.toggle("lmr-veiled", both && veiled);
    ids.forEach((id, n) => {
      if (!bars.children[n]) {
        const made = h("button", { type: "button", className: "lmr-row", tabIndex: -1 },
          h("b"), h("span", { className: "lmr-track" }, h("i")), h("span", { className: "lmr-percent" }), h("small"),
          h("span", { className: "lmr-track lmr-right" }, h("i")), h("span", { className: "lmr-percent lmr-right" }));
        made.addEventListener("click", byHand(() => {
          const kept = join(line().shown.slice(0, place(line())), net().unit);
          if (place(line()) < line().shown.length) rewrite(active, kept);
          follow(active, made.symbol);
          announce();
        }));
        bars.append(h("li", {}, made));
      }
      const element = bars.children[n].firstChild;
      const [name, track, number, bits, second, secondNumber] = element.children;
      element.symbol = id;
      const piece = net().tokens[id];
      const over = piece === net().end || net().mute.has(piece);
      spell(name, piece, true);
      track.firstChild.style.setProperty("--p", a.p[id] / top);
      number.textContent = percent(a.p[id]);
      bits.textContent = inBits(-Math.log2(a.p[id]));
      bits.hidden = second.hidden = secondNumber.hidden = false;
      bits.hidden = both;
      second.hidden = secondNumber.hidden = !both;
      second.firstChild.style.setProperty("--p", both && !veiled ? b.p[id] / top : 0);
      secondNumber.textContent = both ? (veiled ? "?" : percent(b.p[id])) : "";
      element.setAttribute("aria-disabled", String(over));
      const said = [say(piece)[1], percent(a.p[id]), both ? (veiled ? "?" : percent(b.p[id])) : T.inBits(bits.textContent)];
      element.setAttribute("aria-label", said.join(", "));
    });
    const focused = [...bars.children].findIndex((item) => item.contains(document.activeElement));
    while (bars.children.length > ids.length) bars.lastChild.remove();
    const buttons = [...bars.querySelectorAll("button")];
    oneStop(buttons, 0);
    if (focused >= 0 && !buttons[focused]) (buttons.at(-1) ?? resetButton).focus();
    veil.hidden = !both || !veiled;
    heads.hidden = !both;
    const ending = (i) => spelled(h("span"), join(lines[i].shown.slice(0, place(lines[i])), net().unit).slice(-24) || "▸", 99);
    heads.replaceChildren(ending(0), ending(1));
    const temperature = model.get("temperature");
    nextTitle.replaceChildren(h("span", {}, T.next), ...(temperature === 1 ? [] : [h("small", {}, T.at(temperature.toFixed(1)))]),
      ...(both ? [] : [h("small", { className: "lmr-unit" }, T.bits)]));
    nextBox.dataset.from = now(lines[0]) ? "model" : "stored";
  }

  function drawControls() {
    markTab(tabs, panel, tab());
    compareButton.setAttribute("aria-pressed", String(paired()));
    const temperature = model.get("temperature");
    hotness.value = temperature;
    hotnessShown.textContent = temperature.toFixed(1);
    el.style.setProperty("--cold", Math.max(0, 1 - temperature));
    el.style.setProperty("--hot", Math.max(0, Math.min(1, temperature - 1)));
    if (document.activeElement !== seed) seed.value = model.get("seed");
    const options = [...VALUES[net().cell]];
    if (shows.childElementCount !== options.length) shows.replaceChildren(...options.map((value) => new Option(T.names[value], value)));
    shows.value = show();
    shows.disabled = options.length === 1;
    layerLabel.hidden = depth() === 1;
    if (layers.childElementCount !== depth()) layers.replaceChildren(...Array.from({ length: depth() }, (_, k) => new Option(String(k), k)));
    layers.value = layer();
    for (const input of orders.querySelectorAll("input")) input.checked = input.value === sorted;
    const most = span();
    const gate = GATES.includes(show());
    scale.classList.toggle("lmr-gate", gate);
    scale.firstChild.textContent = gate ? T.gate[0] : `−${most}`;
    scale.lastChild.textContent = gate ? T.gate[1] : `+${most}`;
    backButton.setAttribute("aria-disabled", String(place(line()) === 0));
    onButton.setAttribute("aria-disabled", String(place(line()) >= line().shown.length));
    const set = (element, name, text, pressed) => {
      element.replaceChildren(icon(pressed ? "stop" : name), h("span", {}, pressed ? T.stop : text));
      element.setAttribute("aria-pressed", String(pressed));
    };
    set(playButton, "play", T.play, doing === "play");
    set(writeButton, "pen", T.write, doing === "write");
    const stray = [...new Set(lines.flatMap((each, i) => (i && !paired() ? [] : (each.stray ?? []))))];
    const notes = [];
    if (stray.length) notes.push(T.stray(stray.slice(0, 5).map((piece) => `“${say(piece)[0]}”`).join(" ")));
    if (lines.some((each, i) => each.long && (!i || paired()))) notes.push(T.long(LONGEST));
    if (complaint.textContent !== notes.join(" ")) complaint.textContent = notes.join(" ");
  }

  function update() {
    lines.forEach((_, i) => drawTokens(i));
    drawControls();
    drawBars();
    drawHeat();
    drawUnit();
  }
  function fresh() {
    begin();
    drawExamples();
    update();
  }

  let examplesOf = -1;
  const changed = () => {
    if (own) return;
    const texts = [model.get("text"), model.get("other") ?? ""];
    if (examplesOf !== tab() || lines.some((each, i) => join(each.pieces, net().unit) !== texts[i])) {
      examplesOf = tab();
      fresh();
    } else {
      lines[0].at = model.get("step");
      update();
    }
  };
  const traits = ["tab", "text", "other", "step", "unit", "layer", "show", "temperature", "seed"].map((name) => `change:${name}`).join(" ");
  model.on(traits, changed);
  veiled = paired();
  examplesOf = tab();
  fresh();
  const off = onTheme(() => {
    inks = null;
    drawHeat();
    drawUnit();
  });
  const sized = new ResizeObserver(() => drawStrip(order().indexOf(chosen())));
  sized.observe(panel);

  return () => {
    halt();
    off();
    sized.disconnect();
    release();
    model.off(traits, changed);
  };
}

export default { render };
