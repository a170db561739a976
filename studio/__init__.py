"""One-Shot Studio: new one-shots that sound like yours, made on your own machine."""
