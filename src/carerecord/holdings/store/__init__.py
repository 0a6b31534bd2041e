"""Every statement of holdings: `changing` writes, `looking` reads."""
