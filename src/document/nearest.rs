//! What somebody probably meant.

/// The candidate nearest to `word`, if it is near enough to be meant: a letter in three may be wrong, or out of place.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |candidate: &str| strsim::osa_distance(&word.to_lowercase(), &candidate.to_lowercase());
    let allowed = word.chars().count().div_ceil(3);
    candidates
        .into_iter()
        .map(|candidate| (distance(candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_of_the_hand_is_understood_and_a_guess_is_not_made() {
        let keys = ["title", "url", "authors", "blurb"];
        assert_eq!(nearest("titel", keys), Some("title"));
        assert_eq!(nearest("author", keys), Some("authors"));
        assert_eq!(nearest("URL", keys), Some("url"));
        assert_eq!(nearest("colour", keys), None);
        assert_eq!(nearest("", keys), None);
    }
}
