"""Block documents: what the editor saves, checked, compiled to the HTML that is sent."""
