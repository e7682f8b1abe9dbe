//! Messages: an issue frozen, made ready for the wire as an `Edition`, and filled in per reader.
