// A translator that runs in a page: an encoder and a decoder, with attention or without, its searches, and what it cuts
// texts into. base.py puts this text in the place of the line that imports it; a widget imports networks.js and pieces.js
// before it. Tested in node against torch and Python.

// ---------------------------------------------------------------- network

/** Bytes that zlib has compressed. */
export async function inflate(view) {
  const bytes = new Uint8Array(view.buffer ?? view, view.byteOffset ?? 0, view.byteLength);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new DataView(await new Response(stream).arrayBuffer());
}

/** A network from what translation.py ships and its inflated bytes. */
export function open(shipped, data) {
  const found = readTokens({ data });
  const index = (tokens) => new Map(tokens.map((token, i) => [token, i]));
  const ids = [index(found.source), index(found.target)];
  const costs = new Map(found.source.map((token, i) => [token, found.cost[i]]));
  for (const mark of ["<pad>", "<unk>", "<s>", "</s>"]) costs.delete(mark);
  return {
    ...shipped, ...found, ids, costs,
    most: found.source.reduce((most, token) => Math.max(most, token.length), 1),
    weights: readWeights({ shapes: shipped.shapes, bits: 8, data }),
    bos: ids[1].get("<s>"),
    eos: ids[1].get("</s>"),
  };
}

const embed = ({ columns, values }, id) => values.subarray(id * columns, (id + 1) * columns);
const KINDS = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"];

/** One step of a recurrent network. */
function advance(weights, prefix, end, cell, x, old) {
  const [ih, hh, bih, bhh] = KINDS.map((kind) => weights[`${prefix}.rnn.${kind}_l0${end}`]);
  const zeros = () => new Float64Array(hh.columns);
  const before = old ?? { h: zeros(), c: zeros() };
  return STEPS[cell](linear(ih, x, bih), linear(hh, before.h, bhh), before);
}

/**
 * Read, and leave a memory: for each direction the state after 0, 1, ... S pieces (states), the context made of the last
 * ones, and for a decoder with attention what it can look at: at each place both directions side by side (places), and
 * what of the scores can be computed before the first query (keys).
 */
export function encode({ weights, cells, score }, ids) {
  const directions = ["", "_reverse"].filter((end) => weights[`encoder.rnn.weight_hh_l0${end}`]);
  const states = directions.map((end) => {
    const zeros = new Float64Array(weights[`encoder.rnn.weight_hh_l0${end}`].columns);
    const all = [{ h: zeros, c: zeros }];
    for (const id of end ? [...ids].reverse() : ids) {
      all.push(advance(weights, "encoder", end, cells[0], embed(weights["encoder.front.embedding.weight"], id), all.at(-1)));
    }
    return all.map((state) => state.h);
  });
  const context = Float64Array.from(states.flatMap((all) => [...all.at(-1)]));
  if (!score) return { states, context };
  const places = ids.map((_, s) => Float64Array.from([...states[0][s + 1], ...(states[1]?.[ids.length - s] ?? [])]));
  const key = weights["decoder.score.key.weight"];
  const keys = key ? places.map((place) => linear(key, place, weights["decoder.score.key.bias"] ?? nought(key))) : places;
  return { states, context, places, keys };
}

const nought = ({ rows }) => ({ values: new Float64Array(rows) });
const dot = (a, b) => a.reduce((sum, v, k) => sum + v * b[k], 0);

/** How well each key fits the query, by the three scores of lmcourse/attention.py. */
function scores({ weights, score }, query, keys) {
  if (score !== "additive") return keys.map((key) => dot(query, key));
  const turned = linear(weights["decoder.score.query.weight"], query, nought(weights["decoder.score.query.weight"]));
  const { values } = weights["decoder.score.score.weight"];
  return keys.map((key) => key.reduce((sum, v, k) => sum + values[k] * Math.tanh(v + turned[k]), 0));
}

/** Weights from scores: exp(e) over its sum where there may be weight, and 0 elsewhere. Nowhere means all 0. */
export function softmaxWhere(list, mask) {
  const most = list.reduce((top, e, s) => (mask[s] ? Math.max(top, e) : top), -Infinity);
  const raised = Float64Array.from(list, (e, s) => (mask[s] ? Math.exp(e - most) : 0));
  const sum = raised.reduce((a, b) => a + b, 0);
  return sum ? raised.map((x) => x / sum) : raised;
}

/**
 * One look at the memory: the weights of the places and the context that they make, or of a decoder without attention the
 * context that it always gets. A look may be changed: mask (where there may be weight), sharpness (the power to which the
 * weights are raised before they are made to sum to 1).
 */
export function look(net, memory, query, { mask = [], sharpness = 1 } = {}) {
  if (!net.score) return { context: memory.context, weights: null };
  const fit = scores(net, query, memory.keys).map((e) => e * sharpness);
  const weights = softmaxWhere(fit, fit.map((_, s) => mask[s] ?? true));
  const context = memory.context.map((_, k) => memory.places.reduce((sum, place, s) => sum + weights[s] * place[k], 0));
  return { context, weights };
}

/** The first state of the decoder. */
export function start({ weights }, { context }) {
  const [first, c] = [0, 1].map((part) => {
    const weight = weights[`decoder.bridge.${part}.weight`];
    return weight && linear(weight, context, weights[`decoder.bridge.${part}.bias`]);
  });
  return { h: first.map(Math.tanh), c };
}

/** One token more: the new state, ln p of each token to come next, and the weights of the look before (or null). */
export function step(net, memory, state, id, change) {
  const { weights, cells } = net;
  const seen = look(net, memory, state.h, change);
  const x = Float64Array.from([...embed(weights["decoder.embedding.weight"], id), ...seen.context]);
  const next = advance(weights, "decoder", "", cells[1], x, state);
  const points = linear(weights["decoder.output.weight"] ?? weights["decoder.embedding.weight"], next.h, weights["decoder.bias"]);
  const most = points.reduce((a, b) => Math.max(a, b), -Infinity);
  const sum = most + Math.log(points.reduce((total, s) => total + Math.exp(s - most), 0));
  return { state: next, logs: points.map((s) => s - sum), weights: seen.weights };
}

const best = (logs) => logs.reduce((top, x, id) => (x > logs[top] ? id : top), 0);

/** The ids of the n largest numbers, the largest first. */
function likeliest(logs, n) {
  const top = [];
  logs.forEach((x, id) => {
    if (top.length === n && x <= logs[top[n - 1]]) return;
    let place = top.length;
    while (place && logs[top[place - 1]] < x) place--;
    top.splice(place, 0, id);
    top.length = Math.min(top.length, n);
  });
  return top;
}

/** Write, the likeliest token at every step, after what is forced: [{id, logs, best, weights}]. changes(n) is of step n. */
export function greedy(net, memory, forced = [], changes = () => undefined) {
  const steps = [];
  let [state, last] = [start(net, memory), net.bos];
  while (steps.length < net.max_length && last !== net.eos) {
    const next = step(net, memory, state, last, changes(steps.length));
    const top = best(next.logs);
    last = forced[steps.length] ?? top;
    state = next.state;
    steps.push({ id: last, logs: next.logs, best: top, weights: next.weights });
  }
  return steps;
}

/** Beam search as lmcourse.seq2seq does it: what has ended, the best first, and all nodes level by level. */
export function search(net, memory, beam, penalty) {
  let alive = [{ id: net.bos, parent: null, total: 0, state: start(net, memory), ids: [], attention: [] }];
  const [done, levels] = [[], []];
  let length = 0;
  while (length < net.max_length) {
    length++;
    const all = alive.flatMap((parent, k) => {
      const { state, logs, weights } = step(net, memory, parent.state, parent.id);
      return likeliest(logs, 2 * beam).map((id) => ({ id, k, parent, total: parent.total + logs[id], state, weights }));
    });
    const both = all.sort((a, b) => b.total - a.total || a.k - b.k || a.id - b.id).slice(0, 2 * beam);
    const ended = both.slice(0, beam).filter((node) => node.id === net.eos).slice(0, beam - done.length);
    for (const node of both) node.attention = node.weights && [...node.parent.attention, node.weights];
    for (const node of ended) {
      Object.assign(node, { ended: true, ids: node.parent.ids, score: node.total / length ** penalty });
      done.push(node);
    }
    const kept = both.filter((node) => node.id !== net.eos).slice(0, beam);
    for (const node of kept) node.ids = [...node.parent.ids, node.id];
    const over = done.length === beam || !kept.length;
    levels.push([...ended, ...(over ? [] : kept)].sort((a, b) => b.total - a.total));
    alive = kept;
    if (over) break;
  }
  if (!done.length) for (const node of alive) done.push(Object.assign(node, { score: node.total / length ** penalty }));
  done.sort((a, b) => b.score - a.score);
  return { done, levels };
}

// ---------------------------------------------------------------- text

export const LONGEST = 100; // pieces that are read
const UNKNOWN = -30;

/** The likeliest way to cut an eojeol into known pieces; what none covers stays whole. */
export function bestCut(eojeol, costs, most) {
  const atoms = eojeol.match(/^▁?(?:▔[0-9a-f]{1,6}▔|.)|▔[0-9a-f]{1,6}▔|./gsu) ?? [];
  const ways = [[0, 0, true]];
  for (let end = 1; end <= atoms.length; end++) {
    let found = null;
    for (let from = Math.max(0, end - most); from < end; from++) {
      const cost = costs.get(atoms.slice(from, end).join(""));
      const score = cost === undefined ? null : ways[from][0] + cost;
      if (score !== null && (!found || score > found[0] + 1e-9)) found = [score, from, true];
    }
    const stray = ways[end - 1][0] + UNKNOWN;
    ways.push(!found || stray > found[0] + 1e-9 ? [stray, end - 1, false] : found);
  }
  const pieces = [];
  let open = false;
  for (let end = atoms.length; end; ) {
    const [, from, known] = ways[end];
    const piece = atoms.slice(from, end).join("");
    if (!known && open) pieces[0] = piece + pieces[0];
    else pieces.unshift(piece);
    [open, end] = [!known, from];
  }
  return pieces;
}

/** The pieces of a text. */
export const cut = ({ source_unit, costs, most }, text) =>
  source_unit === "morpheme" ? split(text, "eojeol").flatMap((eojeol) => bestCut(eojeol, costs, most)) : split(text, source_unit);

/** The text of some ids, without marks. */
export const textOf = (net, ids) => {
  const pieces = ids.map((id) => net.target[id]).filter((piece) => !["<pad>", "<unk>", "<s>", "</s>"].includes(piece));
  return join(pieces, net.target_unit === "morpheme" ? "eojeol" : net.target_unit);
};

/** What a piece looks like and how it is read out; the marks have signs. */
export function nameOf(piece, { end, start: beginning }) {
  if (piece === "</s>") return ["■", end];
  if (piece === "<s>") return ["▸", beginning];
  if (piece === "<unk>" || piece === "<pad>") return [piece, piece];
  const plain = (piece === "▁" ? "␣" : join([piece], "word")) || "∅";
  return [plain, plain];
}
