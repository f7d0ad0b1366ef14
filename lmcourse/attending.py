"""The systems of chapter 04 with attention, and how good the attention is (chapter 06).

:func:`attending` turns the ``build`` of any of them into one whose decoder looks back. Two translators made in this way
come with the package. They are small enough to run in a page.
"""

from lmcourse import translation
from lmcourse.attention import with_attention

__all__ = ["RECIPES", "attending"]


def attending(build):
    """A function like ``build``, from settings to an untrained system, whose decoder has attention.

    The settings may have a ``score``, ``"additive"`` if it is missing; all else stays as it was.
    """

    def build_with_attention(settings):
        system = build(settings)
        system.model.decoder = with_attention(system.model.decoder, settings.get("score", "additive"))
        return system

    return build_with_attention


PAGE = {"width": 48, "encoder": 64, "decoder": 64, "dropout": 0.05}
RECIPES = {
    f"{direction}-attention": translation.recipe(direction, attending(translation.build), **PAGE)
    for direction in translation.DIRECTIONS
}
