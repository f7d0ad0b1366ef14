"""What all widgets of the course share."""

import base64
import io
import re
import warnings
from pathlib import Path

import anywidget

HERE = Path(__file__).parent
FIGURE_BUDGET = 200_000  # bytes a widget may add to its page, its script and style included


class Explorer(anywidget.AnyWidget):
    """A widget that lives in JupyterLab and, with nothing behind it, in a page of the book.

    A subclass in ``name.py`` has its script in ``name.js`` and its style in ``name.css``, beside it. The
    script may import from one beside it, whose text is put in the place of that line: what is shipped is one
    module, without indentation and comment lines, since each figure carries it. Everything a reader may
    change is a trait that JavaScript changes; Python supplies plain data and never has to answer. Where no
    widget can be shown (a PDF, a preview of the notebook), :meth:`summary` and :meth:`picture` stand in.
    """

    room = FIGURE_BUDGET

    def __init_subclass__(cls, **kwargs):
        script = (HERE / cls.__module__.rpartition(".")[2]).with_suffix(".js")
        if "_esm" not in cls.__dict__ and script.exists():
            styles = [HERE / "base.css", script.with_suffix(".css")]
            source = script.read_text(encoding="utf-8")
            cls._esm = _lean(re.sub(r'^import \{[^}]*\} from "\./(\w+\.js)";$', _shared, source, flags=re.M))
            cls._css = _lean("".join(style.read_text(encoding="utf-8") for style in styles))
        super().__init_subclass__(**kwargs)

    @classmethod
    def check_room(cls, size, what, remedy):
        """Raise a ValueError if data of this size, with the script and the style, is too much for a figure."""
        size += len(cls._esm.encode()) + len(cls._css.encode())
        if size > cls.room:
            raise ValueError(f"{what} make a figure of {size:,} bytes, and there is room for {cls.room:,}: {remedy}")

    def summary(self):
        """What the widget shows first, as text."""
        return f"{type(self).__name__}()"

    def picture(self, figure):
        """Draw what the widget shows first on an empty matplotlib figure; return whether it did."""
        return False

    def _png(self):
        from matplotlib import rc_context
        from matplotlib.figure import Figure

        from lmcourse import plots

        with rc_context(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a sign that no font has is no matter beside a live widget
            plots.use_style()
            figure = Figure(figsize=(6.4, 3.6), layout="constrained")
            if not self.picture(figure):
                return None
            file = io.BytesIO()
            figure.savefig(file, format="png", dpi=110, metadata={"Software": None})
        return base64.b64encode(file.getvalue()).decode("ascii")

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        picture = self._png()
        data = {**data, "text/plain": self.summary(), **({"image/png": picture} if picture else {})}
        return data, metadata


def _shared(match):
    """The text of a script that another imports, without its list of what else it exports."""
    return re.sub(r"^export \{[^}]*\};$", "", (HERE / match[1]).read_text(encoding="utf-8"), flags=re.M)


def _lean(source):
    """A script or style without indentation, empty lines and lines of comment."""
    source = re.sub(r"^\s*/\*.*?\*/\s*$", "", source, flags=re.M | re.S)
    return re.sub(r"^[ \t]*(?://.*)?\n?", "", source, flags=re.M)


def base64_size(data):
    """How many characters these bytes take in base64."""
    return 4 * -(-len(data) // 3)
