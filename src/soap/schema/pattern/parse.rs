//! The syntax of XSD's regular expressions, read into a tree.

use std::sync::Arc;

use super::classes::{self, Class, Item, Named};

/// Groups inside groups.
const DEPTH_MAX: usize = 50;
/// The greatest number in `{n,m}`.
const REPEAT_MAX: u32 = 1000;

/// A regular expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expression {
    /// One character of a class.
    One(Arc<Class>),
    /// One after the other.
    Sequence(Vec<Expression>),
    /// One of them.
    Choice(Vec<Expression>),
    /// At least `min` times, at most `max` times if there is a `max`.
    Repeat { inner: Box<Expression>, min: u32, max: Option<u32> },
}

fn one(class: Class) -> Expression {
    Expression::One(Arc::new(class))
}

impl Expression {
    /// Whether it takes no character whatever happens: it has no states, however often it is repeated.
    pub(super) fn is_nothing(&self) -> bool {
        match self {
            Self::One(_) => false,
            Self::Sequence(parts) => parts.iter().all(Self::is_nothing),
            Self::Choice(branches) => branches.iter().all(Self::is_nothing),
            Self::Repeat { inner, max, .. } => *max == Some(0) || inner.is_nothing(),
        }
    }
}

/// Reads an expression; the error says what is wrong or not implemented.
pub(super) fn parse(text: &str) -> Result<Expression, String> {
    let mut parser = Parser { rest: text, depth: 0 };
    let expression = parser.choice()?;
    match parser.peek() {
        None => Ok(expression),
        Some(character) => Err(format!("`{character}` stands alone")),
    }
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let mut characters = self.rest.chars();
        let taken = characters.next();
        self.rest = characters.as_str();
        taken
    }

    fn take_if(&mut self, wanted: char) -> bool {
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn choice(&mut self) -> Result<Expression, String> {
        let mut branches = vec![self.branch()?];
        while self.take_if('|') {
            branches.push(self.branch()?);
        }
        Ok(match branches.len() {
            1 => branches.swap_remove(0),
            _ => Expression::Choice(branches),
        })
    }

    fn branch(&mut self) -> Result<Expression, String> {
        let mut pieces = Vec::new();
        while let Some(character) = self.peek().filter(|character| !matches!(character, '|' | ')')) {
            let atom = self.atom(character)?;
            pieces.push(self.quantified(atom)?);
        }
        Ok(Expression::Sequence(pieces))
    }

    fn atom(&mut self, first: char) -> Result<Expression, String> {
        self.take();
        match first {
            '(' => {
                self.depth += 1;
                if self.depth > DEPTH_MAX {
                    return Err(format!("more than {DEPTH_MAX} groups inside each other"));
                }
                let inner = self.choice()?;
                self.depth -= 1;
                if self.take_if(')') { Ok(inner) } else { Err("`(` is not closed".into()) }
            }
            '[' => self.class().map(one),
            '.' => Ok(one(Class::dot())),
            '\\' => self.escape().map(|item| one(Class { items: vec![item], ..Class::default() })),
            '?' | '*' | '+' | '{' | '}' | ']' => Err(format!("`{first}` stands alone")),
            _ => Ok(one(Class::single(first))),
        }
    }

    fn quantified(&mut self, atom: Expression) -> Result<Expression, String> {
        let (min, max) = match self.peek() {
            Some('?') => (0, Some(1)),
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('{') => return self.counted(atom),
            _ => return Ok(atom),
        };
        self.take();
        Ok(Expression::Repeat { inner: Box::new(atom), min, max })
    }

    fn counted(&mut self, atom: Expression) -> Result<Expression, String> {
        self.take();
        let min = self.number()?;
        let max = if self.take_if(',') {
            if self.peek() == Some('}') { None } else { Some(self.number()?) }
        } else {
            Some(min)
        };
        if !self.take_if('}') {
            return Err("`{` is not closed".into());
        }
        if max.is_some_and(|max| max < min) {
            return Err(format!("{{{min},...}} has a smaller maximum"));
        }
        Ok(Expression::Repeat { inner: Box::new(atom), min, max })
    }

    fn number(&mut self) -> Result<u32, String> {
        let digits = self.rest.len() - self.rest.trim_start_matches(|character: char| character.is_ascii_digit()).len();
        let (number, rest) = self.rest.split_at(digits);
        self.rest = rest;
        match number.parse::<u32>() {
            Ok(number) if number <= REPEAT_MAX => Ok(number),
            Ok(_) => Err(format!("a repetition of more than {REPEAT_MAX}")),
            Err(_) => Err("`{` without a number".into()),
        }
    }

    /// What stands after `\`.
    fn escape(&mut self) -> Result<Item, String> {
        let character = self.take().ok_or("`\\` at the end")?;
        let single = |character| Ok(Item::Range(character, character));
        match character {
            'n' => single('\n'),
            'r' => single('\r'),
            't' => single('\t'),
            '\\' | '|' | '.' | '?' | '*' | '+' | '(' | ')' | '{' | '}' | '-' | '[' | ']' | '^' => single(character),
            's' => Ok(Item::Named(Named::Space)),
            'S' => Ok(Item::NotNamed(Named::Space)),
            'd' => classes::digits().map(Item::Set).ok_or_else(|| "the escape `\\d`".into()),
            'D' => classes::digits().map(Item::NotSet).ok_or_else(|| "the escape `\\D`".into()),
            'w' => classes::word().map(Item::Set).ok_or_else(|| "the escape `\\w`".into()),
            'W' => classes::word().map(Item::NotSet).ok_or_else(|| "the escape `\\W`".into()),
            'p' => self.property().map(Item::Set),
            'P' => self.property().map(Item::NotSet),
            'i' => Ok(Item::Named(Named::Initial)),
            'I' => Ok(Item::NotNamed(Named::Initial)),
            'c' => Ok(Item::Named(Named::NameCharacter)),
            'C' => Ok(Item::NotNamed(Named::NameCharacter)),
            _ => Err(format!("the escape `\\{character}`")),
        }
    }

    /// What stands after `\p`.
    fn property(&mut self) -> Result<classes::Set, String> {
        let braced = self.rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
        let (name, rest) = braced.ok_or("`\\p` without {...}")?;
        self.rest = rest;
        classes::property(name).ok_or_else(|| format!("the property `{name}`"))
    }

    /// What stands after `[`, to its `]`.
    fn class(&mut self) -> Result<Class, String> {
        let mut class = Class { negated: self.take_if('^'), ..Class::default() };
        loop {
            match self.take().ok_or("`[` is not closed")? {
                ']' if !class.items.is_empty() => return Ok(class),
                '-' if !class.items.is_empty() && self.take_if('[') => {
                    self.depth += 1;
                    if self.depth > DEPTH_MAX {
                        return Err(format!("more than {DEPTH_MAX} groups inside each other"));
                    }
                    class.minus = Some(Box::new(self.class()?));
                    self.depth -= 1;
                    return if self.take_if(']') { Ok(class) } else { Err("a subtraction is not the last".into()) };
                }
                character @ (']' | '[') => return Err(format!("`{character}` stands alone in a class")),
                '-' if class.items.is_empty() || self.peek() == Some(']') => class.items.push(Item::Range('-', '-')),
                '-' => return Err("`-` inside a class is neither a range nor at an end".into()),
                '\\' => {
                    let item = self.escape()?;
                    self.range_or(item, &mut class)?;
                }
                character => self.range_or(Item::Range(character, character), &mut class)?,
            }
        }
    }

    /// Adds `item`, or the range that begins with it.
    fn range_or(&mut self, item: Item, class: &mut Class) -> Result<(), String> {
        let mut ahead = self.rest.chars();
        let is_range = ahead.next() == Some('-') && !matches!(ahead.next(), Some(']' | '[') | None);
        if !is_range {
            class.items.push(item);
            return Ok(());
        }
        self.take();
        let end = match self.take() {
            Some('\\') => self.escape()?,
            Some(character) => Item::Range(character, character),
            None => return Err("`[` is not closed".into()),
        };
        match (item, end) {
            (Item::Range(from, _), Item::Range(to, _)) if from <= to => {
                class.items.push(Item::Range(from, to));
                Ok(())
            }
            _ => Err("a range whose ends are not characters in order".into()),
        }
    }
}
