"""The look of tables and panels: one short stylesheet that goes with each of them.

A place that drops stylesheets (GitHub) or inline styles still shows plain, correctly aligned tables. Text takes the
colour of the page, so that light and dark themes both work.
"""

from __future__ import annotations

from functools import cache

from . import svg
from .theme import KINDS, PARTS, WORK, style

_SHEET = """
.vram{max-width:960px;font-size:15px;line-height:1.45}
.vram p{margin:6px 0}
.vram .verdict{font-size:19px;font-weight:600;margin:10px 0 2px}
.vram .detail{margin:0 0 10px}
.vram .formula{margin:8px 0;font-size:15px}
.vram .formula code{font-size:14px;background:none;padding:0;color:inherit}
.vram .problem{border-left:5px solid #D35D00;padding:4px 12px}
.vram img{display:block;margin:8px 0}
.vram .scroll{overflow-x:auto}
.vram .scroll>img{min-width:600px}
.vram .grid{border-collapse:collapse;margin:8px 0;width:100%;table-layout:auto;font-size:14px;border:0}
.vram .grid caption{text-align:left;font-weight:600;padding:4px 0;caption-side:top;color:inherit}
.vram .grid th,.vram .grid td{padding:4px 10px;border:0;border-bottom:1px solid rgba(128,128,128,.35);\
text-align:left;vertical-align:top;white-space:normal;max-width:none;font-weight:400}
.vram .grid thead th{font-weight:600;border-bottom:2px solid rgba(128,128,128,.7);vertical-align:bottom}
.vram .grid .n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.vram .grid .total th,.vram .grid .total td{font-weight:700}
.vram .grid code{font-size:13px;background:none;padding:0;color:inherit}
.vram .grid td code{white-space:nowrap}
.vram .grid th code{overflow-wrap:anywhere}
.vram .key{display:inline-block;width:14px;height:14px;margin-right:8px;border:1px solid #77777F;\
vertical-align:-2px;background-size:14px}
.vram details{margin:8px 0}
.vram details details{margin:2px 0 2px 20px}
.vram details details summary{font-weight:400}
.vram summary{cursor:pointer;font-weight:600}
.vram figure{margin:8px 0}
.vram-output>.widget-html-content{min-width:0;flex:1 1 0}
@supports selector(:has(a)){.vram-inside{display:none}.vram-title:has([open])+.vram-inside{display:flex}}
.vram-control{height:auto;margin:2px 0;max-width:100%}
.vram-control label.widget-label{text-align:left;width:auto;font-size:14px;height:auto;line-height:1.6;padding:0}
.vram-control select{flex:none;max-width:100%;height:32px;font-size:15px;padding-right:24px}
.vram-control label.widget-label-basic{font-size:15px;line-height:2}
""".strip().replace("\n", "")


# The arrow of ipywidgets' drop-down lists is black, in a dark theme too; this grey is seen on black and on white.
_ARROW = svg.document(18, 18, '<path d="M5 7l4 4 4-4" stroke="#767676" stroke-width="2" fill="none"/>')


@cache
def controls() -> str:
    """What a live panel needs beside the stylesheet: the arrow, and names of rows that stay words on a narrow page."""
    arrow = f".vram-control select{{background-image:url({svg.data_address(_ARROW)})!important}}"
    return f"<style>{arrow}.vram-output .grid th[scope=row]{{min-width:150px}}</style>"


@cache
def key_class(kind: str) -> str:
    """The class of the small square that stands before a kind in a table."""
    style(kind)
    return "k-" + kind.replace(" ", "-")


@cache
def _key_rule(kind: str) -> str:
    tile = svg.document(14, 14, svg.rect(0, 0, 14, 14, "url(#k)"), svg.pattern("k", style(kind)))
    return f".vram .{key_class(kind)}{{background-image:url({svg.data_address(tile)})}}"


@cache
def sheet(kinds: frozenset[str] = frozenset()) -> str:
    """The stylesheet as a `<style>` element, with the squares of these kinds."""
    rules = "".join(_key_rule(kind) for kind in (*KINDS, *PARTS, *WORK) if kind in kinds)
    return f"<style>{_SHEET}{rules}</style>"
