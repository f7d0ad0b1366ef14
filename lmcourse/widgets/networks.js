// Networks that run in a page: their weights out of the bytes that networks.py packs, and the arithmetic of a step.
// base.py puts this text in the place of the line that imports it.

/** The number that 16 bits of floating point stand for. */
export function fromHalf(bits) {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const size = exponent ? 2 ** (exponent - 25) * (1024 + fraction) : 2 ** -24 * fraction;
  return bits & 0x8000 ? -size : size;
}

/** The vocabulary of a model, which its bytes begin with (lmcourse/widgets/recurrent.py describes them). */
export function readTokens({ data }) {
  const view = new DataView(data.buffer ?? data, data.byteOffset ?? 0, data.byteLength);
  const length = view.getUint32(0, true);
  return JSON.parse(new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + 4, length)));
}

/** The arrays of a model by name, each {rows, columns, values}. */
export function readWeights({ shapes, bits, data }) {
  const view = new DataView(data.buffer ?? data, data.byteOffset ?? 0, data.byteLength);
  let at = 4 + view.getUint32(0, true);
  const half = () => {
    at += 2;
    return fromHalf(view.getUint16(at - 2, true));
  };
  const weights = {};
  for (const [name, shape] of shapes) {
    const columns = shape.at(-1);
    const values = new Float32Array(shape.reduce((a, b) => a * b));
    if (bits < 16 && shape.length === 2) {
      const scales = Array.from({ length: shape[0] }, half);
      let [store, left] = [0, 0];
      for (let i = 0; i < values.length; i++) {
        for (; left < bits; left += 8) store = ((store << 8) | view.getUint8(at++)) & 0xffff;
        left -= bits;
        values[i] = scales[Math.floor(i / columns)] * (((store >> left) & (2 ** bits - 1)) - 2 ** (bits - 1) + 1);
      }
    } else {
      for (let i = 0; i < values.length; i++) values[i] = half();
    }
    weights[name] = { rows: values.length / columns, columns, values };
  }
  return weights;
}

/** W x + b. */
function linear({ rows, columns, values }, x, bias) {
  const y = Float64Array.from(bias.values);
  for (let r = 0, k = 0; r < rows; r++) {
    let sum = 0;
    for (let i = 0; i < columns; i++, k++) sum += values[k] * x[i];
    y[r] += sum;
  }
  return y;
}

const sigmoid = (x) => 1 / (1 + Math.exp(-x));

// One step of each cell, from W x + b and U h + b' and the old state to the new one and all that made it.
const STEPS = {
  rnn: (x, u) => ({ h: u.map((v, k) => Math.tanh(x[k] + v)) }),
  gru: (x, u, old) => {
    const n = old.h.length;
    const gates = x.map((v, k) => (k < 2 * n ? sigmoid(v + u[k]) : 0));
    const [r, z] = [gates.slice(0, n), gates.slice(n, 2 * n)];
    const fresh = r.map((v, k) => Math.tanh(x[2 * n + k] + v * u[2 * n + k]));
    return { h: fresh.map((v, k) => v + z[k] * (old.h[k] - v)), r, z, n: fresh };
  },
  lstm: (x, u, old) => {
    const n = old.h.length;
    const all = x.map((v, k) => (Math.floor(k / n) === 2 ? Math.tanh(v + u[k]) : sigmoid(v + u[k])));
    const [i, f, g, o] = [0, 1, 2, 3].map((part) => all.slice(part * n, (part + 1) * n));
    const c = i.map((v, k) => f[k] * old.c[k] + v * g[k]);
    return { h: c.map((v, k) => o[k] * Math.tanh(v)), c, i, f, g, o };
  },
};

export { linear, sigmoid, STEPS };
