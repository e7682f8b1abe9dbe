//! Finding and reading the files of a newsletter's folder.
