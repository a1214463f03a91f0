//! XSD's regular expressions, matched in time linear in the text: a Thompson automaton, all of whose
//! states are followed at once, so that no text can make it backtrack.
//!
//! Not implemented, and refused when compiled: the blocks of `\p{Is...}` beyond Latin.

mod classes;
mod parse;

use std::sync::Arc;

use self::classes::Class;
use self::parse::Expression;

/// States of one pattern, after its repetitions were written out.
const STATES_MAX: usize = 10_000;

/// A compiled pattern.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    source: String,
    states: Vec<State>,
    start: usize,
}

#[derive(Clone, Debug)]
enum State {
    /// Takes one character, then goes on.
    Take(Arc<Class>, usize),
    /// Goes on at both.
    Split(usize, usize),
    /// The text matches if it ends here.
    Match,
}

impl Pattern {
    /// Compiles a pattern; the error says what is wrong or not implemented.
    pub(super) fn compile(source: &str) -> Result<Self, String> {
        let expression = parse::parse(source)?;
        let mut states = vec![State::Match];
        let start = build(&expression, 0, &mut states)?;
        Ok(Self { source: source.to_owned(), states, start })
    }

    /// The pattern as written.
    pub(super) fn source(&self) -> &str {
        &self.source
    }

    /// Whether the whole text matches.
    pub(super) fn matches(&self, text: &str) -> bool {
        let mut now = Active::new(self.states.len());
        let mut next = Active::new(self.states.len());
        self.reach(self.start, &mut now);
        for character in text.chars() {
            for &state in &now.list {
                if let Some(State::Take(class, after)) = self.states.get(state)
                    && class.contains(character)
                {
                    self.reach(*after, &mut next);
                }
            }
            std::mem::swap(&mut now, &mut next);
            next.clear();
            if now.list.is_empty() {
                return false;
            }
        }
        now.list.iter().any(|&state| matches!(self.states.get(state), Some(State::Match)))
    }

    /// Makes a state active, and all that it goes on to without taking a character.
    fn reach(&self, state: usize, active: &mut Active) {
        active.pending.push(state);
        while let Some(state) = active.pending.pop() {
            if !active.add(state) {
                continue;
            }
            if let Some(State::Split(one, other)) = self.states.get(state) {
                active.pending.push(*one);
                active.pending.push(*other);
            }
        }
    }
}

/// The states that a text may be in.
struct Active {
    member: Vec<bool>,
    list: Vec<usize>,
    pending: Vec<usize>,
}

impl Active {
    fn new(states: usize) -> Self {
        Self { member: vec![false; states], list: Vec::new(), pending: Vec::new() }
    }

    fn add(&mut self, state: usize) -> bool {
        match self.member.get_mut(state) {
            Some(member) if !*member => {
                *member = true;
                self.list.push(state);
                true
            }
            _ => false,
        }
    }

    fn clear(&mut self) {
        for state in self.list.drain(..) {
            if let Some(member) = self.member.get_mut(state) {
                *member = false;
            }
        }
    }
}

/// Adds the states of an expression that goes on at `after`; gives the one it begins at.
fn build(expression: &Expression, after: usize, states: &mut Vec<State>) -> Result<usize, String> {
    match expression {
        nothing if nothing.is_nothing() => Ok(after),
        Expression::One(class) => add(states, State::Take(Arc::clone(class), after)),
        Expression::Sequence(parts) => parts.iter().rev().try_fold(after, |after, part| build(part, after, states)),
        Expression::Choice(branches) => {
            let mut starts = branches.iter().rev().map(|branch| build(branch, after, states)).collect::<Vec<_>>();
            let last = starts.remove(0)?;
            starts.into_iter().try_fold(last, |others, start| {
                let start = start?;
                add(states, State::Split(start, others))
            })
        }
        Expression::Repeat { inner, min, max } => {
            let mut start = after;
            match max {
                None => {
                    // The split is added first, so that the inner states can go back to it.
                    let back = add(states, State::Split(after, after))?;
                    let inner_start = build(inner, back, states)?;
                    if let Some(split) = states.get_mut(back) {
                        *split = State::Split(inner_start, after);
                    }
                    start = back;
                }
                Some(max) => {
                    for _ in *min..*max {
                        let inner_start = build(inner, start, states)?;
                        start = add(states, State::Split(inner_start, after))?;
                    }
                }
            }
            for _ in 0..*min {
                start = build(inner, start, states)?;
            }
            Ok(start)
        }
    }
}

fn add(states: &mut Vec<State>, state: State) -> Result<usize, String> {
    if states.len() >= STATES_MAX {
        return Err(format!("a pattern of more than {STATES_MAX} states"));
    }
    states.push(state);
    Ok(states.len() - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(pattern: &str, good: &[&str], bad: &[&str]) {
        let compiled = Pattern::compile(pattern).unwrap();
        for text in good {
            assert!(compiled.matches(text), "{pattern} must match {text:?}");
        }
        for text in bad {
            assert!(!compiled.matches(text), "{pattern} must not match {text:?}");
        }
    }

    #[test]
    fn patterns_match_whole_texts() {
        check("", &[""], &["a"]);
        check("abc", &["abc"], &["", "ab", "abcd", "xabc"]);
        check("a|bc|", &["a", "bc", ""], &["abc", "b"]);
        check("a?b*c+", &["c", "ac", "bbcc", "abc"], &["", "ab", "aac"]);
        check("(ab){2,3}", &["abab", "ababab"], &["ab", "abababab"]);
        check("a{2}", &["aa"], &["a", "aaa"]);
        check("a{2,}", &["aa", "aaaaa"], &["a"]);
        check("a{0}b", &["b"], &["ab"]);
        check("(a*)*b", &["b", "aaab"], &["a"]);
        check("((((){999}){999}){999}){999}", &[""], &["a"]);
        check("^a$", &["^a$"], &["a"]);
        check("a.c", &["abc", "aéc"], &["a\nc", "ac"]);
    }

    #[test]
    fn classes_hold_ranges_escapes_and_subtractions() {
        check("[0-9]{3}", &["123"], &["12a", "٣٣٣"]);
        check("[^0-9]", &["a", "\n"], &["5"]);
        check("[a-z-[aeiou]]+", &["xyz"], &["abc", "-"]);
        check("[a\\-z]+", &["a-z"], &["b"]);
        check("[-a]", &["-", "a"], &["b"]);
        check("[a-]", &["-", "a"], &["b"]);
        check("[\\]\\[^]+", &["][^"], &["a"]);
        check("\\d\\D", &["1a", "٣a"], &["a1"]);
        check("\\s\\S", &[" a"], &["a "]);
        check("\\i\\c*", &["_a-1", "é"], &["1a", "-"]);
        check("\\(\\.\\)\\\\", &["(.)\\"], &["(a)\\"]);
        check("[\\d.]+", &["1.5"], &["1,5"]);
        check("[\\w.]+", &["a1.é", "Ω$"], &["a b", "a-b", "a_b"]);
        check("\\W", &["-", " ", "\u{AD}"], &["a", "1"]);
        check("\\p{Lu}\\P{Lu}", &["Äa", "A1"], &["aa", "AA"]);
        check("[\\p{IsBasicLatin}-[a]]*", &["bc"], &["abc", "é"]);
    }

    #[test]
    fn what_is_wrong_or_not_implemented_is_refused() {
        let wrong = [
            "(",
            ")",
            "a)",
            "[",
            "[]",
            "[^]",
            "[b-a]",
            "[a-\\d]",
            "*",
            "a**",
            "+",
            "a{",
            "a{2",
            "a{,2}",
            "a{3,2}",
            "{",
            "}",
            "]",
            "\\",
            "\\x",
            "\\p",
            "\\p{L",
            "\\p{Greek}",
            "\\p{IsOgham}",
            "\\p{}",
            "a{1001}",
            "[a-z-[b]c]",
            "((a{1000}){1000}){1000}",
            "[a-c-e]",
        ];
        for pattern in wrong {
            assert!(Pattern::compile(pattern).is_err(), "{pattern}");
        }
        assert!(Pattern::compile(&"(".repeat(10_000)).is_err());
    }

    #[test]
    fn no_text_makes_it_slow() {
        let pattern = Pattern::compile("(a|aa|a*)*b").unwrap();
        assert!(!pattern.matches(&"a".repeat(100_000)));
    }

    proptest! {
        #[test]
        fn no_pattern_and_no_text_panics(pattern in "[a-c\\[\\](){}|*+?^\\\\.,0-9-]{0,20}", text in "[a-c0-9-]{0,20}") {
            if let Ok(pattern) = Pattern::compile(&pattern) {
                let _ = pattern.matches(&text);
            }
        }
    }
}
