//! `LIKE`.

use super::limits::Meter;

/// A pattern: `%` stands for any text, `_` for any one character, everything else for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    /// What stands between the `%`s; at least one.
    pieces: Vec<Vec<Element>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    Any,
    Exactly(char),
}

impl Pattern {
    /// Reads a pattern. After `escape` a character stands for itself. The error says what is wrong.
    pub(super) fn new(text: &str, escape: Option<char>) -> Result<Self, &'static str> {
        let mut pieces = vec![Vec::new()];
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            let element = match c {
                c if Some(c) == escape => {
                    Element::Exactly(chars.next().ok_or("the pattern ends with its escape character")?)
                }
                '%' => {
                    pieces.push(Vec::new());
                    continue;
                }
                '_' => Element::Any,
                c => Element::Exactly(c),
            };
            if let Some(piece) = pieces.last_mut() {
                piece.push(element);
            }
        }
        Ok(Self { pieces })
    }

    /// Whether a text is like that. If the meter runs out, the answer means nothing.
    pub(super) fn is_met(&self, text: &str, meter: &Meter<'_>) -> bool {
        let Some((first, others)) = self.pieces.split_first() else { return text.is_empty() };
        let Some(mut rest) = strip(first, text) else { return false };
        let Some((last, between)) = others.split_last() else { return rest.is_empty() };
        // The first place where a piece fits leaves the most for those after it.
        for piece in between {
            let Some(after) = find(piece, rest, meter) else { return false };
            rest = after;
        }
        ends_with(last, rest)
    }
}

/// What follows the piece at the start of a text.
fn strip<'t>(piece: &[Element], text: &'t str) -> Option<&'t str> {
    let mut chars = text.chars();
    for element in piece {
        let c = chars.next()?;
        if let Element::Exactly(expected) = element
            && *expected != c
        {
            return None;
        }
    }
    Some(chars.as_str())
}

/// What follows the first place where the piece fits.
fn find<'t>(piece: &[Element], text: &'t str, meter: &Meter<'_>) -> Option<&'t str> {
    let mut rest = text;
    loop {
        if let Some(after) = strip(piece, rest) {
            return Some(after);
        }
        if !meter.work(piece.len()) {
            return None;
        }
        let mut chars = rest.chars();
        chars.next()?;
        rest = chars.as_str();
    }
}

fn ends_with(piece: &[Element], text: &str) -> bool {
    let mut chars = text.chars().rev();
    piece.iter().rev().all(|element| match (element, chars.next()) {
        (_, None) => false,
        (Element::Any, Some(_)) => true,
        (Element::Exactly(expected), Some(c)) => *expected == c,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::query::limits::Limits;

    fn is_like(text: &str, pattern: &str) -> bool {
        let limits = Limits::for_tests();
        Pattern::new(pattern, Some('\\')).unwrap().is_met(text, &Meter::new(&limits))
    }

    #[test]
    fn patterns() {
        for (text, pattern) in [
            ("", ""),
            ("", "%"),
            ("", "%%"),
            ("abc", "abc"),
            ("abc", "a%"),
            ("abc", "%c"),
            ("abc", "%b%"),
            ("abc", "a_c"),
            ("abc", "___"),
            ("abc", "%_%_%_%"),
            ("aéc", "a_c"),
            ("a%c", "a\\%c"),
            ("a\\c", "a\\\\c"),
            ("abab", "%ab"),
            ("aab", "%ab"),
            ("a\nb", "a%b"),
        ] {
            assert!(is_like(text, pattern), "{text} LIKE {pattern}");
        }
        for (text, pattern) in [
            ("a", ""),
            ("", "_"),
            ("abc", "ab"),
            ("abc", "bc"),
            ("abc", "ABC"),
            ("abc", "____"),
            ("abc", "%_%_%_%_%"),
            ("abc", "a\\%c"),
            ("ab", "%ab%ab%"),
            ("a", "a%a"),
        ] {
            assert!(!is_like(text, pattern), "{text} LIKE {pattern}");
        }
        assert!(Pattern::new("abc\\", Some('\\')).is_err());
        assert!(Pattern::new("abc\\", None).is_ok());
    }

    /// What the standard says, word for word, and slow.
    fn by_definition(text: &[char], pattern: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('%', rest)) => (0..=text.len()).any(|at| by_definition(&text[at..], rest)),
            Some(('_', rest)) => !text.is_empty() && by_definition(&text[1..], rest),
            Some((c, rest)) => text.first() == Some(c) && by_definition(&text[1..], rest),
        }
    }

    proptest! {
        #[test]
        fn patterns_mean_what_the_standard_says(text in "[ab]{0,8}", pattern in "[ab%_]{0,8}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(is_like(&text, &pattern), by_definition(&chars(&text), &chars(&pattern)));
        }
    }
}
