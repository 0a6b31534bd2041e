"""Charts as SVG, written on the server: values always visible, straight lines, nothing that depends on colour alone.

Source of the rules: CUI graphs, GTAB-018 to 030, 070, 166.
"""
