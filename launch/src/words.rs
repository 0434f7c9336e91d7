//! Splits text into words as a shell does, without expanding anything.

/// The words of a text; blanks separate them, single and double quotes and backslashes keep blanks inside.
/// None when a quote is not closed.
pub fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            ('\'' | '"', None) => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (_, Some(open)) if letter == open => quote = None,
            ('\\', None | Some('"')) => word.get_or_insert_default().extend(letters.next()),
            (blank, None) if blank.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn quotes_and_blanks() {
        let of = |text: &str| words(text).unwrap();
        assert_eq!(of("  a  b\tc "), ["a", "b", "c"]);
        assert_eq!(of("'a b' \"c 'd'\" e\\ f ''"), ["a b", "c 'd'", "e f", ""]);
        assert_eq!(of(""), [""; 0]);
        assert_eq!(words("'open"), None);
    }
}
