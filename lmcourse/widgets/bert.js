// A BERT that runs in a page (lmcourse/bert.py). base.py puts this text in the place of the line that imports it; a widget
// imports transformers.js, and what that needs, before it. Tested in node against torch.

/** A BERT from what fill_mask.py ships and its inflated bytes. */
export function openBert(shipped, data) {
  const { tokens, shapes } = readTokens({ data });
  const ids = new Map(tokens.map((token, i) => [token, i]));
  return { ...shipped, tokens, ids, weights: readWeights({ shapes, bits: 8, data }) };
}

/** Read ids and the segments they are in: the states of the last layer. All see each other. */
export function readBert(net, ids, segments) {
  const { layers, heads } = net.sides.encoder;
  const [words, places, sides] = ["words", "places", "segments"].map((name) => net.weights[`bert.${name}.weight`]);
  let rows = ids.map((id, t) => {
    const [place, side] = [places && embed(places, t), embed(sides, segments[t])]; // no table where the heads turn
    return Float64Array.from(embed(words, id), (v, k) => v + side[k] + (place?.[k] ?? 0));
  }).map(normOf(net, "encoder", "bert.norm"));
  for (let n = 0; n < layers; n++) {
    const name = `bert.layers.${n}`;
    const [looks] = empty(1, heads);
    rows = lookBack(net, "encoder", rows, name, { keys: [], values: [] }, new Set(), looks);
    rows = think(net, "encoder", rows, name, "norm2");
  }
  return rows;
}

const dense = ({ weights }, name, row) => linear(weights[`${name}.weight`], row, weights[`${name}.bias`]);

/** What a state says of the token in its place: ln p of each. */
export function fillBert(net, state) {
  const bent = dense(net, "transform", state).map(ACTIVATIONS[net.sides.encoder.activation]);
  return logsOf(linear(net.weights["bert.words.weight"], normOf(net, "encoder", "norm")(bent), net.weights.bias));
}

/** What the state of [CLS] says: the probability that the second text follows the first. */
export const judgeBert = (net, state) => Math.exp(logsOf(dense(net, "follows", dense(net, "bert.pooler", state).map(Math.tanh)))[0]);
