"""What people look at: one self-contained HTML page with figures, in light and dark."""
