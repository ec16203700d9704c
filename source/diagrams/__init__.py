"""The diagrams of the notebooks, drawn by code; ``draw.py`` writes the SVG files."""
