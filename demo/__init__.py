"""The demo: python -m demo.image_demo."""
