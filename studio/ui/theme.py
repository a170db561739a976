"""How the page looks: one calm dark theme and a light one, dense, with fonts that the machine has."""

from pathlib import Path

import gradio as gr

CSS = """
.gradio-container { padding: 0 !important; max-width: none !important; }
.gradio-container .main { padding: 8px 16px 8px !important; }
.gradio-container .hide-container > .html-container { padding: 0; }
#header { align-items: baseline; flex-wrap: wrap; gap: 2px 18px; }
#header > * { flex: none; width: auto; min-width: 0; max-width: 100%; }
#title { font-size: 17px; font-weight: 650; letter-spacing: 0.01em; white-space: nowrap; }
#header #bar { margin-left: auto; }
#header-note .note { border: 0; padding: 0; font-size: 13px; }
#header-note .note .text { color: var(--body-text-color-subdued); }
.knobs > .form { display: grid; grid-template-columns: repeat(auto-fill, minmax(178px, 1fr)); }
.knobs > .form { background: var(--block-background-fill); }
#run-losses, #run-distances { min-width: min(280px, 100%); flex: 1 1 280px; }
.knobs .wide { grid-column: 1 / -1; }
.knobs .head { display: block; position: relative; }
.knobs .head [data-testid="block-info"] { display: block; min-height: 22px; padding-right: 76px; }
.knobs .head .tab-like-container { position: absolute; top: -3px; right: 0; }
.form-heading { margin: 10px 2px 0; font-size: 12.5px; font-weight: 600; color: var(--body-text-color-subdued); }
.segments .wrap { display: flex; flex-wrap: nowrap; gap: 0; border-radius: var(--radius-md); overflow: hidden;
  background: var(--input-background-fill); }
.segments .wrap label { flex: 1 1 0; justify-content: center; padding: 8px 4px; border: 0; border-radius: 0;
  box-shadow: none; text-align: center; line-height: 1.2; background: none; cursor: pointer; }
.segments .wrap label + label { border-left: 1px solid var(--border-color-primary); }
.segments .wrap label.selected { background: var(--button-secondary-background-fill-hover);
  box-shadow: inset 0 -2px 0 var(--color-accent); color: var(--body-text-color); }
.segments .wrap label:focus-within { outline: 1px solid var(--color-accent); outline-offset: -1px; }
.segments .wrap input { position: absolute; opacity: 0; width: 0; height: 0; }
.segments .wrap span { margin: 0; }
#transform-whole:not([data-mode="Travel"], [data-mode="Track"]) :is(.of-way, .of-travel, .of-track),
#transform-whole[data-mode="Travel"] :is(.of-change, .of-track),
#transform-whole[data-mode="Track"] :is(.of-change, .of-travel) { display: none; }
#transform-mode .wrap { flex-direction: column; height: 100%; }
#transform-mode .wrap label { border-left: 0; }
#transform-mode .wrap label.selected { box-shadow: inset 2px 0 var(--color-accent); }
#transform-detail .wave { height: 34px; }
#transform-detail .spectrum { height: clamp(90px, 100vh - 800px, 280px); }
.gradio-container [data-testid="block-info"] { font-size: 12.5px; }
.gradio-container :is(input, textarea)::placeholder { color: var(--body-text-color-subdued) !important; opacity: 0.75; }
.gradio-container .secondary-wrap input { padding-right: 38px !important; text-overflow: ellipsis; }
.gradio-container input[type="range"]:focus-visible { outline: 2px solid var(--color-accent); outline-offset: 3px; }
.gradio-container:not(.dark *) [role="tab"][aria-selected="true"] { color: #a34708; }
@media (max-width: 560px) {
  .gradio-container .main { padding: 6px 10px 12px !important; }
  .gradio-container [role="tablist"] button { padding-inline: 8px; }
}
"""


# What a page does before anything is drawn: dark unless the user has chosen light, which the browser remembers; and no
# answer gets lost.
HEAD = """
<style>html { background: #101216; }</style>
<script>
function studioTheme(chosen) {
  if (chosen) localStorage.setItem('studio-theme', chosen);
  const light = localStorage.getItem('studio-theme') === 'light';
  document.body.classList.toggle('dark', !light);
  document.documentElement.style.background = light ? '#f4f4f2' : '#101216';
  document.documentElement.style.colorScheme = light ? 'light' : 'dark';
}
function studioBegins() {
  studioTheme();
  // Gradio sets the class by the system's wish once it has started; the user's word comes after that
  new MutationObserver(() => {
    const light = localStorage.getItem('studio-theme') === 'light';
    if (document.body.classList.contains('dark') === light) studioTheme();
  }).observe(document.body, {attributes: true, attributeFilter: ['class']});
}
// Gradio may bring this in when the document has long been there
if (document.body) studioBegins(); else document.addEventListener('DOMContentLoaded', studioBegins);
</script>
""" + f"<script>{Path(__file__).with_name('answers.js').read_text(encoding='utf-8')}</script>"

DARK = dict(
    body_background_fill="#101216", background_fill_primary="#15181d", background_fill_secondary="#1a1e24",
    block_background_fill="#15181d", block_border_color="#262b33", border_color_primary="#2a3039",
    body_text_color="#e6e8eb", body_text_color_subdued="#98a0ab", color_accent_soft="#3a2a1c",
    input_background_fill="#1d2128", block_label_background_fill="#1a1e24", block_info_text_color="#8d95a0",
    button_primary_background_fill="#e0772e", button_primary_background_fill_hover="#ee8a45",
    button_primary_text_color="#14100c", button_secondary_background_fill="#262b33",
    button_secondary_background_fill_hover="#313843", slider_color="#e0772e",
    checkbox_background_color_selected="#e0772e")
LIGHT = dict(
    body_background_fill="#f4f4f2", background_fill_primary="#ffffff", background_fill_secondary="#ecebe8",
    block_background_fill="#ffffff", block_border_color="#dcdad5", border_color_primary="#d5d3cd",
    body_text_color="#1d2024", body_text_color_subdued="#5d6470", color_accent_soft="#fbe6d6",
    input_background_fill="#f6f5f3", block_label_background_fill="#ecebe8", block_info_text_color="#666d78",
    button_primary_background_fill="#b9540f", button_primary_background_fill_hover="#a34708",
    button_primary_text_color="#ffffff", button_secondary_background_fill="#e6e4e0",
    button_secondary_background_fill_hover="#dad7d1", slider_color="#d2641a",
    checkbox_background_color_selected="#d2641a")


def theme() -> gr.themes.Base:
    """Both palettes in one theme; which of them shows is the page's class, see HEAD."""
    return gr.themes.Base(
        primary_hue=gr.themes.colors.orange, neutral_hue=gr.themes.colors.zinc, text_size=gr.themes.sizes.text_sm,
        spacing_size=gr.themes.sizes.spacing_sm, radius_size=gr.themes.sizes.radius_sm,
        font=["system-ui", "Segoe UI", "Helvetica", "sans-serif"], font_mono=["ui-monospace", "Consolas", "monospace"],
    ).set(**LIGHT, **{f"{name}_dark": value for name, value in DARK.items()})
