//! Suggestions for misspelt words.

/// Words of more bytes get no suggestion. No candidate is that long, a key in a user's file may have any length, and
/// the time to compare grows with the product of both lengths.
const LONGEST: usize = 100;

/// The candidate that `word` was probably meant to be. `None` if no candidate is similar enough.
///
/// ```
/// assert_eq!(pki_core::base::near("adress", ["name", "address"]), Some("address"));
/// ```
pub fn near<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > LONGEST {
        return None;
    }
    let word = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&word, &candidate.to_lowercase()), candidate))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

/// The end of a message: `: did you mean `near`?`. It is empty for `None`.
pub(crate) fn did_you_mean(near: Option<&str>) -> String {
    near.map(|near| format!(": did you mean `{near}`?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::near;

    #[test]
    fn names_slips_and_nothing_else() {
        let keys = ["address", "dns", "name"];
        assert_eq!(near("adress", keys), Some("address"));
        assert_eq!(near("Name", keys), Some("name"));
        assert_eq!(near("colour", keys), None);
        let long = "x".repeat(200);
        assert_eq!(near(&long, [long.as_str()]), None, "it is not compared");
    }
}
