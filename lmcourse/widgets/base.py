"""What all widgets of the course share."""

import base64
import io
import warnings
from pathlib import Path

import anywidget

HERE = Path(__file__).parent
FIGURE_BUDGET = 200_000  # bytes a widget may add to its page, its script and style included


class Explorer(anywidget.AnyWidget):
    """A widget that lives in JupyterLab and, with nothing behind it, in a page of the book.

    A subclass in ``name.py`` has its script in ``name.js`` and its style in ``name.css``, beside it.
    Everything a reader may change is a trait that JavaScript changes; Python supplies plain data and
    never has to answer. Where no widget can be shown (a PDF, a preview of the notebook), :meth:`summary`
    and :meth:`picture` stand in.
    """

    def __init_subclass__(cls, **kwargs):
        script = (HERE / cls.__module__.rpartition(".")[2]).with_suffix(".js")
        if "_esm" not in cls.__dict__ and script.exists():
            styles = [HERE / "base.css", script.with_suffix(".css")]
            cls._esm = script.read_text(encoding="utf-8")
            cls._css = "\n".join(style.read_text(encoding="utf-8") for style in styles)
        super().__init_subclass__(**kwargs)

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
