"""The page around the report's sections: its style in light and dark, and nothing that would need the network."""

from collections.abc import Sequence

from stylevote.report.drawing import COLORS
from stylevote.report.markup import escape

# Nothing may be fetched, whatever a text in the page says.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"

STYLE = """
:root { color-scheme: light dark; --page: #ffffff; --card: #f6f7f9; LIGHT }
@media (prefers-color-scheme: dark) { :root { --page: #15181d; --card: #1e2229; DARK } }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 28px 16px 64px; }
h1 { font-size: 30px; line-height: 1.2; margin: 0 0 4px; letter-spacing: -0.01em; }
h2 { font-size: 21px; line-height: 1.25; margin: 0 0 6px; padding-top: 44px; }
h3 { font-size: 15px; margin: 24px 0 4px; }
p { margin: 0 0 12px; max-width: 68ch; overflow-wrap: anywhere; }
a { color: var(--one); }
.lead, .quiet { color: var(--quiet); }
.lead { margin-bottom: 20px; }
nav { margin: 20px 0 0; font-size: 14px; line-height: 1.9; }
nav a { text-decoration: none; margin-right: 14px; white-space: nowrap; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(160px, 1fr)); gap: 12px; margin: 16px 0 24px; }
.tile { background: var(--card); border-radius: 10px; padding: 14px 16px; }
.tile b { display: block; font-size: 28px; line-height: 1.2; font-variant-numeric: tabular-nums; }
.tile span { display: block; font-size: 13px; line-height: 1.4; color: var(--quiet); }
.tile.first b { color: var(--one); }
.grid { display: grid; gap: 20px 28px; grid-template-columns: repeat(auto-fill, minmax(min(262px, 100%), 1fr)); }
.grid.wide { grid-template-columns: repeat(auto-fill, minmax(min(340px, 100%), 1fr)); }
.beside { display: flex; flex-wrap: wrap; gap: 12px 48px; align-items: flex-start; }
.beside > * { min-width: 0; max-width: 100%; }
figure { margin: 8px 0; min-width: 0; }
figcaption { font-size: 14px; line-height: 1.35; margin-bottom: 4px; overflow-wrap: anywhere; }
figcaption b { font-weight: 600; }
figcaption span { display: block; color: var(--quiet); font-size: 12.5px; font-variant-numeric: tabular-nums; }
svg { display: block; }
svg text { font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; max-width: 100%; }
img.sheet { min-width: 900px; }
img { max-width: 100%; height: auto; border-radius: 6px; }
.key { font-size: 13px; color: var(--quiet); margin: 4px 0 8px; }
.key span { margin-right: 16px; display: inline-block; overflow-wrap: anywhere; max-width: 100%; }
.mark { display: inline-block; width: 14px; height: 3px; border-radius: 2px; margin-right: 6px; vertical-align: 4px; }
.mark.one { background: var(--one); } .mark.two { background: var(--two); } .mark.three { background: var(--three); }
.mark.four { background: var(--four); } .mark.quiet { background: var(--quiet); }
.mark.band { background: var(--one); opacity: 0.25; height: 12px; vertical-align: -1px; }
.mark.cut { border-left: 2px dotted var(--ink); height: 12px; width: 2px; border-radius: 0; vertical-align: -1px; }
table { border-collapse: collapse; font-size: 14px; line-height: 1.35; margin: 8px 0;
  font-variant-numeric: tabular-nums; }
th, td { padding: 5px 10px; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { font-weight: 500; color: var(--quiet); font-size: 13px; vertical-align: bottom; }
th.w, td.w { text-align: left; padding-left: 0; white-space: normal; overflow-wrap: anywhere; min-width: 112px; }
tr.sum td { font-weight: 600; border-bottom: 0; }
table.members td, table.members th { padding: 2px 0; text-align: center; border: 0; font-size: 12px; }
table.members th.w, table.members td.w { text-align: left; padding-right: 12px; min-width: 150px; max-width: 290px; }
table.members .w:first-child { position: sticky; left: 0; z-index: 1; background: var(--page); }
table.members td.quiet, table.members th:last-child { padding-left: 10px; }
table.members th.up { height: 96px; vertical-align: bottom; }
table.members th.up span { writing-mode: vertical-rl; transform: rotate(180deg); max-height: 150px; overflow: hidden;
  text-overflow: ellipsis; white-space: nowrap; display: inline-block; line-height: 1.1; }
table.members td i { display: block; width: 26px; line-height: 20px; margin: 1px; border-radius: 4px;
  font-style: normal; }
.photos { display: grid; grid-template-columns: repeat(auto-fill, minmax(132px, 1fr)); gap: 18px 14px;
  margin: 10px 0 20px; }
.photo { font-size: 12.5px; line-height: 1.4; min-width: 0; overflow-wrap: anywhere; }
.photo img { width: 100%; aspect-ratio: 3 / 4; object-fit: cover; display: block; margin-bottom: 6px;
  background: var(--card); }
.photo b { display: block; font-size: 13px; }
.photo span { display: block; color: var(--quiet); }
.photo mark { background: none; color: var(--two); font-weight: 600; unicode-bidi: isolate; }
details { margin: 14px 0; } summary { cursor: pointer; color: var(--one); }
footer { margin-top: 56px; padding-top: 14px; border-top: 1px solid var(--line); font-size: 13px; color: var(--quiet); }
@media (max-width: 600px) {
  h1 { font-size: 25px; } th, td { padding: 5px 7px; font-size: 13px; }
}
"""


def whole_page(title: str, lead: str, sections: Sequence[tuple[str, str, str]], foot: str) -> str:
    """Return the report as one HTML file.

    Args:
        title, lead, foot: plain texts.
        sections: of each its heading, a short name for the list at the top, and its body as HTML.
    """
    style = STYLE
    for place, kind in enumerate(("LIGHT", "DARK")):
        style = style.replace(kind, " ".join(f"--{key}: {values[place]};" for key, values in COLORS.items()))
    names = "".join(f'<a href="#s{k}">{escape(short)}</a> ' for k, (_, short, _) in enumerate(sections, start=1))
    bodies = "".join(
        f'<section id="s{k}">\n<h2>{escape(heading)}</h2>\n{body}</section>\n'
        for k, (heading, _, body) in enumerate(sections, start=1)
    )
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<link rel="icon" href="data:,">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n<main>\n"
        f'<h1>{escape(title)}</h1>\n<p class="lead">{escape(lead)}</p>\n<nav>{names}</nav>\n{bodies}'
        f"<footer>{escape(foot)}</footer>\n</main>\n</body>\n</html>\n"
    )
