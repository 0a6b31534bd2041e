"""The furniture of every page: layout, components, formatters in two modes, charts as SVG, styles and one small script.

Nothing is kept here and nobody is asked: values come in, text goes out.
"""
