"""Widgets of the course: live in JupyterLab and in the static pages of the book.

They take plain words and numbers, never a model.
"""

from lmcourse.widgets.alignment import AlignmentExplorer
from lmcourse.widgets.attention import AttentionExplorer
from lmcourse.widgets.chat import ChatBox
from lmcourse.widgets.clip import ClipPlayer
from lmcourse.widgets.context_map import ContextMap
from lmcourse.widgets.fill_mask import FillMask, FillMaskModel, fill_mask_model
from lmcourse.widgets.next_word import NextWordExplorer, NextWordTable, next_word_table
from lmcourse.widgets.qkv import QKVExplorer
from lmcourse.widgets.recurrent import RecurrentExplorer, RecurrentModel, recurrent_model
from lmcourse.widgets.stepper import AttentionStepper
from lmcourse.widgets.transformer import TransformerExplorer, TransformerModel, transformer_model
from lmcourse.widgets.translation import TranslationExplorer, TranslationModel, translation_model

__all__ = [
    "AlignmentExplorer",
    "AttentionStepper",
    "AttentionExplorer",
    "ChatBox",
    "ClipPlayer",
    "ContextMap",
    "FillMask",
    "FillMaskModel",
    "NextWordExplorer",
    "NextWordTable",
    "QKVExplorer",
    "RecurrentExplorer",
    "RecurrentModel",
    "TransformerExplorer",
    "TransformerModel",
    "TranslationExplorer",
    "TranslationModel",
    "fill_mask_model",
    "next_word_table",
    "recurrent_model",
    "transformer_model",
    "translation_model",
]
