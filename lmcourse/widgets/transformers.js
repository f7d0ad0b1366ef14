// A Transformer that runs in a page: a translator of encoder and decoder, or a language model of stories, with heads that can
// be switched off. base.py puts this text in the place of the line that imports it; a widget imports networks.js, pieces.js
// and translator.js before it. Tested in node against torch and Python. Rows are arrays of D numbers.

/** A network from what transformer.py ships and its inflated bytes. A story model has one vocabulary for both sides. */
export function openTransformer(shipped, data) {
  const { shapes } = readTokens({ data }); // they are among the words
  const net = open({ ...shipped, shapes }, data);
  if (net.kind === "translator") return net;
  const [ids] = net.ids;
  return { ...net, target: net.source, ids: [ids, ids], bos: ids.get("<s>"), eos: ids.get("</s>") };
}

/** The parts that have heads: [name, layers, heads]. */
export const partsOf = ({ kind, sides }) =>
  (kind === "story" ? ["decoder"] : ["encoder", "decoder", "cross"]).map((part) => {
    const { layers, heads } = sides[part === "encoder" ? "encoder" : "decoder"];
    return [part, layers, heads];
  });

const STORY_END = new RegExp(`(?<=[.!?])[${BLANK}]+`, "u");
const EDGES = new RegExp(`^[${BLANK}]+|[${BLANK}]+$`, "gu");

/** The pieces of a text; of a story with <s>, and </s> after each sentence. */
export function cutText(net, text) {
  if (net.kind === "translator") return cut(net, text);
  const bare = text.replace(EDGES, "");
  const sentences = bare ? bare.split(STORY_END) : [];
  return ["<s>", ...sentences.flatMap((each) => [...cut(net, each).slice(0, LONGEST), ...(/[.!?]$/.test(each) ? ["</s>"] : [])])];
}

// ---------------------------------------------------------------- layers

/** e^(-x^2) in a series all of whose terms are positive; beyond 6 nothing is missing to 1. */
function erf(x) {
  if (Math.abs(x) > 6) return Math.sign(x);
  let [term, sum] = [x, x];
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) sum += term *= (2 * x * x) / (2 * n + 1);
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}
export const ACTIVATIONS = { relu: (x) => Math.max(x, 0), gelu: (x) => (x * (1 + erf(x / Math.SQRT2))) / 2 };

/** The normalisation of a name, from row to row; none where there are no weights for it. */
function normOf({ weights, sides }, side, name) {
  if (!weights[`${name}.weight`]) return (row) => row;
  const [scale, shift] = [weights[`${name}.weight`].values, weights[`${name}.bias`].values];
  return (row) => {
    const mean = row.reduce((a, b) => a + b, 0) / row.length;
    const spread = row.reduce((sum, v) => sum + (v - mean) ** 2, 0) / row.length;
    const size = 1 / Math.sqrt(spread + sides[side].eps);
    return row.map((v, k) => (v - mean) * size * scale[k] + shift[k]);
  };
}

/** The road straight through: rows and what a part adds to them, normalised before or behind. */
function addTo(net, side, rows, name, part) {
  const norm = normOf(net, side, name);
  const first = net.sides[side].norm_first;
  const added = part(first ? rows.map(norm) : rows);
  const sums = rows.map((row, t) => row.map((v, k) => v + added[t][k]));
  return first ? sums : sums.map(norm);
}

/** One of the three matrices in in_proj: 0 queries, 1 keys, 2 values. */
function project({ weights }, name, n, rows) {
  const { columns, values } = weights[`${name}.in_proj_weight`];
  const matrix = { rows: columns, columns, values: values.subarray(n * columns * columns, (n + 1) * columns * columns) };
  const bias = { values: weights[`${name}.in_proj_bias`].values.subarray(n * columns, (n + 1) * columns) };
  return rows.map((row) => linear(matrix, row, bias));
}

/** Each pair of numbers of each head turned by the angle of its place. */
function turned(row, place, heads) {
  const size = row.length / heads;
  return row.map((v, k) => {
    const i = k % size;
    const angle = place / 10000 ** ((i - (i % 2)) / size);
    return i % 2 ? row[k - 1] * Math.sin(angle) + v * Math.cos(angle) : v * Math.cos(angle) - row[k + 1] * Math.sin(angle);
  });
}

/**
 * What H heads add to rows that look at keys and values, row t at the first seen(t) of them. looks gets for each head a list
 * of weights for each row. What heads that are off give is 0.
 */
function headsOver({ weights }, name, heads, queries, { keys, values }, seen, off, looks) {
  return queries.map((query, t) => {
    const size = query.length / heads;
    const mixed = new Float64Array(query.length);
    for (let head = 0; head < heads; head++) {
      const row = new Float64Array(seen(t));
      const from = head * size;
      let [most, sum] = [-Infinity, 0];
      for (let s = 0; s < row.length; s++) {
        const key = keys[s];
        let fit = 0;
        for (let k = from; k < from + size; k++) fit += query[k] * key[k];
        most = Math.max(most, (row[s] = fit / Math.sqrt(size)));
      }
      for (let s = 0; s < row.length; s++) sum += row[s] = Math.exp(row[s] - most);
      for (let s = 0; s < row.length; s++) row[s] /= sum;
      looks[head].push(row);
      if (off.has(head)) continue;
      for (let s = 0; s < row.length; s++) {
        const value = values[s];
        for (let k = from; k < from + size; k++) mixed[k] += row[s] * value[k];
      }
    }
    return linear(weights[`${name}.out_proj.weight`], mixed, weights[`${name}.out_proj.bias`]);
  });
}

/** Self-attention of a layer: rows to rows. past {keys, values} grows; in the encoder all rows see each other. */
function lookBack(net, side, rows, name, past, off, looks) {
  const { heads, positions } = net.sides[side];
  return addTo(net, side, rows, `${name}.norm1`, (xs) => {
    const start = past.keys.length;
    const turn = (all) => (positions === "rotary" ? all.map((row, t) => turned(row, start + t, heads)) : all);
    const [queries, keys, values] = [0, 1, 2].map((n) => project(net, `${name}.self_attn`, n, xs));
    past.keys.push(...turn(keys));
    past.values.push(...values);
    const seen = (t) => (side === "encoder" ? past.keys.length : start + t + 1);
    return headsOver(net, `${name}.self_attn`, heads, turn(queries), past, seen, off, looks);
  });
}

/** The network at each place. */
function think(net, side, rows, name, norm) {
  const { weights, sides } = net;
  const bend = ACTIVATIONS[sides[side].activation];
  const [w1, b1, w2, b2] = ["linear1.weight", "linear1.bias", "linear2.weight", "linear2.bias"].map((part) => weights[`${name}.${part}`]);
  return addTo(net, side, rows, `${name}.${norm}`, (xs) => xs.map((row) => linear(w2, linear(w1, row, b1).map(bend), b2)));
}

/** Tokens with their places, the first of them at start. */
function embedded(net, side, table, ids, name, start) {
  const { positions } = net.sides[side];
  const factor = side === "decoder" ? Math.sqrt(table.columns) : 1;
  return ids.map((id, t) => {
    const row = Float64Array.from(embed(table, id), (v) => v * factor);
    if (positions === "learned") return row.map((v, k) => v + embed(net.weights[`${name}.table.weight`], start + t)[k]);
    if (positions !== "sinusoidal") return row;
    return row.map((v, k) => {
      const angle = (start + t) / 10000 ** ((k - (k % 2)) / row.length);
      return v + (k % 2 ? Math.cos(angle) : Math.sin(angle));
    });
  });
}

// ---------------------------------------------------------------- reading and writing

const empty = (layers, heads) => Array.from({ length: layers }, () => Array.from({ length: heads }, () => []));
/** The heads of a layer that are off, of triples [part, layer, head]. */
const offIn = (off, part, layer) => new Set(off.filter(([p, l]) => p === part && l === layer).map(([, , head]) => head));

/** Read a source: its states, and where each head of each layer looks (a list of weights for each row). */
export function readSource(net, ids, off = []) {
  const { layers, heads } = net.sides.encoder;
  const looks = empty(layers, heads);
  let rows = embedded(net, "encoder", net.weights["encoder.front.embedding.weight"], ids, "encoder.positions", 0);
  for (let n = 0; n < layers; n++) {
    const name = `encoder.layers.${n}`;
    rows = lookBack(net, "encoder", rows, name, { keys: [], values: [] }, offIn(off, "encoder", n), looks[n]);
    rows = think(net, "encoder", rows, name, "norm2");
  }
  return { states: rows.map(normOf(net, "encoder", "encoder.norm")), looks };
}

/** A decoder that has written nothing yet; of a translator with what it reads in a source. */
export function beginWriting(net, memory, off = []) {
  const { layers, heads } = net.sides.decoder;
  const prefix = memory ? "decoder." : "";
  const read = Array.from({ length: memory ? layers : 0 }, (_, n) => {
    const name = `${prefix}layers.${n}.multihead_attn`;
    return { keys: project(net, name, 1, memory.states), values: project(net, name, 2, memory.states) };
  });
  const past = Array.from({ length: layers }, () => ({ keys: [], values: [] }));
  return { prefix, off, read, past, own: empty(layers, heads), across: memory ? empty(layers, heads) : null };
}

/** Some tokens more: ln p of each token to come after each of them. The state grows. */
export function write(net, state, ids) {
  const { prefix, off, read, past } = state;
  const { layers, heads } = net.sides.decoder;
  const table = net.weights[`${prefix}embedding.weight`];
  let rows = embedded(net, "decoder", table, ids, `${prefix}embedding.positions`, past[0].keys.length);
  for (let n = 0; n < layers; n++) {
    const name = `${prefix}layers.${n}`;
    rows = lookBack(net, "decoder", rows, name, past[n], offIn(off, "decoder", n), state.own[n]);
    if (read.length) {
      rows = addTo(net, "decoder", rows, `${name}.norm2`, (xs) => {
        const queries = project(net, `${name}.multihead_attn`, 0, xs);
        const seen = () => read[n].keys.length;
        return headsOver(net, `${name}.multihead_attn`, heads, queries, read[n], seen, offIn(off, "cross", n), state.across[n]);
      });
    }
    rows = think(net, "decoder", rows, name, read.length ? "norm3" : "norm2");
  }
  return rows.map(normOf(net, "decoder", `${prefix}norm`)).map((row) => logsOf(linear(table, row, net.weights[`${prefix}bias`])));
}

/** ln p from scores. */
function logsOf(points) {
  const most = points.reduce((a, b) => Math.max(a, b), -Infinity);
  const sum = most + Math.log(points.reduce((total, s) => total + Math.exp(s - most), 0));
  return points.map((s) => s - sum);
}

/** The weights of all heads of a part as one array each, [layer][head], rows * columns, 0 where nobody may look. */
export const spreadLooks = (looks, rows, columns) =>
  looks.map((heads) => heads.map((all) => {
    const weights = new Float32Array(rows * columns);
    all.forEach((row, t) => weights.set(row, t * columns));
    return weights;
  }));

const MORE = 30; // pieces that a story model writes by itself

/**
 * Do what the model does with pieces, some heads off: { output (ids), logs, looks: {part: [layer][head]}, sizes: {part:
 * [rows, columns]} }. A translator writes, or reads a target (ids, </s> the last) along; a story model reads its pieces, and
 * goes on by itself if that is wanted.
 */
export function runText(net, ids, { target = null, off = [], more = true } = {}) {
  const { longest } = net.sides.decoder;
  if (net.kind === "story") {
    const state = beginWriting(net, null, off);
    const logs = write(net, state, ids);
    const looks = { decoder: spreadLooks(state.own, ids.length, ids.length) };
    const output = [];
    const most = more ? Math.min(MORE, longest - ids.length) : 0;
    for (let last = logs.at(-1); output.length < most && output.at(-1) !== net.eos; ) {
      output.push(best(last));
      [last] = write(net, state, output.slice(-1));
    }
    return { output, logs, looks, sizes: { decoder: [ids.length, ids.length] } };
  }
  const memory = readSource(net, ids, off);
  const state = beginWriting(net, memory, off);
  const most = Math.min(net.max_length, longest);
  let [output, logs] = [[], []];
  if (target) {
    output = target.slice(0, most);
    logs = write(net, state, [net.bos, ...output.slice(0, -1)]);
  } else {
    while (output.length < most && output.at(-1) !== net.eos) {
      logs.push(...write(net, state, [output.at(-1) ?? net.bos]));
      output.push(best(logs.at(-1)));
    }
  }
  const [T, S] = [output.length, ids.length];
  const looks = { encoder: spreadLooks(memory.looks, S, S), decoder: spreadLooks(state.own, T, T), cross: spreadLooks(state.across, T, S) };
  return { output, logs, looks, sizes: { encoder: [S, S], decoder: [T, T], cross: [T, S] } };
}

/** How surprised it was by each of the tokens that came: bits. */
export const bitsOf = (logs, ids) => ids.map((id, t) => -logs[t][id] / Math.LN2);
