"""The diagrams of the notebooks, drawn by code: ``python source/diagrams/draw.py`` writes the SVG files."""
