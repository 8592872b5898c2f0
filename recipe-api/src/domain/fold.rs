//! Text as it is compared: without case, accents and compatibility forms.

use unicode_normalization::UnicodeNormalization;

/// Folds text for sorting and searching, so that `Crème brûlée` and `creme brulee` meet.
///
/// Accents of Latin, Greek and Cyrillic letters go; marks of other scripts, which carry meaning,
/// stay. Done here and not in the database, so that every database finds the same.
///
/// # Examples
/// ```
/// use recipe_api::domain::fold;
///
/// assert_eq!(fold("Älplermagronen"), "alplermagronen");
/// assert_eq!(fold("RISENGRØD"), "risengrod");
/// ```
#[must_use]
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let letters = text
        .nfkd()
        .filter(|c| !('\u{300}'..='\u{36f}').contains(c))
        .nfc()
        .flat_map(char::to_lowercase);
    for c in letters {
        match c {
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'ø' => folded.push('o'),
            'ł' => folded.push('l'),
            'đ' | 'ð' => folded.push('d'),
            'þ' => folded.push_str("th"),
            'ı' => folded.push('i'),
            c => folded.push(c),
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn case_accents_and_forms_do_not_matter() {
        fn check(input: &str, expected: &str) {
            assert_eq!(fold(input), expected, "{input}");
        }
        check("", "");
        check("Crème Brûlée", "creme brulee");
        check("STRASSE", fold("Straße").as_str());
        check("Œufs à la neige", "oeufs a la neige");
        check("Żurek z kiełbasą", "zurek z kielbasa");
        check("İçli köfte", "icli kofte");
        check("Борщ с ёлкой", "борщ с елкои");
        check("ﬁne ① Ａ", "fine 1 a");
        check("がんもどき", "がんもどき");
        check("हिन्दी", "हिन्दी");
    }

    #[test]
    fn decomposed_and_composed_text_are_the_same() {
        assert_eq!(fold("cre\u{300}me"), fold("cr\u{e8}me"));
        assert_eq!(fold("か\u{3099}"), fold("が"));
    }
}
