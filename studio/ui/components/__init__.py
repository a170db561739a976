"""Parts of the page that Gradio does not have: drawn in the browser by the .js beside each, from plain data."""
