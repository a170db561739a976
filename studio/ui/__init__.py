"""The page of the studio: Gradio in front of the engine. It holds no arithmetic."""

import os

# Gradio reads this while it is imported; otherwise it asks its own server for news, and the studio is quiet.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
