"""From records to tables, figures, an HTML page and the committed results."""
