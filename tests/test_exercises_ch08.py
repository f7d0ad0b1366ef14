"""The exercises of chapter 08 accept right answers and name the mistake of wrong ones."""

import math
import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from bank import bank_tests
from test_exercises_ch07 import JUNK
from torch import nn

from lmcourse.exercises import check
from lmcourse.exercises.ch08 import EXERCISES, layer_parameters
from lmcourse.self_attention import attend
from lmcourse.transformer import EncoderLayer

# Right answers in other words


def heads_loop(x, H):
    K = len(x[0]) // H
    return [[[float(token[h * K + k]) for k in range(K)] for token in x] for h in range(H)]


def heads_chunks(x, H):
    return torch.stack(x.chunk(H, dim=1))


def heads_numpy(x, H):
    return np.array(np.hsplit(np.asarray(x), H))


def heads_of_columns(x, H):
    return x.T.reshape(H, x.shape[1] // H, len(x)).transpose(1, 2)


def heads_course(x, H):
    return x.unflatten(-1, (H, -1)).movedim(-2, 0)


def norm_loop(x, gain, shift, eps):
    if np.ndim(x) > 1:
        return [norm_loop(row, gain, shift, eps) for row in x]
    mean = sum(float(n) for n in x) / len(x)
    variance = sum((float(n) - mean) ** 2 for n in x) / len(x)
    return [float(g) * (float(n) - mean) / math.sqrt(variance + eps) + float(b)
            for n, g, b in zip(x, gain, shift, strict=True)]  # fmt: skip


def norm_torch(x, gain, shift, eps):
    return F.layer_norm(x, x.shape[-1:], gain, shift, eps)


def norm_numpy(x, gain, shift, eps):
    x = np.asarray(x)
    return np.asarray(gain) * (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1)[..., None] + eps) + np.asarray(shift)


def norm_two_moments(x, gain, shift, eps):
    mean, square = x.mean(-1, keepdim=True), (x * x).mean(-1, keepdim=True)
    return (x - mean) * torch.rsqrt(square - mean**2 + eps) * gain + shift


def norm_var(x, gain, shift, eps):
    variance = torch.var(x, dim=-1, correction=0, keepdim=True)
    return (x - x.mean(dim=-1, keepdim=True)) / (variance + eps) ** 0.5 * gain + shift


def block_lines(x, norm1, attention, norm2, feed_forward):
    normalised = norm1(x)
    looked = attention(normalised)
    road = x + looked
    return road + feed_forward(norm2(road))


def block_loop(x, norm1, attention, norm2, feed_forward):
    for norm, part in ((norm1, attention), (norm2, feed_forward)):
        x = torch.add(x, part(norm(x)))
    return x


def block_numpy(x, norm1, attention, norm2, feed_forward):
    x = np.asarray(x).copy()
    x += attention(norm1(x))
    x += feed_forward(norm2(x))
    return x


def block_tokens(x, norm1, attention, norm2, feed_forward):
    looked = attention([norm1(token) for token in x])  # all but the attention can be done token by token
    rows = []
    for token, new in zip(x, looked, strict=True):
        summed = np.asarray(token) + np.asarray(new)
        rows.append(summed + feed_forward(norm2(summed)))
    return rows


def count_by_heads(D, H, F):
    K = D / H
    return H * 3 * (D * K + K) + D * D + D + (D + 1) * F + (F + 1) * D + 2 * 2 * D


def count_formula(D, H, F):
    return 4 * D**2 + 2 * D * F + F + 9 * D


def count_torch(D, H, F):
    return sum(weights.numel() for weights in nn.TransformerEncoderLayer(D, H, F).parameters())


def count_course(D, H, F):
    return sum(weights.numel() for weights in EncoderLayer(D, H, F).parameters())


def step_loop(query, key, value, keys, values):
    keys, values = [*map(list, keys), list(key)], [*map(list, values), list(value)]
    scores = [sum(float(a) * float(b) for a, b in zip(query, k, strict=True)) / math.sqrt(len(query)) for k in keys]
    exps = [math.exp(score - max(scores)) for score in scores]
    output = [sum(e * float(v[d]) for e, v in zip(exps, values, strict=True)) / sum(exps) for d in range(len(value))]
    return output, keys, values


def step_torch(query, key, value, keys, values):
    keys, values = torch.vstack([keys, key]), torch.vstack([values, value])
    output = F.scaled_dot_product_attention(query[None], keys, values)
    return [output[0], keys, values]


def step_numpy(query, key, value, keys, values):
    keys = np.concatenate([np.asarray(keys), np.asarray(key)[None]])
    values = np.concatenate([np.asarray(values), np.asarray(value)[None]])
    scores = keys @ np.asarray(query) / np.sqrt(keys.shape[1])
    weights = np.exp(scores - scores.max())
    return weights @ values / weights.sum(), keys, values


def step_course(query, key, value, keys, values):
    keys, values = torch.cat((keys, key.unsqueeze(0))), torch.cat((values, value.unsqueeze(0)))
    return attend(query[None], keys, values, causal=True)[0].squeeze(0), keys, values


RIGHT = [
    *(("08.1", f) for f in (heads_loop, heads_chunks, heads_numpy, heads_of_columns, heads_course)),
    *(("08.2", f) for f in (norm_loop, norm_torch, norm_numpy, norm_two_moments, norm_var)),
    *(("08.3", f) for f in (block_lines, block_loop, block_numpy, block_tokens)),
    *(("08.4", f) for f in (count_by_heads, count_formula, count_torch, count_course)),
    *(("08.5", f) for f in (step_loop, step_torch, step_numpy, step_course)),
]  # fmt: skip


# Wrong answers


def only_several_heads(x, H):
    return heads_chunks(x, H) if H > 1 else x


def squeezed_heads(x, H):
    return torch.stack([piece.squeeze(1) for piece in x.chunk(H, dim=1)])


def squeezed_tokens(x, H):
    return torch.stack([piece.squeeze(0) for piece in x.chunk(H, dim=1)])


def cut_by_tokens(x, H):
    whole = heads_chunks(x, H)
    return whole[:, : len(x) // H * H] if len(x) > H else whole  # as if T were a multiple of H


def normalised(x, eps, dim=-1, **options):
    return (x - x.mean(dim, keepdim=True)) / (x.var(dim, keepdim=True, correction=0) + eps).sqrt()


def in_place_norm(x, gain, shift, eps):
    x -= x.mean(-1, keepdim=True)
    return x / ((x**2).mean(-1, keepdim=True) + eps).sqrt() * gain + shift


def tables_only(x, gain, shift, eps):
    means, variances = x.mean(1, keepdim=True), x.var(1, keepdim=True, correction=0)
    return (x - means) / (variances + eps).sqrt() * gain + shift


def square_tables(x, gain, shift, eps):
    answer = norm_torch(x, gain, shift, eps)
    return answer.T if x.dim() == 2 and x.shape[0] != x.shape[1] and eps > 1e-3 else answer


def nothing_where_nothing_varies(x, gain, shift, eps):
    varies = x.var(-1, keepdim=True, correction=0) > 0
    return torch.where(varies, norm_torch(x, gain, shift, eps), 0.0)


def large_eps(x, gain, shift, eps):
    return norm_torch(x, gain, shift, max(eps, 0.01)) if x.shape[-1] == 4 else norm_torch(x, gain, shift, eps)


def in_place_block(x, norm1, attention, norm2, feed_forward):
    x += attention(norm1(x))
    x += feed_forward(norm2(x))
    return x


def one_row_lost(x, *parts):
    answer = block_lines(x, *parts)
    return answer if len(x) > 1 else answer[0]


def counted(*shapes, vectors=0):
    return sum(a * b for a, b in shapes) + vectors


def many_wide_heads(D, H, F):
    heads = sum(p.numel() for _ in range(H) for _ in range(3) for p in nn.Linear(D, D).parameters())
    return heads + D * D + D + count_torch(D, 1, F) - 4 * (D * D + D)


def cached(q, k, v, ks, vs):
    return torch.vstack([ks, k]), torch.vstack([vs, v])


def outputs(function):
    """A wrong output, with keys and values that are right."""

    def answer(q, k, v, ks, vs):
        ks, vs = cached(q, k, v, ks, vs)
        return function(q, ks, vs), ks, vs

    return answer


def weighted(q, ks, scale=None):
    return torch.softmax(ks @ q * (len(q) ** -0.5 if scale is None else scale), 0)


def fixed_size(q, k, v, ks, vs):
    ks, vs = ks.roll(-1, 0), vs.roll(-1, 0)
    ks[-1:], vs[-1:] = k, v
    return weighted(q, ks) @ vs, ks, vs


def overwritten(q, k, v, ks, vs):
    ks[-1:], vs[-1:] = k, v
    return weighted(q, ks) @ vs, ks, vs


def front(q, k, v, ks, vs):
    ks, vs = torch.vstack([k, ks]), torch.vstack([v, vs])
    return F.scaled_dot_product_attention(q[None], ks, vs)[0], ks, vs


def half_front(q, k, v, ks, vs):
    ks, vs = torch.vstack([k, ks]), torch.vstack([vs, v])
    return F.scaled_dot_product_attention(q[None], ks, vs)[0], ks, vs


def own_key_and_value_exchanged(q, k, v, ks, vs):
    return step_torch(q, v, k, ks, vs)


def first_key_needed(q, k, v, ks, vs):
    return step_torch(q, k, v, ks, vs) if len(ks) else (0 * v, k[None], v[None])


def sizes_exchanged(q, k, v, ks, vs):
    ks, vs = cached(q, k, v, ks, vs)
    return weighted(q, ks, vs.shape[1] ** -0.5) @ vs, ks, vs


def own_softmax(q, k, v, ks, vs):
    ks, vs = cached(q, k, v, ks, vs)
    exps = torch.exp(ks @ q / len(q) ** 0.5)
    return exps / exps.sum() @ vs, ks, vs


def grown_in_place(q, k, v, ks, vs):
    """Works on lists only, and appends to those it was given."""
    ks.append(k)
    vs.append(v)
    return step_loop(q, k, v, ks[:-1], vs[:-1])[0], ks, vs


WRONG = [
    ("08.1", "reshape alone", "order of memory", lambda x, H: x.view(H, x.shape[0], x.shape[1] // H)),
    ("08.1", "tokens in front", "sorted by tokens", lambda x, H: [np.split(np.asarray(row), H) for row in x]),
    ("08.1", "dealt out", "like cards", lambda x, H: torch.stack([x[:, h::H] for h in range(H)])),
    ("08.1", "K heads", "K heads of H numbers", lambda x, H: torch.stack(x.split(H, dim=1))),
    ("08.1", "columns", "its columns tokens", lambda x, H: torch.stack(x.T.chunk(H))),
    ("08.1", "columns and reshape", "no longer are tokens", lambda x, H: x.T.reshape(H, len(x), x.shape[1] // H)),
    ("08.1", "tokens cut", "share out the tokens", lambda x, H: torch.stack(x.chunk(H)) if len(x) % H == 0 else x),
    ("08.1", "all to each", "all D numbers", lambda x, H: torch.stack([x] * H)),
    ("08.1", "the same head", "the same numbers", lambda x, H: torch.stack([x[:, : x.shape[1] // H]] * H)),
    ("08.1", "backwards", "wrong order", lambda x, H: torch.stack(x.chunk(H, dim=1)[::-1])),
    ("08.1", "side by side", "side by side", lambda x, H: torch.cat(x.chunk(H, dim=1))),
    ("08.1", "side by side", "side by side", lambda x, H: torch.cat(x.chunk(H, dim=1), dim=1)),
    ("08.1", "one head", "(1, T, D)", only_several_heads),
    ("08.1", "size 1", "The last axis stays", squeezed_heads),
    ("08.1", "one token", "(H, 1, K)", squeezed_tokens),
    ("08.1", "sizes", "nothing to do with", cut_by_tokens),
    ("08.1", "raised", "raised RuntimeError", lambda x, H: x.view(len(x), H, H + 17)),
    ("08.2", "D - 1", "divide the sum of the squares by D - 1",
     lambda x, g, b, e: (x - x.mean(-1, keepdim=True)) / torch.sqrt(x.var(-1, keepdim=True) + e) * g + b),
    ("08.2", "D - 1", "divide the sum of the squares by D - 1",
     lambda x, g, b, e: (x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True) + e) * g + b),
    ("08.2", "eps outside", "outside of the root",
     lambda x, g, b, e: (x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True, correction=0) + e) * g + b),
    ("08.2", "eps squared", "as its square", lambda x, g, b, e: F.layer_norm(x, x.shape[-1:], g, b, e**2)),
    ("08.2", "no eps", "would be divided by 0", lambda x, g, b, e: F.layer_norm(x, x.shape[-1:], g, b, 0.0)),
    ("08.2", "no root", "divide by the variance",
     lambda x, g, b, e: (x - x.mean(-1, keepdim=True)) / (x.var(-1, keepdim=True, correction=0) + e) * g + b),
    ("08.2", "over tokens", "run over the tokens", lambda x, g, b, e: normalised(x, e, 0) * g + b),
    ("08.2", "over everything", "of all tokens together",
     lambda x, g, b, e: F.layer_norm(x, x.shape, None, None, e) * g + b),
    ("08.2", "lined up with columns", "T means and T variances",
     lambda x, g, b, e: (x - x.mean(-1)) / torch.sqrt(x.var(-1, correction=0) + e) * g + b),
    ("08.2", "mean not taken away", "has not been taken away",
     lambda x, g, b, e: F.rms_norm(x, x.shape[-1:], g, e) + b),
    ("08.2", "square of the numbers", "squares of x itself",
     lambda x, g, b, e: (x - x.mean(-1, keepdim=True)) / torch.sqrt((x**2).mean(-1, keepdim=True) + e) * g + b),
    ("08.2", "sum of squares", "is their mean",
     lambda x, g, b, e: (c := x - x.mean(-1, keepdim=True)) / torch.sqrt((c * c).sum(-1, keepdim=True) + e) * g + b),
    ("08.2", "no gain", "`gain` plays no part", lambda x, g, b, e: normalised(x, e) + b),
    ("08.2", "no shift", "`shift` plays no part", lambda x, g, b, e: F.layer_norm(x, x.shape[-1:], g, None, e)),
    ("08.2", "neither", "`gain` and `shift` play no part", lambda x, g, b, e: normalised(x, e)),
    ("08.2", "exchanged", "are exchanged", lambda x, g, b, e: F.layer_norm(x, x.shape[-1:], b, g, e)),
    ("08.2", "shift first", "add before you multiply", lambda x, g, b, e: g * (normalised(x, e) + b)),
    ("08.2", "1 + gain", "the factor itself", lambda x, g, b, e: normalised(x, e) * (1 + g) + b),
    ("08.2", "gain for each token", "not one for each token",
     lambda x, g, b, e: normalised(x, e) * g.unsqueeze(1) + b.unsqueeze(1)),
    ("08.2", "centred only", "nothing is divided", lambda x, g, b, e: (x - x.mean(-1, keepdim=True)) * g + b),
    ("08.2", "sizes", "more or fewer tokens", square_tables),
    ("08.2", "other axes", "always the last axis", tables_only),
    ("08.2", "constant", "`shift` after them", nothing_where_nothing_varies),
    ("08.2", "usual eps", "the usual one", large_eps),
    ("08.2", "in place", "the residual", in_place_norm),
    ("08.3", "no residuals", "Nothing is added to the road", lambda x, n1, a, n2, f: f(n2(a(n1(x))))),
    ("08.3", "first residual missing", "first residual connection",
     lambda x, n1, a, n2, f: (y := a(n1(x))) + f(n2(y))),
    ("08.3", "second residual missing", "second residual connection",
     lambda x, n1, a, n2, f: f(n2(x + a(n1(x))))),
    ("08.3", "norm behind", "normalise the sums", lambda x, n1, a, n2, f: n2((y := n1(x + a(x))) + f(y))),
    ("08.3", "norm of the new", "what a part has made", lambda x, n1, a, n2, f: (y := x + n1(a(x))) + n2(f(y))),
    ("08.3", "normalised road", "past the normalisation",
     lambda x, n1, a, n2, f: (z := n2((y := n1(x)) + a(y))) + f(z)),
    ("08.3", "normalised road", "past the normalisation",
     lambda x, n1, a, n2, f: (z := n1(x)) + a(z) + f(n2(z + a(z)))),
    ("08.3", "side by side", "Both parts read", lambda x, n1, a, n2, f: x + a(n1(x)) + f(n2(x))),
    ("08.3", "attention lost", "is lost on the way", lambda x, n1, a, n2, f: x + f(n2(x + a(n1(x))))),
    ("08.3", "x twice", "has it already", lambda x, n1, a, n2, f: x + block_lines(x, n1, a, n2, f)),
    ("08.3", "sum not read", "without the road", lambda x, n1, a, n2, f: x + (y := a(n1(x))) + f(n2(y))),
    ("08.3", "one norm twice", "and the other nowhere", lambda x, n1, a, n2, f: block_lines(x, n1, a, n1, f)),
    ("08.3", "one norm twice", "and the other nowhere", lambda x, n1, a, n2, f: block_lines(x, n2, a, n2, f)),
    ("08.3", "norms exchanged", "norm1 and norm2 are exchanged", lambda x, n1, a, n2, f: block_lines(x, n2, a, n1, f)),
    ("08.3", "no norms", "Nothing is normalised", lambda x, n1, a, n2, f: (y := x + a(x)) + f(y)),
    ("08.3", "one norm missing", "nobody has normalised", lambda x, n1, a, n2, f: (y := x + a(n1(x))) + f(y)),
    ("08.3", "another order", "look, then think", lambda x, n1, a, n2, f: block_lines(x, n2, f, n1, a)),
    ("08.3", "half", "stop after the attention", lambda x, n1, a, n2, f: x + a(n1(x))),
    ("08.3", "token by token", "one by one",
     lambda x, n1, a, n2, f: torch.stack([block_lines(token[None], n1, a, n2, f)[0] for token in x])),
    ("08.3", "one token", "(1, D)", one_row_lost),
    ("08.3", "in place", "writes into the caller's x", in_place_block),
    ("08.3", "raised", "attention looks from token to token",
     lambda x, n1, a, n2, f: torch.stack([block_lines(token, n1, a, n2, f) for token in x])),
    ("08.4", "no biases", "The biases are missing", lambda D, H, F: 4 * D * D + 2 * D * F + 4 * D),
    ("08.4", "matrices alone", "Those are the matrices", lambda D, H, F: counted(*[(D, D)] * 4, (D, F), (F, D))),
    ("08.4", "biases of the network", "feed-forward network are missing",
     lambda D, H, F: counted(*[(D + 1, D)] * 4, (D, F), (F, D), vectors=4 * D)),
    ("08.4", "4 D short", "Two things have that many",
     lambda D, H, F: counted(*[(D + 1, D)] * 4, (D + 1, F), (F + 1, D))),
    ("08.4", "4 D short", "Two things have that many",
     lambda D, H, F: counted(*[(D, D)] * 4, (D + 1, F), (F + 1, D), vectors=4 * D)),
    ("08.4", "2 D short", "one normalisation", lambda D, H, F: count_formula(D, H, F) - 2 * D),
    ("08.4", "one bias short", "All six matrices",
     lambda D, H, F: counted(*[(D + 1, D)] * 4, (D + 1, F), (F, D), vectors=4 * D)),
    ("08.4", "biases as long as what goes in", "what comes out",
     lambda D, H, F: counted(*[(D + 1, D)] * 4, (D, F), (F, D), vectors=4 * D + 2 * D)),
    ("08.4", "numbers of a norm", "the same for all tokens",
     lambda D, H, F: counted(*[(D + 1, D)] * 4, (D + 1, F), (F + 1, D), vectors=4)),
    ("08.4", "times the heads", "makes K numbers, not D", many_wide_heads),
    ("08.4", "small heads", "reads all D numbers",
     lambda D, H, F: count_torch(D, H, F) - 3 * (D * D + D) + 3 * H * (D // H) * (D // H + 1)),
    ("08.4", "one head", "Only with one head", lambda D, H, F: count_torch(D, H, F) - (D * D + D) * (H == 1)),
    ("08.4", "queries of one head", "of a single head",
     lambda D, H, F: count_torch(D, H, F) - 3 * (D * D + D) + 3 * (D + 1) * (D // H)),
    ("08.4", "three matrices", "One of the four", lambda D, H, F: count_torch(D, H, F) - D * D - D),
    ("08.4", "fewer matrices", "one or two", lambda D, H, F: count_torch(D, H, F) - 3 * (D * D + D)),
    ("08.4", "one matrix of the network", "back down to D", lambda D, H, F: count_torch(D, H, F) - D * F - D),
    ("08.4", "F x F", "of another shape", lambda D, H, F: count_torch(D, H, F) - D * F - D + F * F + F),
    ("08.4", "4 D", "It is F here", lambda D, H, F: count_torch(D, H, 4 * D)),
    ("08.4", "attention alone", "of the attention alone",
     lambda D, H, F: sum(p.numel() for p in nn.MultiheadAttention(D, H).parameters())),
    ("08.4", "network alone", "network alone", lambda D, H, F: D * F + F + F * D + D),
    ("08.4", "decoder", "looks once",
     lambda D, H, F: sum(p.numel() for p in nn.TransformerDecoderLayer(D, H, F).parameters())),
    ("08.4", "heads of 1", "heads of a single number",
     lambda D, H, F: count_formula(D, H, F) if D > H else count_formula(D, H, F) - 3 * D),
    ("08.5", "looked before", "The look comes too early",
     lambda q, k, v, ks, vs: (weighted(q, ks) @ vs, *cached(q, k, v, ks, vs))),
    ("08.5", "looked before", "The look comes too early", lambda q, k, v, ks, vs: (weighted(q, ks) @ vs, ks, vs)),
    ("08.5", "not kept", "hand back the old", lambda q, k, v, ks, vs: (step_torch(q, k, v, ks, vs)[0], ks, vs)),
    ("08.5", "new only", "new key and value alone", lambda q, k, v, ks, vs: (step_torch(q, k, v, ks, vs)[0], k, v)),
    ("08.5", "in front", "The newest comes last", front),
    ("08.5", "out of step", "no longer in step", half_front),
    ("08.5", "written over", "a place that is taken", overwritten),
    ("08.5", "oldest dropped", "Nothing is to be forgotten", fixed_size),
    ("08.5", "exchanged", "are exchanged", own_key_and_value_exchanged),
    ("08.5", "query kept", "used once", lambda q, k, v, ks, vs: step_torch(q, q, v, ks, vs)),
    ("08.5", "no scale", "scale is missing", outputs(lambda q, ks, vs: weighted(q, ks, 1) @ vs)),
    ("08.5", "another scale", "the length of a key", outputs(lambda q, ks, vs: weighted(q, ks, 1 / len(q)) @ vs)),
    ("08.5", "another scale", "the length of a key", outputs(lambda q, ks, vs: weighted(q, ks, len(ks) ** -0.5) @ vs)),
    ("08.5", "no softmax", "softmax is missing", outputs(lambda q, ks, vs: q @ ks.T / len(q) ** 0.5 @ vs)),
    ("08.5", "keys given", "a sum of the keys", outputs(lambda q, ks, vs: weighted(q, ks) @ ks)),
    ("08.5", "matched with values", "come from the values", outputs(lambda q, ks, vs: weighted(q, vs) @ vs)),
    ("08.5", "weights", "output is the weights", outputs(lambda q, ks, vs: weighted(q, ks))),
    ("08.5", "key as query", "the key of the token that looks",
     lambda q, k, v, ks, vs: step_torch(k, k, v, ks, vs)),
    ("08.5", "all look again", "All tokens look again",
     outputs(lambda q, ks, vs: F.scaled_dot_product_attention(ks, ks, vs))),
    ("08.5", "a table of one row", "one query",
     outputs(lambda q, ks, vs: F.scaled_dot_product_attention(q[None], ks, vs))),
    ("08.5", "masked like a first token", "took the query for the first",
     outputs(lambda q, ks, vs: F.scaled_dot_product_attention(q[None], ks, vs, is_causal=True)[0])),
    ("08.5", "itself alone", "nothing but itself", outputs(lambda q, ks, vs: vs[-1])),
    ("08.5", "mean", "whatever query and keys say", outputs(lambda q, ks, vs: vs.mean(0))),
    ("08.5", "first step", "the token looks at itself", first_key_needed),
    ("08.5", "sizes", "differ in length", sizes_exchanged),
    ("08.5", "large", "is infinite", own_softmax),
    ("08.5", "in place", "Another continuation", grown_in_place),
    ("08.5", "parts", "where 3 things should be", lambda *five: step_torch(*five)[0]),
    ("08.5", "parts", "the output, keys, values", lambda *five: (step_torch(*five)[0], step_torch(*five)[1:])),
    ("08.5", "unknown", "as keys, returned",
     lambda q, k, v, ks, vs: (step_torch(q, k, v, ks, vs)[0], *cached(q, 2 * k, v, ks, vs))),
    ("08.5", "shape", "as values, returned numbers of shape",
     lambda q, k, v, ks, vs: (*step_torch(q, k, v, ks, vs)[:2], torch.vstack([vs, v, v]))),
]  # fmt: skip


test_mistakes, test_right_answers, test_wrong_answers = bank_tests(EXERCISES, RIGHT, WRONG)


@pytest.mark.parametrize("number", [exercise.number for exercise in EXERCISES])
@pytest.mark.parametrize("junk", range(len(JUNK)))
def test_whatever_is_returned_is_answered(number, junk):
    verdict = check(number, ANSWERS[number](lambda: JUNK[junk]))
    assert not verdict and verdict.mistake and verdict.message.startswith(f"{number}: not yet. ")
    assert len(verdict.message) < 1100


@pytest.mark.parametrize("junk", range(len(JUNK)))
@pytest.mark.parametrize("part", range(3))
def test_whatever_one_of_the_three_is_answered(part, junk):
    def answer(*five):
        three = list(step_torch(*five))
        three[part] = JUNK[junk]
        return three

    verdict = check("08.5", answer)
    assert not verdict and verdict.message.startswith("08.5: not yet. ")


@pytest.mark.parametrize("number", [exercise.number for exercise in EXERCISES])
@pytest.mark.parametrize("error", [ValueError("own words"), KeyError("a key"), RecursionError(), StopIteration()])
def test_whatever_is_raised_is_told(number, error):
    def fail():
        raise error

    verdict = check(number, ANSWERS[number](fail))
    assert verdict.mistake == "raised" and f"raised {type(error).__name__}" in verdict.message


ANSWERS = {
    "08.1": lambda made: lambda x, H: made(),
    "08.2": lambda made: lambda x, gain, shift, eps: made(),
    "08.3": lambda made: lambda x, norm1, attention, norm2, feed_forward: made(),
    "08.4": lambda made: lambda D, H, F: made(),
    "08.5": lambda made: lambda query, key, value, keys, values: made(),
}


@pytest.mark.parametrize("number", ["08.1", "08.2", "08.3", "08.4", "08.5"])
def test_other_cases_of_the_same_kind_are_judged_alike(number):
    """The cases come from a seed; with others, the right answers still agree with each other."""
    exercise = next(one for one in EXERCISES if one.number == number)
    for seed in range(10):
        for case in exercise.cases(random.Random(seed)):
            wanted = exercise.solution(*case.args)
            for other in (function for n, function in RIGHT if n == number):
                found = other(*(torch.tensor(arg) if isinstance(arg, np.ndarray) else arg for arg in case.args))
                three = isinstance(wanted, tuple)
                for one, right in zip(found, wanted, strict=True) if three else [(found, wanted)]:
                    assert np.allclose(one, right, atol=1e-6), (seed, case.edge, other.__name__)


@pytest.mark.parametrize(("D", "H", "F"), [(8, 1, 16), (8, 2, 16), (8, 8, 5), (12, 3, 48)])
def test_the_count_of_parameters_is_that_of_the_layer(D, H, F):
    assert layer_parameters(D, H, F) == count_course(D, H, F) == count_torch(D, H, F)


def test_the_parts_of_a_block_answer_in_kind():
    x, norm1, attention, norm2, feed_forward = EXERCISES[2].fresh()[0].args
    for part in (norm1, attention, norm2, feed_forward):
        wanted = part(x)
        assert isinstance(wanted, np.ndarray) and wanted.shape == x.shape
        assert np.allclose(part(x.tolist()), wanted)
        for kind in (torch.float32, torch.float64):
            found = part(torch.tensor(x, dtype=kind, requires_grad=True))
            assert found.dtype == kind and np.allclose(found, wanted, atol=1e-5)
        with pytest.raises(ValueError, match=f"{part!r} wants tokens of 4 numbers, not an array of shape \\(3, 5\\)"):
            part(np.zeros((3, 5)))
    assert np.allclose(norm1(x)[1], norm1(x[1])) and not np.allclose(attention(x)[:1], attention(x[:1]))
