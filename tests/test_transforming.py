"""Is it right: the system of chapter 04a with both networks replaced, small enough for a page, as good as recorded."""

import pytest
import torch

from lmcourse import tasks, transforming, translation, world
from lmcourse.transformer import TransformerDecoder, TransformerEncoder

RECORDS = world.generate(60, seed=4)


@pytest.mark.parametrize("direction", translation.DIRECTIONS)
def test_only_the_networks_are_others(direction):
    settings = transforming.settings_for(direction, RECORDS, min_count=1, **transforming.SMALL)
    before = translation.settings_for(direction, RECORDS, min_count=1)
    assert all(settings[name] == before[name] for name in ("direction", "source", "target", "longest"))
    system, rival = transforming.build(settings), translation.build(before)
    assert isinstance(system.model.encoder, TransformerEncoder)
    assert isinstance(system.model.decoder, TransformerDecoder)
    assert system.source.settings() == rival.source.settings() and system.target.settings() == rival.target.settings()
    pairs = translation.pairs(direction, RECORDS[:6])
    assert len(system([source for source, _ in pairs])) == len(system([source for source, _ in pairs], beam=3)) == 6


def test_it_learns_its_pairs_by_heart():
    records = RECORDS[:16]
    system, _, history = translation.learn(
        "ko-en", records, epochs=60, lr=1e-2, batch=8, build=transforming.build, settings_for=transforming.settings_for,
        min_count=1, width=32, heads=2, hidden=64, layers=1, dropout=0.0, progress=False, device="cpu",
    )  # fmt: skip
    assert history[-1]["loss"] < 0.1
    outputs = system(translation.korean(records))
    assert sum(a == r.en for a, r in zip(outputs, records, strict=True)) >= 14


def test_the_translator_of_the_package_is_as_good_as_recorded():
    system = tasks.load("ko-en-transformer")
    count = sum(p.numel() for p in system.model.parameters())
    kept, before = tasks.figures("ko-en-transformer"), tasks.figures("ko-en-attention")
    assert count == kept["parameters"] < before["parameters"]
    records = world.splits().test[:150]
    outputs = system(translation.korean(records))
    right = sum(o in translation.wordings(r, "en") for o, r in zip(outputs, records, strict=True)) / len(records)
    assert right == pytest.approx(kept["figures"]["test"]["gold, greedy"]["wording"], abs=0.08)
    with torch.no_grad():
        assert all(p.isfinite().all() for p in system.model.parameters())
