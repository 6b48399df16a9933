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
    let letters = letters(&word);
    candidates
        .into_iter()
        .filter(|candidate| may_be_similar(&word, letters, candidate))
        .map(|candidate| (strsim::jaro_winkler(&word, &candidate.to_lowercase()), candidate))
        .filter(|(similarity, _)| *similarity > LEAST)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

/// The least similarity of a suggestion.
const LEAST: f64 = 0.8;

/// The set of letters of a text, as bits. Two letters may have one bit.
fn letters(text: &str) -> u64 {
    text.bytes().fold(0, |set, byte| set | 1 << (byte.to_ascii_lowercase() & 63))
}

/// Whether the similarity can be as great as [`LEAST`]. Comparing costs much more, and a file may have a hundred thousand
/// unknown words.
///
/// The letters that match are at most those of the word that the candidate has. With them the similarity of Jaro is at
/// most a third of `matching / length of the one + matching / length of the other + 1`, and Winkler's at most that and
/// 0.4 of what is left to 1, if the beginnings are equal.
fn may_be_similar(word: &str, letters_of_word: u64, candidate: &str) -> bool {
    let has = letters(candidate) & letters_of_word;
    let matching = word.bytes().filter(|byte| has >> (byte & 63) & 1 == 1).count();
    let (one, other) = (word.len().max(1), candidate.len().max(1));
    let matching = matching.min(other);
    // In whole numbers, multiplied by both lengths. Texts outside of ASCII have more bytes than letters.
    let is_ascii = word.is_ascii() && candidate.is_ascii();
    let sum = matching * other + matching * one + one * other;
    let first = |text: &str| text.bytes().next().map(|byte| byte.to_ascii_lowercase());
    let product = 3 * one * other;
    let bound = if first(word) == first(candidate) { sum * 6 + product * 4 } else { sum * 10 };
    !is_ascii || bound > product * 8
}

/// The end of a message: `: did you mean `near`?`. It is empty for `None`.
pub(crate) fn did_you_mean(near: Option<&str>) -> String {
    near.map(|near| format!(": did you mean `{near}`?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        /// What is left out before it is compared is never similar.
        #[test]
        fn nothing_similar_is_left_out(word in "[a-e-]{1,8}", candidate in "[A-Ea-e-]{1,8}") {
            let similarity = strsim::jaro_winkler(&word, &candidate.to_lowercase());
            proptest::prop_assert!(similarity <= LEAST || may_be_similar(&word, letters(&word), &candidate));
        }
    }

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
