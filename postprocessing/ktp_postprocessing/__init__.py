"""Arrays -> card: text boxes, text decoding, layout, fields, NIK, area list, template matching."""
