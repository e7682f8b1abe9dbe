//! Signed tokens: which reader a link, a pixel or a leaving is for, by which key; and Message-IDs.
