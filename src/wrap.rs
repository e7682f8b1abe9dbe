//! Plain text wrapped at a display width: for the text edition, and for paragraphs that differ from reader to reader.
