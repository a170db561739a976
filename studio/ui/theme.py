"""How the page looks: one calm dark theme, dense, with fonts that the machine has."""

import gradio as gr

CSS = """
.gradio-container { padding: 0 !important; max-width: none !important; }
.gradio-container .main { padding: 8px 16px 8px !important; }
#header { align-items: baseline; flex-wrap: wrap; gap: 2px 18px; }
#header > * { flex: none; width: auto; min-width: 0; max-width: 100%; }
#title { font-size: 17px; font-weight: 650; letter-spacing: 0.01em; white-space: nowrap; }
#header-note .note { border: 0; padding: 0; font-size: 13px; }
#header-note .note .text { color: var(--body-text-color-subdued); }
.knobs > .form { display: grid; grid-template-columns: repeat(auto-fill, minmax(178px, 1fr)); }
.knobs .wide { grid-column: 1 / -1; }
.knobs .head { display: block; position: relative; }
.knobs .head [data-testid="block-info"] { display: block; min-height: 22px; padding-right: 76px; }
.knobs .head .tab-like-container { position: absolute; top: -3px; right: 0; }
.pixels img { image-rendering: pixelated; object-fit: fill; width: 100%; height: 100%; }
.gradio-container [data-testid="block-info"] { font-size: 12.5px; }
@media (max-width: 560px) {
  .gradio-container .main { padding: 6px 10px 12px !important; }
  .gradio-container [role="tablist"] button { padding-inline: 8px; }
}
"""


def theme() -> gr.themes.Base:
    """Dark values in the light slots as well, so that the page never flashes white, whatever the system prefers."""
    look = gr.themes.Base(
        primary_hue=gr.themes.colors.orange, neutral_hue=gr.themes.colors.zinc, text_size=gr.themes.sizes.text_sm,
        spacing_size=gr.themes.sizes.spacing_sm, radius_size=gr.themes.sizes.radius_sm,
        font=["system-ui", "Segoe UI", "Helvetica", "sans-serif"], font_mono=["ui-monospace", "Consolas", "monospace"],
    ).set(
        body_background_fill_dark="#101216", background_fill_primary_dark="#15181d",
        background_fill_secondary_dark="#1a1e24", block_background_fill_dark="#15181d",
        block_border_color_dark="#262b33", border_color_primary_dark="#2a3039",
        body_text_color_dark="#e6e8eb", body_text_color_subdued_dark="#98a0ab", color_accent_soft_dark="#3a2a1c",
        input_background_fill_dark="#1d2128", block_label_background_fill_dark="#1a1e24",
        block_info_text_color_dark="#8d95a0", button_primary_background_fill_dark="#e0772e",
        button_primary_background_fill_hover_dark="#ee8a45", button_primary_text_color_dark="#14100c",
        button_secondary_background_fill_dark="#262b33", button_secondary_background_fill_hover_dark="#313843",
        slider_color_dark="#e0772e", checkbox_background_color_selected_dark="#e0772e",
    )
    for name in list(vars(look)):
        if name.endswith("_dark") and getattr(look, name) is not None:
            setattr(look, name.removesuffix("_dark"), getattr(look, name))
    return look
