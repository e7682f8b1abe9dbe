//! From a draft to files that the editor can look at; opens neither store nor keys.
