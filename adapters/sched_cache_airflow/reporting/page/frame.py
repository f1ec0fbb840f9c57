"""The common frame of all views: head, colours, title."""

from __future__ import annotations

from sched_cache_airflow.reporting.page.html import Html, Part, html, tag

_STYLE = """
:root {
  color-scheme: light;
  --ground: #f7f8fa; --card: #ffffff; --line: #e2e5ea; --text: #1b2330; --soft: #667085;
  --memory: #2f6fde; --redis: #7a5af8; --tables: #12a5a0; --host: #e07b1a;
  --good: #1a7f4b; --good-ground: #e3f5ea; --bad: #b42318; --bad-ground: #fdebe9; --off-ground: #eef0f3;
  --track: #e8ebf0;
}
:root[data-theme="dark"] {
  color-scheme: dark;
  --ground: #151b29; --card: #1d2536; --line: #303b52; --text: #e8ebf0; --soft: #9ba7bd;
  --memory: #6a9dff; --redis: #a48afb; --tables: #2fc7c1; --host: #f39b45;
  --good: #5fd196; --good-ground: #14301f; --bad: #ff8a80; --bad-ground: #3a1a18; --off-ground: #2b3549;
  --track: #2e3950;
}
* { box-sizing: border-box; }
body { margin: 0; padding: 20px 24px 40px; background: var(--ground); color: var(--text);
  font: 14px/1.45 system-ui, -apple-system, "Segoe UI", "Noto Sans", Roboto, sans-serif; }
main { max-width: 1240px; margin: 0 auto; }
h1 { font-size: 20px; margin: 0; font-weight: 650; overflow-wrap: anywhere; }
h2 { font-size: 15px; margin: 28px 0 10px; font-weight: 650; }
a { color: var(--memory); text-decoration: none; }
a:hover { text-decoration: underline; }
.head { display: flex; flex-wrap: wrap; gap: 8px 16px; align-items: baseline; justify-content: space-between;
  margin-bottom: 16px; }
.soft { color: var(--soft); }
.small { font-size: 12px; }
.tiles { display: grid; gap: 12px; grid-template-columns: repeat(auto-fit, minmax(min(200px, 100%), 1fr)); }
.cards { display: grid; gap: 12px; grid-template-columns: repeat(auto-fill, minmax(min(270px, 100%), 1fr)); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px 16px; min-width: 0; }
.card svg { display: block; }
.tile .value { font-size: 26px; font-weight: 650; line-height: 1.2; margin: 2px 0; font-variant-numeric: tabular-nums; }
.tile svg { margin-top: 8px; }
.row { display: flex; justify-content: space-between; gap: 12px; align-items: baseline; min-width: 0; }
.row > :first-child { min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.row > :last-child { white-space: nowrap; font-variant-numeric: tabular-nums; }
.name { font-weight: 650; }
.gap { margin-top: 10px; }
.pill { border-radius: 99px; padding: 1px 9px; font-size: 12px; font-weight: 600; white-space: nowrap; }
.pill.good { color: var(--good); background: var(--good-ground); }
.pill.bad { color: var(--bad); background: var(--bad-ground); }
.pill.new { color: var(--redis); background: var(--off-ground); }
.pill.off { color: var(--soft); background: var(--off-ground); }
.chip { display: inline-block; border: 1px solid var(--line); border-radius: 6px; padding: 0 6px; font-size: 12px;
  margin: 1px 4px 1px 0; white-space: nowrap; }
.key { display: inline-block; margin-right: 14px; font-size: 12px; color: var(--soft); white-space: nowrap; }
.key::before { content: ""; display: inline-block; width: 9px; height: 9px; border-radius: 2px; margin-right: 5px;
  background: var(--key); }
.notice { border-left: 4px solid var(--bad); background: var(--bad-ground); padding: 10px 14px; border-radius: 6px;
  margin-bottom: 14px; overflow-wrap: anywhere; }
.empty { padding: 28px; text-align: center; color: var(--soft); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th { text-align: left; font-weight: 600; font-size: 12px; color: var(--soft); }
th, td { padding: 6px 26px 6px 0; border-bottom: 1px solid var(--line); vertical-align: top; white-space: nowrap; }
tr:last-child td { border-bottom: 0; }
td.wide { white-space: normal; overflow-wrap: anywhere; min-width: 180px; }
th.number, td.number { text-align: right; font-variant-numeric: tabular-nums; }
code { font: 12px ui-monospace, "SF Mono", "DejaVu Sans Mono", monospace; }
ul.plain { list-style: none; margin: 6px 0 0; padding: 0; }
input { background: var(--card); color: var(--text); border: 1px solid var(--line); border-radius: 6px;
  padding: 4px 8px; font: inherit; width: 220px; }
svg text { fill: var(--text); font-size: 11px; font-family: inherit; paint-order: stroke; stroke: var(--card);
  stroke-width: 3px; stroke-linejoin: round; }
"""
# Airflow keeps the colours that the user chose where its own pages look for them.
_CHOOSE_COLOURS = """
(function () {
  var chosen = null;
  try { chosen = localStorage.getItem("theme"); } catch (error) { chosen = null; }
  var isDark = chosen === "dark" || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = isDark ? "dark" : "light";
})();
"""


def page(title: str, *body: Part, nonce: str, again_in_seconds: int | None = None) -> Html:
    """A whole document. `nonce`: what the policy of the response allows scripts to have."""
    refresh = None if again_in_seconds is None else str(again_in_seconds)
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        refresh and tag("meta", http_equiv="refresh", content=refresh),
        tag("title", title),
        tag("style", Html(_STYLE)),
        tag("script", Html(_CHOOSE_COLOURS), nonce=nonce),
    )
    return html(Html("<!doctype html>"), tag("html", head, tag("body", tag("main", *body)), lang="en"))


def notice(text: str) -> Html:
    """A notice at the top of the page."""
    return tag("div", text, _class="notice", role="alert")


def empty(text: str) -> Html:
    """A placeholder for missing data."""
    return tag("div", text, _class="card empty")


def pill(text: str, kind: str) -> Html:
    """A word with a colour: good, bad, new or off."""
    return tag("span", text, _class=f"pill {kind}")


def table(headers: list[tuple[str, str]], rows: list[list[Part]]) -> Html:
    """`headers`: (text, class of the column: "", "number" or "wide")."""
    head = tag("tr", [tag("th", text, _class=kind or None) for text, kind in headers])
    body = [
        tag(
            "tr", [tag("td", cell, _class=kind or None) for (_, kind), cell in zip(headers, row, strict=True)]
        )
        for row in rows
    ]
    return tag("div", tag("table", tag("thead", head), tag("tbody", body)), _class="card scroll")
